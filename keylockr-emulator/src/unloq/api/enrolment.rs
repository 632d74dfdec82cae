//! `POST /enroll`, `GET /enrolled`, `POST /deactivate`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Call, Outcome, body};
use crate::unloq::{delivery, envelope::Refusal, moment::timestamp, profile::is_email};

/// How long a code for a new device is good.
const ENROL_TIME: u64 = 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enroll {
    email: String,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deactivate {
    email: String,
}

pub(super) fn enroll(call: &Call<'_>) -> Outcome {
    let request: Enroll = body::read(call)?;
    if let Some(name) = &request.name {
        body::text("name", name, 1..=200)?;
    }
    address(&request.email)?;
    let mut world = call.shared.world();
    let exists = world.unloq.by_email(&request.email).is_some();
    if !exists {
        let name = request.name.unwrap_or_default();
        let made = world.unloq.enroll(&request.email, &name);
        made.map_err(|error| Refusal::malformed(error.to_string()))?;
    }
    let code = world.unloq.random.uuid("enrolment");
    let until = timestamp(world.moment().unix + ENROL_TIME);
    drop(world);
    // Nothing is there to be seen: who is to be enrolled is activated on the phone page.
    let qr_url = format!("https://unloq.invalid/enroll/{code}.png");
    let result = json!({ "exists": exists, "qr_url": qr_url, "expire_at": until });
    call.ok("enroll.user", &result)
}

pub(super) fn enrolled(call: &Call<'_>) -> Outcome {
    let email = body::parameter(call, "email")?;
    let email = email.ok_or_else(|| Refusal::malformed("email is missing"))?;
    address(&email)?;
    let world = call.shared.world();
    let enrolled = world
        .unloq
        .by_email(&email)
        .is_some_and(crate::unloq::Profile::enrolled);
    drop(world);
    call.ok("enroll.check", &json!({ "enrolled": enrolled }))
}

pub(super) fn deactivate(call: &Call<'_>) -> Outcome {
    let request: Deactivate = body::read(call)?;
    address(&request.email)?;
    let sent = {
        let mut world = call.shared.world();
        if world.unloq.by_email(&request.email).is_none() {
            return Err(Refusal::USER);
        }
        world.unloq.set_active(&request.email, false)
    };
    let deactivated = sent.is_ok();
    if let Ok(ids) = sent {
        // Whoever asks may be who is told, and not able to do both at once.
        let shared = Arc::clone(call.shared);
        tokio::spawn(async move { delivery::send_all(&shared, ids).await });
    }
    call.ok("enroll.deactivate", &json!({ "deactivated": deactivated }))
}

fn address(email: &str) -> Result<(), Refusal> {
    if is_email(email) {
        Ok(())
    } else {
        Err(Refusal::malformed("email is not an address"))
    }
}
