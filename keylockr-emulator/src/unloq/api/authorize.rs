//! `POST /authorize/:code`: one approval for one operation.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::json;

use super::{Call, Outcome, body, wait};
use crate::unloq::{
    ApprovalKind,
    envelope::Refusal,
    question::{Ask, Shown},
    token::TokenKind,
};

#[derive(Deserialize)]
struct Request {
    unloq_id: Option<u64>,
    email: Option<String>,
    reference: String,
    ip: Option<IpAddr>,
    #[serde(default)]
    generate_token: bool,
    #[serde(flatten)]
    variables: body::Variables,
}

pub(super) async fn answer(call: &Call<'_>, code: &str) -> Outcome {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !(1..=20).contains(&code.len()) || !code.bytes().all(plain) {
        return Err(Refusal::malformed("the code has 1 to 20 of A-Za-z0-9_-"));
    }
    let request: Request = body::read(call)?;
    let reference = body::text("reference", &request.reference, 1..=20)?;
    let profile = body::user(call, request.email.as_deref(), request.unloq_id)?;
    wait::reachable(&profile)?;
    let ask = Ask {
        app: call.api_key.clone(),
        unloq_id: profile.unloq_id,
        kind: ApprovalKind::Authorization,
        method: "UNLOQ",
        shown: Shown {
            message: Some(format!("Action {code}")),
            reference: Some(reference.to_owned()),
            variables: body::variables(request.variables)?,
            ip: request.ip.map(|ip| ip.to_string()),
            requester: None,
        },
        public_key: None,
        wants_key: false,
        source_client: None,
    };
    let id = wait::ask(call.shared, ask);
    wait::answer(call.shared, &id).await?;
    let mut result = json!({ "unloq_id": profile.unloq_id.to_string() });
    if request.generate_token {
        let mut world = call.shared.world();
        let now = world.moment();
        let token = world
            .unloq
            .token(&call.api_key, &id, TokenKind::Access, now);
        result["token"] = token.into();
    }
    call.ok("approval.authorize", &result)
}
