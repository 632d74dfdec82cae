//! UNLOQ's HTTP API (unloq.md 4): paths, methods, who asks.

mod approvals;
mod authenticate;
mod authorize;
mod body;
mod encryption;
mod enrolment;
mod token;
mod user;
mod wait;

pub(super) use wait::answer as wait_for_answer;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};

use super::{
    Envelope, FaultKind,
    envelope::{Refusal, success},
    handle::Body,
    widget,
};
use crate::{
    http::{answer::Answer, listen::to_response},
    world::Shared,
};

/// Longest body of a request.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// Whether a path is UNLOQ's.
pub(crate) fn is_api(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/") || widget::is_widget(path)
}

/// A call of an application that is known.
struct Call<'a> {
    shared: &'a Arc<Shared>,
    api_key: String,
    envelope: Envelope,
    query: Option<&'a str>,
    body: &'a [u8],
}

type Outcome = Result<Answer, Refusal>;

impl Call<'_> {
    fn ok(&self, kind: &str, result: &impl serde::Serialize) -> Outcome {
        Ok(success(self.envelope, kind, result, None))
    }
}

/// Answers a request, its body read.
pub(crate) async fn respond(shared: &Arc<Shared>, request: Request<Bytes>) -> Response<Body> {
    let path = request.uri().path();
    let Some(route) = path.strip_prefix("/v1/") else {
        return to_response(widget::answer(shared, &request));
    };
    if let Some(status) = broken(shared) {
        let page = "<!doctype html><title>Trouble</title><p>Out of order</p>";
        return to_response(Answer::new(status, "text/html; charset=utf-8", page));
    }
    let Some(api_key) = caller(shared, request.headers()) else {
        return to_response(Refusal::APPLICATION.answer(Envelope::Current));
    };
    let settings = shared.world().unloq.settings(&api_key).cloned();
    let Some(settings) = settings else {
        return to_response(Refusal::APPLICATION.answer(Envelope::Current));
    };
    let call = Call {
        shared,
        api_key,
        envelope: settings.envelope,
        query: request.uri().query().filter(|query| !query.is_empty()),
        body: request.body(),
    };
    let events = route == "authenticate" && call.query == Some("events=true");
    let answer = match admit(shared, route, &request) {
        Err(answer) => answer,
        Ok(()) if events && settings.events => match authenticate::events(&call).await {
            Ok(stream) => return stream,
            Err(refusal) => Err(refusal),
        },
        Ok(()) => dispatch(&call, route, request.method()).await,
    };
    to_response(answer.unwrap_or_else(|refusal| refusal.answer(settings.envelope)))
}

/// A page in place of an answer (a fault).
fn broken(shared: &Shared) -> Option<u16> {
    shared.world().unloq.faults.take(|fault| match fault {
        FaultKind::Status(status) => Some(status),
        _ => None,
    })
}

/// The API key of who asks: a bearer key, or the legacy pair, never both (unloq.md 4.1).
fn caller(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Some(None),
            (Some(value), None) => value.to_str().ok().map(Some),
            (Some(_), Some(_)) => None,
        }
    };
    let bearer = one(header::AUTHORIZATION.as_str())?;
    let (key, secret) = (one("x-api-key")?, one("x-api-secret")?);
    let world = shared.world();
    match (bearer, key, secret) {
        (Some(bearer), None, None) => {
            let (scheme, key) = bearer.split_once(' ')?;
            let known = world.unloq.settings(key).is_some();
            (scheme.eq_ignore_ascii_case("bearer") && known).then(|| key.to_owned())
        }
        (None, Some(key), Some(secret)) => {
            let app = world.unloq.settings(key)?;
            let same = subtle::ConstantTimeEq::ct_eq(app.secret.as_bytes(), secret.as_bytes());
            bool::from(same).then(|| key.to_owned())
        }
        _ => None,
    }
}

/// What every call has to keep to, whatever it is.
fn admit(shared: &Shared, route: &str, request: &Request<Bytes>) -> Result<(), Outcome> {
    let faults = &mut shared.world().unloq.faults;
    if faults.hits(FaultKind::Blocked) {
        let words = "the firewall blocks this address";
        return Err(Err(Refusal::new(403, "FIREWALL.BLOCKED", words)));
    }
    if faults.hits(FaultKind::Throttled) {
        let words = "slow down for some minutes";
        return Err(Err(Refusal::new(429, "FIREWALL.THROTTLE", words)));
    }
    let Some(method) = method_of(route) else {
        let words = "there is no such call";
        return Err(Err(Refusal::new(404, "ROUTE.NOT_FOUND", words)));
    };
    if request.method() != method {
        let refusal = Refusal::new(405, "ROUTE.METHOD", "another method");
        let answer = refusal.answer(Envelope::Current);
        return Err(Ok(answer.header("allow", method.as_str())));
    }
    if request.body().len() > MAX_BODY {
        let words = "the body has more than 64 KiB";
        return Err(Err(Refusal::new(413, "DATA.TOO_LARGE", words)));
    }
    if method == Method::POST && !body::is_json(request.headers()) {
        let words = "the body is to be application/json";
        return Err(Err(Refusal::new(415, "DATA.TYPE", words)));
    }
    Ok(())
}

fn method_of(route: &str) -> Option<Method> {
    Some(match route {
        "authenticate" | "token" | "token/session" | "token/device" | "encryption/user"
        | "enroll" | "deactivate" => Method::POST,
        "enrolled" | "approvals" => Method::GET,
        _ if route.starts_with("authorize/") => Method::POST,
        _ if route.starts_with("approvals/") => Method::GET,
        _ => return None,
    })
}

async fn dispatch(call: &Call<'_>, route: &str, method: &Method) -> Outcome {
    let queries = ["authenticate", "enrolled", "approvals"];
    if call.query.is_some() && !queries.contains(&route) {
        return Err(Refusal::malformed("this call has no query"));
    }
    match route {
        "authenticate" => authenticate::answer(call).await,
        "token" => token::exchange(call),
        "token/session" => token::session(call),
        "token/device" => token::device(call),
        "encryption/user" => encryption::answer(call).await,
        "enroll" => enrolment::enroll(call),
        "enrolled" => enrolment::enrolled(call),
        "deactivate" => enrolment::deactivate(call),
        "approvals" => approvals::list(call),
        _ => match route.split_once('/') {
            Some(("authorize", code)) => authorize::answer(call, code).await,
            Some(("approvals", id)) => approvals::read(call, id),
            _ => {
                tracing::debug!(%method, "a call is in one table and not in the other");
                Err(Refusal::new(
                    404,
                    "ROUTE.NOT_FOUND",
                    "there is no such call",
                ))
            }
        },
    }
}
