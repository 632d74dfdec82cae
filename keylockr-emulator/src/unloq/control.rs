//! The control API's calls for UNLOQ, under `/_emu/v1/unloq/`.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::{AppSettings, Fault, FaultKind, Hook, HookEvent, Unloq};
use crate::{
    error::ControlError,
    http::{
        answer::Answer,
        calls::{self, Call},
        control::refused,
    },
    world::{Shared, World},
};

type Result<T> = std::result::Result<T, ControlError>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProfile {
    email: String,
    #[serde(default)]
    first_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    user: String,
    paired: bool,
    #[serde(default = "yes")]
    push: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identified {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbered {
    id: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    api_key: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetHook {
    api_key: String,
    event: HookEvent,
    #[serde(default)]
    hook: Option<Hook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceToken {
    user: String,
    api_key: String,
}

fn yes() -> bool {
    true
}

/// Methods of each path, for 404 and 405.
const PATHS: &[(&str, &str)] = &[
    ("state", "GET"),
    ("apps", "GET, POST, PUT"),
    ("apps/secret", "POST"),
    ("apps/hook", "POST"),
    ("profiles", "GET, POST"),
    ("device", "POST"),
    ("activate", "POST"),
    ("deactivate", "POST"),
    ("otp", "GET"),
    ("approvals", "GET"),
    ("approve", "POST"),
    ("deny", "POST"),
    ("sessions", "GET"),
    ("log_out", "POST"),
    ("outbox", "GET"),
    ("deliveries", "GET"),
    ("redeliver", "POST"),
    ("device_token", "POST"),
    ("faults", "GET, POST, DELETE"),
];

/// Answers a call; its name is without `unloq/`. Calls that send hooks wait for their answers.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call<'_>) -> Answer {
    let Some((_, methods)) = PATHS.iter().find(|(name, _)| *name == call.name) else {
        return refused(404, "unknown call");
    };
    if !methods.split(", ").any(|method| method == call.method) {
        return refused(405, "another method").header("allow", methods);
    }
    let answer = if call.method == "GET" {
        get(shared, call)
    } else {
        change(&Unloq::new(Arc::clone(shared)), call).await
    };
    answer.unwrap_or_else(|error| refused(error.status(), &error.to_string()))
}

fn get(shared: &Arc<Shared>, call: &Call<'_>) -> Result<Answer> {
    let unloq = Unloq::new(Arc::clone(shared));
    match call.name {
        "state" => ok(&state(&mut shared.world(), shared.api())),
        "apps" => ok(&unloq.apps()),
        "profiles" => ok(&unloq.profiles()),
        "otp" => {
            let user = calls::parameter(call, "user=");
            let user = user.ok_or_else(|| ControlError::malformed("?user= is missing"))?;
            ok(&json!({ "otp": unloq.otp(&user)? }))
        }
        "approvals" => ok(&unloq.approvals()),
        "sessions" => ok(&unloq.sessions()),
        "outbox" => ok(&unloq.outbox()),
        "deliveries" => ok(&unloq.deliveries()),
        "faults" => {
            let world = shared.world();
            ok(&json!({ "active": world.unloq.fault_list(), "known": FaultKind::ALL }))
        }
        _ => Err(ControlError::unknown("call", call.name)),
    }
}

async fn change(unloq: &Unloq, call: &Call<'_>) -> Result<Answer> {
    match (call.name, call.method) {
        ("apps", "POST") => made(&unloq.add_app(body::<AppSettings>(call)?)?),
        ("apps", _) => ok(&unloq.configure(body::<AppSettings>(call)?)?),
        ("apps/secret", _) => {
            let it: Secret = body(call)?;
            ok(&unloq.set_secret(&it.api_key, &it.secret)?)
        }
        ("apps/hook", _) => {
            let it: SetHook = body(call)?;
            ok(&unloq.set_hook(&it.api_key, it.event, it.hook)?)
        }
        ("profiles", _) => {
            let it: NewProfile = body(call)?;
            made(&unloq.add_profile(&it.email, &it.first_name)?)
        }
        ("device", _) => {
            let it: Device = body(call)?;
            ok(&unloq.set_device(&it.user, it.paired, it.push)?)
        }
        ("activate", _) => ok(&unloq.activate(&body::<Named>(call)?.user).await?),
        ("deactivate", _) => ok(&unloq.deactivate(&body::<Named>(call)?.user).await?),
        ("approve", _) => ok(&unloq.approve(&body::<Identified>(call)?.id)?),
        ("deny", _) => ok(&unloq.deny(&body::<Identified>(call)?.id)?),
        ("log_out", _) => ok(&unloq.log_out(&body::<Identified>(call)?.id).await?),
        ("redeliver", _) => ok(&unloq.redeliver(body::<Numbered>(call)?.id).await?),
        ("device_token", _) => {
            let it: DeviceToken = body(call)?;
            let token = unloq.device_token(&it.user, &it.api_key)?;
            made(&json!({ "token": token }))
        }
        ("faults", "DELETE") => {
            unloq.clear_faults();
            Ok(Answer::status(204))
        }
        ("faults", _) => {
            unloq.fault(body::<Fault>(call)?)?;
            Ok(Answer::status(204))
        }
        _ => Err(ControlError::unknown("call", call.name)),
    }
}

/// What the phone page shows of UNLOQ. Personal keys, secrets and signatures are not in it.
pub(crate) fn state(world: &mut World, api: &str) -> Json {
    let now = world.moment();
    let unloq = &mut world.unloq;
    let approvals = unloq.open_approvals(now);
    let sessions = unloq.sessions(now);
    let profiles: Vec<Json> = unloq
        .profiles()
        .iter()
        .map(|profile| {
            let otp = unloq.otp(&profile.email, now).ok();
            let mut shown = json!(profile);
            shown["otp"] = json!(otp);
            shown
        })
        .collect();
    json!({
        "api": api,
        "profiles": profiles,
        "approvals": approvals,
        "sessions": sessions,
        "outbox": unloq.outbox(now),
        "deliveries": unloq.deliveries(),
        "apps": unloq.apps(),
        "faults": unloq.fault_list(),
        "otp_left": 60 - now.unix % 60,
    })
}

/// Errors of reading an application's settings could repeat its secrets: they say where only.
fn body<T: DeserializeOwned>(call: &Call<'_>) -> Result<T> {
    serde_json::from_slice(call.body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ControlError::malformed(format!(
            "the body is not as described, near line {line} column {column}"
        ))
    })
}

fn ok(value: &impl Serialize) -> Result<Answer> {
    calls::json(200, value)
}

fn made(value: &impl Serialize) -> Result<Answer> {
    calls::json(201, value)
}
