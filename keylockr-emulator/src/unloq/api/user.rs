//! The user in an answer (unloq.md 4.3).

use serde::Serialize;
use serde_json::Value as Json;

use super::{Call, Outcome, wait};
use crate::unloq::{ApprovalKind, Envelope, envelope::Refusal};

/// What a token stands for.
#[derive(Serialize)]
struct UserData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    unloq_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    email: &'a str,
    approval_id: &'a str,
    method: &'a str,
    ip_source: Option<&'a str>,
    first_name: &'a str,
    last_name: Option<&'a str>,
    image: Option<&'a str>,
    token_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_client: Option<&'a Json>,
}

/// Answers with the user of an approval, who has logged in by this.
pub(super) fn signed_in(call: &Call<'_>, approval: &str, kind: &str) -> Outcome {
    let parcel = wait::parcel(call.shared, approval);
    let mut world = call.shared.world();
    let now = world.moment();
    let gone = |_| Refusal::TOKEN;
    let question = world.unloq.question(approval, now).map_err(gone)?;
    question.told = Some(now.elapsed);
    let asked_for = question.kind == ApprovalKind::EncryptionKey;
    let (shown, method) = (question.shown.clone(), question.method);
    let (unloq_id, source) = (question.unloq_id, question.source_client.clone());
    let token_type = match question.kind {
        ApprovalKind::Authentication => "AUTHENTICATE",
        ApprovalKind::Authorization => "AUTHORIZE",
        ApprovalKind::EncryptionKey => "ENCRYPTION",
    };
    if question.kind == ApprovalKind::Authentication {
        world.unloq.known.insert((call.api_key.clone(), unloq_id));
        world.unloq.kept();
    }
    // A key goes with its user, be it the wrong one.
    let unloq_id = match &parcel {
        Some(parcel) if asked_for => parcel.unloq_id,
        _ => unloq_id,
    };
    let profile = world.unloq.profiles.get(&unloq_id).cloned();
    drop(world);
    let profile = profile.ok_or(Refusal::USER)?;
    let current = call.envelope == Envelope::Current;
    let last_name = Some(profile.last_name.as_str()).filter(|name| !name.is_empty());
    call.ok(
        kind,
        &UserData {
            unloq_id: current.then(|| unloq_id.to_string()),
            id: (!current).then_some(unloq_id),
            email: &profile.email,
            approval_id: approval,
            method,
            ip_source: shown.ip.as_deref(),
            first_name: &profile.first_name,
            last_name,
            image: None,
            token_type,
            encryption_key: parcel.as_ref().map(|parcel| parcel.text.as_str()),
            source_client: source.as_ref(),
        },
    )
}
