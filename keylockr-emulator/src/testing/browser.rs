//! The browser.

use std::{fmt, future::Future, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::Body;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Answer, InProcess, Network, Site, SiteError, TestError, jar::Jar};
use crate::{Approve, Emulator};

/// How long an attempt may take to come to its end.
const PATIENCE: Duration = Duration::from_secs(30);

const JSON: &str = "application/json";

/// A browser with cookies of its own, and one application to talk to.
#[derive(Clone)]
pub struct Browser<S = Network> {
    site: S,
    origin: String,
    mount: String,
    jar: Jar,
}

/// A sign-in that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    handle: String,
    tmp_id: String,
    uri: String,
}

impl Attempt {
    /// The emulator's name for it: `emulator.approve(attempt.tmp_id())`.
    pub fn tmp_id(&self) -> &str {
        &self.tmp_id
    }

    /// The text of the QR code.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The application's handle for it, as in `?attempt=`.
    pub fn handle(&self) -> &str {
        &self.handle
    }
}

/// Who is signed in now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedIn {
    /// The user's stable identifier.
    pub safe_id: String,
    /// For display only.
    pub nickname: Option<String>,
    /// Where the application sends the browser.
    pub next: String,
}

impl Browser {
    /// A browser in front of the application at `origin`, such as `http://127.0.0.1:3000`.
    pub fn new(origin: &str) -> Self {
        Self::of(Network::new(origin), origin)
    }
}

impl<F> Browser<InProcess<F>> {
    /// A browser whose requests go straight into the application: `answer` is called for each of them
    /// with a path for a target. For a tower service that is
    /// `move |request| app.clone().oneshot(request)`. It says that it is at `http://127.0.0.1`.
    pub fn in_process<A, B, E>(answer: F) -> Self
    where
        F: FnMut(Request<Full<Bytes>>) -> A,
        A: Future<Output = Result<Response<B>, E>>,
        B: Body<Data = Bytes>,
        B::Error: Into<SiteError>,
        E: Into<SiteError>,
    {
        Self::of(InProcess::new(answer), "http://127.0.0.1")
    }
}

impl<S: Site> Browser<S> {
    /// A browser in front of anything that answers.
    pub fn of(site: S, origin: &str) -> Self {
        Self {
            site,
            origin: origin.trim_end_matches('/').to_owned(),
            mount: "/login".to_owned(),
            jar: Jar::default(),
        }
    }

    /// Names this origin on its requests, in `Origin` and `Host`: the application's `public_origin`.
    #[must_use]
    pub fn from_origin(mut self, origin: &str) -> Self {
        origin.trim_end_matches('/').clone_into(&mut self.origin);
        self
    }

    /// Finds the sign-in routes below this path; otherwise below `/login`.
    #[must_use]
    pub fn mounted_at(mut self, mount: &str) -> Self {
        mount.trim_end_matches('/').clone_into(&mut self.mount);
        self
    }

    /// Signs a user of the emulator in: begins, approves, waits, finishes.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, with what to do about it.
    pub async fn sign_in(
        &mut self,
        emulator: &Emulator,
        user: &str,
    ) -> Result<SignedIn, TestError> {
        let attempt = self.begin().await?;
        emulator.approve(Approve {
            tmp_id: attempt.tmp_id.clone(),
            user: Some(user.to_owned()),
            ..Approve::default()
        })?;
        let (status, code) = self.end_of(&attempt).await?;
        if status != "done" {
            return Err(TestError::Ended { status, code });
        }
        self.finish(&attempt).await
    }

    /// Begins a sign-in, as the page's script does. The user of the phone is to decide now.
    ///
    /// # Errors
    ///
    /// There are no sign-in routes, or they refuse.
    pub async fn begin(&mut self) -> Result<Attempt, TestError> {
        let path = format!("{}/start", self.mount);
        let answer = self.post_json(&path, &json!({})).await?;
        let started = accepted(&path, 201, &answer)?;
        let text = |name: &'static str| member(&path, &started, name);
        let uri = text("qr")?;
        let tmp_id = uri
            .split_once("tmp_id=")
            .map(|(_, rest)| rest.split('&').next().unwrap_or_default().to_owned());
        Ok(Attempt {
            handle: text("attempt")?,
            tmp_id: tmp_id.ok_or(TestError::Unlike {
                path: path.clone(),
                missing: "a code",
            })?,
            uri,
        })
    }

    /// Listens until the attempt has ended: `done`, `denied`, `expired`, `failed`, `cancelled`, or
    /// `none` where it is used or not this browser's.
    ///
    /// # Errors
    ///
    /// [`TestError::Endless`] after 30 seconds.
    pub async fn outcome(&mut self, attempt: &Attempt) -> Result<String, TestError> {
        self.end_of(attempt).await.map(|(status, _)| status)
    }

    /// Exchanges an attempt that is done for a session.
    ///
    /// # Errors
    ///
    /// [`TestError::Refused`] when it is not done, is used or has ended.
    pub async fn finish(&mut self, attempt: &Attempt) -> Result<SignedIn, TestError> {
        let path = format!("{}/finish?attempt={}", self.mount, attempt.handle);
        let answer = self.post_json(&path, &json!({})).await?;
        let finished = accepted(&path, 200, &answer)?;
        let user = &finished["user"];
        Ok(SignedIn {
            safe_id: member(&path, user, "safe_id")?,
            nickname: user["nickname"].as_str().map(ToOwned::to_owned),
            next: member(&path, &finished, "next")?,
        })
    }

    /// Ends the session.
    ///
    /// # Errors
    ///
    /// The application does not answer, or refuses.
    pub async fn sign_out(&mut self) -> Result<(), TestError> {
        let path = format!("{}/logout", self.mount);
        let answer = self.post_json(&path, &json!({})).await?;
        match answer.status() {
            204 => Ok(()),
            status => Err(TestError::refused(&path, status)),
        }
    }

    /// A program's GET.
    ///
    /// # Errors
    ///
    /// [`TestError::NoAnswer`] and [`TestError::Unsendable`], as all requests.
    pub async fn get(&mut self, path: &str) -> Result<Answer, TestError> {
        self.request(Method::GET, path, "*/*", None).await
    }

    /// A person's GET: it accepts HTML, so that a guard leads to the sign-in page.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn page(&mut self, path: &str) -> Result<Answer, TestError> {
        let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
        self.request(Method::GET, path, accept, None).await
    }

    /// A POST of one of the application's own pages.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn post_json(&mut self, path: &str, body: &Value) -> Result<Answer, TestError> {
        let body = Bytes::from(body.to_string());
        self.request(Method::POST, path, JSON, Some((JSON, body)))
            .await
    }

    /// Any request, with this browser's cookies, `Host` and, unless it is a GET, `Origin`. What it
    /// says of these itself stays.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, TestError> {
        let path = request.uri().to_string();
        let bad = |_| TestError::Unsendable(self.origin.clone());
        let host = self.origin.split_once("://");
        let host = host.map_or(self.origin.as_str(), |(_, host)| host);
        let host = HeaderValue::try_from(host).map_err(bad)?;
        let origin = HeaderValue::try_from(&self.origin).map_err(bad)?;
        let is_get = request.method() == Method::GET;
        let headers = request.headers_mut();
        headers.entry(header::HOST).or_insert(host);
        if !is_get {
            headers.entry(header::ORIGIN).or_insert(origin);
        }
        if let Some(cookies) = self.jar.header() {
            headers.entry(header::COOKIE).or_insert(cookies);
        }
        let answer = self.site.answer(request).await;
        let answer = answer.map_err(|source| TestError::NoAnswer { path, source })?;
        self.jar.keep(answer.headers());
        Ok(Answer::new(answer))
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name)
    }

    /// Forgets all cookies, as a new profile.
    pub fn forget_cookies(&mut self) {
        self.jar.clear();
    }

    async fn request(
        &mut self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Answer, TestError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, accept);
        let bytes = match body {
            Some((content_type, bytes)) => {
                request = request.header(header::CONTENT_TYPE, content_type);
                bytes
            }
            None => Bytes::new(),
        };
        let request = request
            .body(Full::new(bytes))
            .map_err(|_| TestError::Unsendable(path.to_owned()))?;
        self.send(request).await
    }

    /// The final status, and its code. The events end with it.
    async fn end_of(&mut self, attempt: &Attempt) -> Result<(String, Option<String>), TestError> {
        let path = format!("{}/events?attempt={}", self.mount, attempt.handle);
        let events = tokio::time::timeout(PATIENCE, self.get(&path));
        let events = events.await.map_err(|_| TestError::Endless)??;
        if events.status() != 200 {
            return Err(TestError::refused(&path, events.status()));
        }
        let text = events.text();
        let last = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("data:"));
        let status: Option<Value> = last.and_then(|data| serde_json::from_str(data).ok());
        let status = status.ok_or(TestError::Unlike {
            path: path.clone(),
            missing: "a status",
        })?;
        let code = status["error"]["code"].as_str().map(ToOwned::to_owned);
        Ok((member(&path, &status, "status")?, code))
    }
}

impl<S> fmt::Debug for Browser<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("origin", &self.origin)
            .field("mount", &self.mount)
            .finish_non_exhaustive()
    }
}

/// The JSON of an answer of the right status.
fn accepted(path: &str, status: u16, answer: &Answer) -> Result<Value, TestError> {
    if answer.status() != status {
        return Err(TestError::refused(path, answer.status()));
    }
    answer.json().map_err(|_| TestError::Unlike {
        path: path.to_owned(),
        missing: "JSON",
    })
}

fn member(path: &str, value: &Value, missing: &'static str) -> Result<String, TestError> {
    let text = value[missing].as_str().map(ToOwned::to_owned);
    text.ok_or(TestError::Unlike {
        path: path.to_owned(),
        missing,
    })
}
