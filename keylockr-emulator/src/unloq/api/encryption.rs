//! `POST /encryption/user`: a personal key, after the user approved (unloq.md 5.2).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Call, Outcome, body, wait};
use crate::unloq::{
    ApprovalKind,
    envelope::Refusal,
    question::{Ask, Shown},
    token::TokenKind,
};

const KIND: &str = "approval.encryption";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    unloq_id: Option<u64>,
    email: Option<String>,
    message: Option<String>,
    requester_id: Option<u64>,
    public_key: Option<String>,
    #[serde(default)]
    generate_token: bool,
    ip: Option<IpAddr>,
}

#[derive(Serialize)]
struct Delivered<'a> {
    unloq_id: String,
    encryption_key: &'a str,
}

pub(super) async fn answer(call: &Call<'_>) -> Outcome {
    let request: Request = body::read(call)?;
    if let Some(message) = &request.message {
        body::text("message", message, 1..=200)?;
    }
    let profile = body::user(call, request.email.as_deref(), request.unloq_id)?;
    let requester = requester(call, request.requester_id)?;
    let public_key = body::public_key(call, request.public_key.as_deref(), profile.unloq_id)?;
    permitted(call, profile.unloq_id)?;
    wait::reachable(&profile)?;
    let ask = Ask {
        app: call.api_key.clone(),
        unloq_id: profile.unloq_id,
        kind: ApprovalKind::EncryptionKey,
        method: "UNLOQ",
        shown: Shown {
            message: request.message,
            ip: request.ip.map(|ip| ip.to_string()),
            requester,
            ..Shown::default()
        },
        public_key,
        wants_key: true,
        source_client: None,
    };
    let id = wait::ask(call.shared, ask);
    wait::answer(call.shared, &id).await?;
    if request.generate_token {
        return by_token(call, &id);
    }
    let parcel = wait::parcel(call.shared, &id).ok_or(Refusal::TIMEOUT)?;
    call.ok(
        KIND,
        &Delivered {
            unloq_id: parcel.unloq_id.to_string(),
            encryption_key: &parcel.text,
        },
    )
}

/// The key stays behind the token.
fn by_token(call: &Call<'_>, id: &str) -> Outcome {
    let mut world = call.shared.world();
    let now = world.moment();
    let question = world
        .unloq
        .question(id, now)
        .map_err(|_| Refusal::TIMEOUT)?;
    let unloq_id = match &question.parcel {
        Some(parcel) => parcel.unloq_id,
        None => question.unloq_id,
    };
    let token = world.unloq.token(&call.api_key, id, TokenKind::Access, now);
    drop(world);
    call.ok(
        KIND,
        &json!({ "unloq_id": unloq_id.to_string(), "token": token }),
    )
}

/// The mode allows it, and the user has logged in here before.
fn permitted(call: &Call<'_>, unloq_id: u64) -> Result<(), Refusal> {
    let world = call.shared.world();
    let app = world.unloq.settings(&call.api_key);
    if !app.is_some_and(|app| app.mode.by_asking()) {
        let words = "keys of this application come with a login only";
        return Err(Refusal::new(403, "APPROVAL.ENCRYPTION", words));
    }
    if !world
        .unloq
        .known
        .contains(&(call.api_key.clone(), unloq_id))
    {
        let words = "the user has not logged in to this application yet";
        return Err(Refusal::new(403, "APPROVAL.ENCRYPTION", words));
    }
    Ok(())
}

fn requester(call: &Call<'_>, id: Option<u64>) -> Result<Option<String>, Refusal> {
    let Some(id) = id else { return Ok(None) };
    let world = call.shared.world();
    let found = world.unloq.profiles.get(&id).ok_or(Refusal::USER)?;
    Ok(Some(found.email.clone()))
}
