//! Who has a device: `enrolled`, `enroll`, `deactivate`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::{Answer, Client, invalid};
use crate::envelope::{self, object, text};
use crate::error::{Endpoint, Error, InvalidRequest, Problem};
use crate::who::Email;

/// Longest address of a QR code that is taken.
const MAX_URL: usize = 4096;

/// An enrolment that was started.
#[derive(Clone, Debug)]
pub struct Enrolment {
    exists: bool,
    qr_url: Option<Box<str>>,
    expire_at: Option<Box<str>>,
    kind: Option<Box<str>>,
}

impl Enrolment {
    /// Whether UNLOQ knew the user already.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// The address of the QR code that the user scans. It enrols whoever scans it: not for logs.
    /// Foreign text, at most 4,096 bytes; only `https` addresses are let through.
    pub fn qr_url(&self) -> Option<&str> {
        self.qr_url.as_deref()
    }

    /// Until when, in the form that UNLOQ chose. Foreign text.
    pub fn expire_at(&self) -> Option<&str> {
        self.expire_at.as_deref()
    }

    /// The informational `type` of the answer (U 4.2).
    pub fn answer_type(&self) -> Option<&str> {
        self.kind.as_deref()
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    email: &'a Email,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Deserialize)]
struct Enrolled {
    enrolled: bool,
}

#[derive(Deserialize)]
struct Deactivated {
    deactivated: bool,
}

#[derive(Deserialize)]
struct Started<'a> {
    exists: bool,
    #[serde(borrow)]
    qr_url: Option<&'a RawValue>,
    #[serde(borrow)]
    expire_at: Option<&'a RawValue>,
}

impl Client {
    /// Whether the user has a verified device. This is what an activation hook is held against
    /// (U 2.3): on any error, keep the account locked and ask again later.
    pub async fn enrolled(&self, email: &Email) -> Result<bool, Error> {
        let endpoint = Endpoint::Enrolled;
        let answer = self.get(endpoint, "email", email.as_str()).await?;
        let enrolled: Enrolled = result(endpoint, &answer)?;
        Ok(enrolled.enrolled)
    }

    /// Starts an enrolment; `name`, 1 to 200 characters, is shown to the user.
    pub async fn enroll(&self, email: &Email, name: Option<&str>) -> Result<Enrolment, Error> {
        let endpoint = Endpoint::Enroll;
        if name.is_some_and(|name| !(1..=200).contains(&name.chars().count())) {
            return Err(Error::Config {
                endpoint,
                problem: InvalidRequest::Name,
            });
        }
        let answer = self.post(endpoint, "", &Wire { email, name }).await?;
        let success = envelope::read(endpoint, answer.status, answer.body.as_slice())?;
        let unusable = || invalid(endpoint, answer.status, Problem::Result);
        let started: Started<'_> = object(success.result.get().as_bytes()).ok_or_else(unusable)?;
        let qr_url = match started.qr_url {
            Some(raw) => {
                let url = text(raw).filter(|url| is_web(url)).ok_or_else(unusable)?;
                Some(url)
            }
            None => None,
        };
        Ok(Enrolment {
            exists: started.exists,
            qr_url,
            expire_at: started.expire_at.and_then(scalar),
            kind: success.kind,
        })
    }

    /// Starts or does the deactivation of the user; `true` if it is done.
    pub async fn deactivate(&self, email: &Email) -> Result<bool, Error> {
        let endpoint = Endpoint::Deactivate;
        let answer = self.post(endpoint, "", &Wire { email, name: None }).await?;
        let deactivated: Deactivated = result(endpoint, &answer)?;
        Ok(deactivated.deactivated)
    }
}

fn result<'a, T: Deserialize<'a>>(endpoint: Endpoint, answer: &'a Answer) -> Result<T, Error> {
    let success = envelope::read(endpoint, answer.status, answer.body.as_slice())?;
    object(success.result.get().as_bytes())
        .ok_or_else(|| invalid(endpoint, answer.status, Problem::Result))
}

/// Ends up in the `src` of a picture.
fn is_web(url: &str) -> bool {
    url.len() <= MAX_URL && url::Url::parse(url).is_ok_and(|url| url.scheme() == "https")
}

/// A time, as text or as a number.
fn scalar(raw: &RawValue) -> Option<Box<str>> {
    let json = raw.get();
    let number = json
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let text = if number { Some(json.into()) } else { text(raw) };
    text.filter(|text| text.len() <= 64)
}
