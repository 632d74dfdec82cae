//! `POST /token`, `/token/session` and `/token/device`.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::json;

use super::{Call, Outcome, body, user};
use crate::unloq::{
    ApprovalKind, ApprovalStatus,
    envelope::Refusal,
    token::{BadToken, LIFE, TokenKind},
};

const UNKNOWN: Refusal = Refusal::new(404, "APPROVAL.NOT_FOUND", "there is no such sign-in");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    token: String,
    sid: Option<String>,
    duration: Option<std::num::NonZeroU32>,
    #[serde(rename = "ip")]
    _ip: Option<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    sid: String,
    duration: Option<std::num::NonZeroU32>,
    token: Option<String>,
    approval_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    token: String,
}

impl From<BadToken> for Refusal {
    fn from(bad: BadToken) -> Self {
        match bad {
            BadToken::Unknown => Self::TOKEN,
            BadToken::Expired => Self::EXPIRED,
        }
    }
}

pub(super) fn exchange(call: &Call<'_>) -> Outcome {
    let request: Exchange = body::read(call)?;
    let sid = request.sid.as_deref().map(handle).transpose()?;
    let approval = take(call, &request.token, TokenKind::Access)?;
    if let Some(sid) = sid {
        attach(call, &approval, sid, request.duration.map(Into::into))?;
    }
    user::signed_in(call, &approval, "approval.token")
}

pub(super) fn device(call: &Call<'_>) -> Outcome {
    let request: Device = body::read(call)?;
    let approval = take(call, &request.token, TokenKind::Device)?;
    user::signed_in(call, &approval, "approval.device")
}

pub(super) fn session(call: &Call<'_>) -> Outcome {
    let request: Session = body::read(call)?;
    let sid = handle(&request.sid)?;
    let approval = match (&request.token, request.approval_id) {
        (Some(token), None) => {
            let mut world = call.shared.world();
            let now = world.moment();
            world.unloq.tokens.exchanged(token, &call.api_key, now)?
        }
        (None, Some(id)) => told(call, id)?,
        _ => return Err(Refusal::malformed("either token or approval_id")),
    };
    attach(call, &approval, sid, request.duration.map(Into::into))?;
    call.ok("approval.session", &json!({}))
}

/// The approval whose user the application was told of less than a minute ago.
fn told(call: &Call<'_>, id: String) -> Result<String, Refusal> {
    let mut world = call.shared.world();
    let now = world.moment();
    let question = world.unloq.question(&id, now).map_err(|_| UNKNOWN)?;
    let told = question.told.ok_or(UNKNOWN)?;
    if now.elapsed.saturating_sub(told) >= LIFE {
        return Err(Refusal::EXPIRED);
    }
    Ok(id)
}

fn take(call: &Call<'_>, token: &str, kind: TokenKind) -> Result<String, Refusal> {
    let mut world = call.shared.world();
    let now = world.moment();
    let tokens = &mut world.unloq.tokens;
    Ok(tokens.exchange(token, &call.api_key, kind, now)?)
}

/// Attaches a session to a sign-in, once (unloq.md 4.3).
fn attach(call: &Call<'_>, approval: &str, sid: &str, seconds: Option<u32>) -> Result<(), Refusal> {
    let mut world = call.shared.world();
    let now = world.moment();
    let question = world.unloq.question(approval, now).map_err(|_| UNKNOWN)?;
    let signed_in = question.kind == ApprovalKind::Authentication
        && question.status == ApprovalStatus::Approved
        && question.app == call.api_key;
    if !signed_in {
        return Err(UNKNOWN);
    }
    if question.session {
        let words = "a session is attached already";
        return Err(Refusal::new(409, "SESSION.EXISTS", words));
    }
    question.session = true;
    let unloq_id = question.unloq_id;
    let seconds = seconds.map(u64::from);
    let of = (call.api_key.as_str(), unloq_id);
    world.unloq.sessions.add(of, sid, seconds, now);
    world.unloq.changed();
    Ok(())
}

/// A session handle (unloq.md 3.2).
fn handle(sid: &str) -> Result<&str, Refusal> {
    let sid = body::text("sid", sid, 1..=128)?;
    if sid.contains("unloq_id") {
        return Err(Refusal::malformed("sid holds the text unloq_id"));
    }
    Ok(sid)
}
