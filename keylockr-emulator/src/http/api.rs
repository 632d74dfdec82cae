//! KeyLockr's own API: paths, methods and codes of keylockr.md 4 and 12.3.

use std::{net::IpAddr, time::Duration};

use serde_json::json;

use super::answer::Answer;
use crate::{
    server::{Handshake, Pair},
    wire::{
        error::WireError,
        text::{percent_decode, to_base64},
        value::Map,
        writer,
    },
    world::{Line, Shared},
};

/// Longest request body.
pub(crate) const MAX_BODY: usize = 65_536;
const MSGPACK: &str = "application/octet-stream";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// One request, its body read.
#[derive(Debug)]
pub(crate) struct ApiRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) peer: IpAddr,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    KeyEnc,
    KeySign,
    Clock,
    Handshake,
    Socket,
    Verify,
}

impl Route {
    fn find(path: &str) -> Option<Self> {
        Some(match path.strip_prefix("/v3/")? {
            "key_enc" => Self::KeyEnc,
            "key_sign" => Self::KeySign,
            "clock" => Self::Clock,
            "handshake" => Self::Handshake,
            "ws" => Self::Socket,
            "app_verify" => Self::Verify,
            _ => return None,
        })
    }

    fn method(self) -> &'static str {
        match self {
            Self::Handshake | Self::Verify => "POST",
            Self::KeyEnc | Self::KeySign | Self::Clock | Self::Socket => "GET",
        }
    }

    /// Pages of other origins may use it (11.21).
    fn shared_with_pages(self) -> bool {
        matches!(
            self,
            Self::KeyEnc | Self::KeySign | Self::Clock | Self::Handshake
        )
    }
}

/// Answers a request. A WebSocket upgrade does not come here: see [`open_socket`].
pub(crate) fn answer(shared: &Shared, request: &ApiRequest<'_>) -> Answer {
    let Some(route) = Route::find(request.path) else {
        return Answer::status(404);
    };
    let answer = if request.method == route.method() {
        routed(shared, route, request)
    } else if request.method == "OPTIONS" && route.shared_with_pages() {
        Answer::status(204)
            .header("access-control-allow-methods", route.method())
            .header("access-control-allow-headers", "content-type, accept")
            .header("access-control-max-age", "600")
    } else {
        Answer::status(405).header("allow", route.method())
    };
    for_pages(request.path, answer)
}

/// Lets pages of other origins read an answer, where they may (11.21).
pub(crate) fn for_pages(path: &str, answer: Answer) -> Answer {
    if Route::find(path).is_some_and(Route::shared_with_pages) {
        answer.header("access-control-allow-origin", "*")
    } else {
        answer
    }
}

fn routed(shared: &Shared, route: Route, request: &ApiRequest<'_>) -> Answer {
    if request.body.len() > MAX_BODY {
        return Answer::status(413);
    }
    match route {
        Route::KeyEnc | Route::KeySign => {
            let key = shared.world().server.served_key(route == Route::KeySign);
            Answer::new(200, TEXT, to_base64(&key))
        }
        Route::Clock => {
            let ts = shared.world().server.served_time();
            Answer::new(200, JSON, json!({ "_res": "ok", "ts": ts }).to_string())
        }
        Route::Handshake => handshake(shared, request),
        Route::Verify => verify(shared, request),
        Route::Socket => match check_socket(shared, request.query) {
            // The signature is good, but this is no upgrade.
            Ok(()) => Answer::status(400),
            Err(_) => Answer::status(401),
        },
    }
}

fn handshake(shared: &Shared, request: &ApiRequest<'_>) -> Answer {
    if let Err(wait) = shared.world().server.admit_handshake(request.peer) {
        return Answer::status(429).header("retry-after", &seconds(wait).to_string());
    }
    let Ok(hello) = Handshake::decode(request.body) else {
        return Answer::status(400);
    };
    let outcome = hello.map_err(str::to_owned).and_then(|hello| {
        let keys = std::sync::Arc::clone(shared.world().server.keys());
        let pair = Pair::new(&keys, &hello.enc_public).map_err(|_| "param_invalid".to_owned())?;
        shared.world().server.handshake(hello, pair)
    });
    let body = match outcome {
        Ok(tmp_id) => {
            let plain = shared.world().server.omits_res(&tmp_id);
            Map::new()
                .with_some("_res", (!plain).then_some("ok"))
                .with("tmp_id", tmp_id)
        }
        Err(code) => Map::new().with("_res", "err").with("code", code),
    };
    Answer::new(200, MSGPACK, writer::encode_map(&body))
}

fn verify(shared: &Shared, request: &ApiRequest<'_>) -> Answer {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(request.body) else {
        return Answer::status(400);
    };
    let Some(fields) = body.as_object() else {
        return Answer::new(
            200,
            JSON,
            json!({ "_res": "err", "code": "param_invalid" }).to_string(),
        );
    };
    let reply = shared.world().server.verify(fields, request.peer);
    Answer {
        delay: reply.delay,
        ..Answer::new(reply.status, JSON, reply.body)
    }
}

/// Opens the socket that the query's `sig` is for; otherwise the status in place of 101.
pub(crate) fn open_socket(shared: &Shared, query: Option<&str>) -> Result<Line, u16> {
    let opened = sig_of(query)
        .ok_or(WireError::Identity)
        .and_then(|sig| shared.open(&sig));
    opened.map_err(|error| {
        tracing::debug!(%error, "a socket was refused");
        401
    })
}

fn check_socket(shared: &Shared, query: Option<&str>) -> Result<(), WireError> {
    shared
        .check(&sig_of(query).ok_or(WireError::Identity)?)
        .map(drop)
}

fn sig_of(query: Option<&str>) -> Option<String> {
    let mut values = query?
        .split('&')
        .filter_map(|pair| pair.strip_prefix("sig="));
    match (values.next(), values.next()) {
        (Some(value), None) => percent_decode(value),
        _ => None,
    }
}

/// Whether the query's `sig` is good now.
pub(crate) fn proves_identity(shared: &Shared, query: Option<&str>) -> bool {
    check_socket(shared, query).is_ok()
}

/// Whether a request of this kind has a body that is looked at.
pub(crate) fn reads_body(method: &str, path: &str) -> bool {
    method == "POST" && Route::find(path).is_some_and(|route| route.method() == "POST")
}

/// Whether a path and method are the socket's.
pub(crate) fn is_socket(method: &str, path: &str) -> bool {
    method == "GET" && Route::find(path) == Some(Route::Socket)
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
