//! A browser without a network: cookies, headers and one service to send requests to.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeMap, convert::Infallible, fmt::Display};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request::Builder};
use http_body_util::{BodyExt, Full};
use keylockr_emulator::{Approve, Emulator};
use serde_json::Value;
use tower::{Service, ServiceExt};

/// Where the sites of these tests are reached.
pub(crate) const ORIGIN: &str = "https://site.example";

#[derive(Clone, Debug)]
pub(crate) struct Browser<S> {
    pub(crate) service: S,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// A response whose body was read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl<S, B> Browser<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes, Error: Display> + Unpin,
{
    pub(crate) fn new(service: S) -> Self {
        Self {
            service,
            cookies: BTreeMap::new(),
        }
    }

    /// The session cookie's value.
    pub(crate) fn session(&self) -> Option<&str> {
        self.cookies.get("id").map(String::as_str)
    }

    /// Sends a request as it is, with the cookies, and keeps the cookies of the answer.
    pub(crate) async fn open(&mut self, request: Builder, body: impl Into<Bytes>) -> Response<B> {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = match cookies.is_empty() {
            true => request,
            false => request.header(header::COOKIE, cookies.join("; ")),
        };
        let request = request.body(Full::new(body.into())).expect("a request");
        let Ok(response) = self.service.clone().oneshot(request).await;
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            match rest.split(';').next().unwrap_or_default() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        response
    }

    pub(crate) async fn send(&mut self, request: Builder, body: impl Into<Bytes>) -> Reply {
        read(self.open(request, body).await).await
    }

    /// A program's GET.
    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(Request::get(path), "").await
    }

    /// A person's GET.
    pub(crate) async fn page(&mut self, path: &str) -> Reply {
        let request = Request::get(path).header(header::ACCEPT, "text/html,*/*;q=0.8");
        self.send(request, "").await
    }

    /// A POST of our own page's script.
    pub(crate) async fn post(&mut self, path: &str, json: &str) -> Reply {
        let request = Request::post(path)
            .header(header::ORIGIN, ORIGIN)
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request, json.to_owned()).await
    }

    /// Starts an attempt and lets the phone approve it; the attempt's handle.
    pub(crate) async fn approved(
        &mut self,
        emulator: &Emulator,
        user: &str,
        mount: &str,
    ) -> String {
        let started = self.post(&format!("{mount}/start"), "{}").await;
        assert_eq!(started.status, StatusCode::CREATED, "{}", started.text);
        let started = started.json();
        let attempt = started["attempt"].as_str().unwrap().to_owned();
        let (_, tmp_id) = started["qr"]
            .as_str()
            .and_then(|uri| uri.split_once("tmp_id="))
            .expect("a code");
        emulator
            .approve(Approve {
                tmp_id: tmp_id.to_owned(),
                user: Some(user.to_owned()),
                ..Approve::default()
            })
            .expect("an approval");
        let events = started["events"].as_str().unwrap().to_owned();
        let events = self.get(&events).await; // ends with the final status
        assert!(
            events.text.contains(r#""status":"done""#),
            "{}",
            events.text
        );
        attempt
    }

    /// Signs in by the routes at `mount`.
    pub(crate) async fn sign_in_at(
        &mut self,
        emulator: &Emulator,
        user: &str,
        mount: &str,
    ) -> Reply {
        let attempt = self.approved(emulator, user, mount).await;
        let finish = format!("{mount}/finish?attempt={attempt}");
        let reply = self.post(&finish, "").await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply
    }

    pub(crate) async fn sign_in(&mut self, emulator: &Emulator, user: &str) -> Reply {
        self.sign_in_at(emulator, user, "/login").await
    }
}

async fn read<B>(response: Response<B>) -> Reply
where
    B: http_body::Body<Data = Bytes, Error: Display>,
{
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        panic!("the body broke");
    };
    Reply {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    }
}

/// A request of a method that browsers do not send by themselves.
pub(crate) fn request(method: Method, path: &str) -> Builder {
    Request::builder().method(method).uri(path)
}
