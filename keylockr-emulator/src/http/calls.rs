//! The control API's calls: JSON in, JSON out.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::{answer::Answer, control::refused};
use crate::{
    error::ControlError,
    faults::Fault,
    model::{Approve, NewService},
    wire::text::percent_decode,
    world::Shared,
};

const JSON: &str = "application/json";

type Result<T> = std::result::Result<T, ControlError>;

/// One call, its body read.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) name: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    user: String,
    #[serde(default)]
    nickname: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scanned {
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    tmp_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    tmp_id: String,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    delay_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    tmp_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Standing {
    user: String,
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    app_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renamed {
    app_id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOffset {
    offset: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFault {
    fault: String,
    #[serde(default)]
    args: Json,
    #[serde(default)]
    times: Option<u32>,
    #[serde(default)]
    tmp_id: Option<String>,
    #[serde(default)]
    app_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pushed {
    id: String,
    from: String,
    body: Json,
}

/// Methods of each path, for 404 and 405.
const PATHS: &[(&str, &str)] = &[
    ("health", "GET"),
    ("services", "GET, POST"),
    ("users", "GET, POST"),
    ("pending", "GET"),
    ("connections", "GET"),
    ("scan", "POST"),
    ("approve", "POST"),
    ("deny", "POST"),
    ("lock", "POST"),
    ("unlock", "POST"),
    ("filekey/approve", "POST"),
    ("filekey/deny", "POST"),
    ("filekey/standing", "POST"),
    ("revoke", "POST"),
    ("rename", "POST"),
    ("clock", "POST"),
    ("rotate_keys", "POST"),
    ("faults", "GET, POST, DELETE"),
    ("push", "POST"),
    ("frames", "GET"),
    ("stream", "GET"),
    ("reset", "POST"),
];

/// Answers a call.
pub(crate) fn answer(shared: &Shared, call: &Call<'_>) -> Answer {
    let Some((_, methods)) = PATHS.iter().find(|(name, _)| *name == call.name) else {
        return refused(404, "unknown call");
    };
    if !methods.split(", ").any(|method| method == call.method) {
        return refused(405, "another method").header("allow", methods);
    }
    let answer = if call.method == "GET" {
        get(shared, call)
    } else {
        change(shared, call)
    };
    answer.unwrap_or_else(|error| refused(error.status(), &error.to_string()))
}

fn get(shared: &Shared, call: &Call<'_>) -> Result<Answer> {
    let world = shared.world();
    match call.name {
        "health" => ok(&json!({ "ok": true })),
        "services" => ok(&world.server.service_list()),
        "users" => ok(&world.phones.list()),
        "pending" => ok(&world.server.pending()),
        "connections" => ok(&world.connections()),
        "faults" => ok(&world.server.faults.to_json()),
        "frames" => {
            let id =
                parameter(call, "id=").ok_or_else(|| ControlError::malformed("?id= is missing"))?;
            ok(&world.frames(&id)?)
        }
        _ => Err(ControlError::unknown("call", call.name)),
    }
}

fn change(shared: &Shared, call: &Call<'_>) -> Result<Answer> {
    let mut world = shared.world();
    match (call.name, call.method) {
        ("services", _) => {
            let service: NewService = body(call)?;
            return json(201, &world.server.add_service(service)?);
        }
        ("users", _) => {
            let new: NewUser = body(call)?;
            return json(201, &world.create_user(&new.user, new.nickname.as_deref())?);
        }
        ("scan", _) => {
            let scanned: Scanned = body(call)?;
            return match (scanned.uri, scanned.tmp_id) {
                (Some(text), None) | (None, Some(text)) => ok(&world.scan(&text)?),
                _ => Err(ControlError::malformed("either uri or tmp_id")),
            };
        }
        ("approve", _) => {
            let it: Approval = body(call)?;
            let delay = Duration::from_millis(it.delay_ms.unwrap_or(0));
            let approve = Approve {
                tmp_id: it.tmp_id,
                user: it.user,
                delay,
            };
            return ok(&world.approve(&approve)?);
        }
        ("deny", _) => world.deny(&body::<Attempt>(call)?.tmp_id)?,
        ("lock", _) => world.lock(&body::<Named>(call)?.user)?,
        ("unlock", _) => world.unlock(&body::<Named>(call)?.user)?,
        ("filekey/approve", _) => world.answer_filekey(&body::<App>(call)?.app_id, true)?,
        ("filekey/deny", _) => world.answer_filekey(&body::<App>(call)?.app_id, false)?,
        ("filekey/standing", _) => {
            let it: Standing = body(call)?;
            world.standing(&it.user, it.on)?;
        }
        ("revoke", _) => world.revoke(&body::<App>(call)?.app_id)?,
        ("rename", _) => {
            let it: Renamed = body(call)?;
            world.rename(&it.app_id, &it.name)?;
        }
        ("clock", _) => world
            .server
            .set_clock_offset(body::<ClockOffset>(call)?.offset),
        ("rotate_keys", _) => world.server.rotate_keys(),
        ("faults", "DELETE") => world.clear_faults(parameter(call, "fault=").as_deref()),
        ("faults", _) => {
            let it: SetFault = body(call)?;
            let fault = Fault::parse(&it.fault, &it.args)?;
            world.fault(Fault {
                times: it.times,
                tmp_id: it.tmp_id,
                app_id: it.app_id,
                ..fault
            })?;
        }
        ("push", _) => {
            let it: Pushed = body(call)?;
            world.push(&it.id, &it.from, &it.body)?;
        }
        ("reset", _) => world.reset(),
        _ => return Err(ControlError::unknown("call", call.name)),
    }
    Ok(Answer::status(204))
}

/// A parameter of the query; `name` ends with its `=`.
pub(crate) fn parameter(call: &Call<'_>, name: &str) -> Option<String> {
    let mut pairs = call.query?.split('&');
    pairs
        .find_map(|pair| pair.strip_prefix(name))
        .and_then(percent_decode)
}

fn body<T: DeserializeOwned>(call: &Call<'_>) -> Result<T> {
    serde_json::from_slice(call.body)
        .map_err(|error| ControlError::malformed(format!("the body is not as described: {error}")))
}

fn ok(value: &impl Serialize) -> Result<Answer> {
    json(200, value)
}

pub(crate) fn json(status: u16, value: &impl Serialize) -> Result<Answer> {
    let text = serde_json::to_vec(value)
        .map_err(|error| ControlError::conflict(format!("cannot be shown: {error}")))?;
    Ok(Answer::new(status, JSON, text))
}
