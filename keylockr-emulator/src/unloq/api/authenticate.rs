//! `POST /authenticate`: by push, by one-time password, by a mailed link.

use std::net::IpAddr;

use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Call, Outcome, body, user, wait};
use crate::unloq::{
    AppSettings, ApprovalKind, Mail, Profile,
    envelope::Refusal,
    event,
    handle::Body,
    hook,
    question::{Ask, Shown},
    token::TokenKind,
};

const KIND: &str = "approval.authenticate";

#[derive(Deserialize)]
struct Request {
    email: Option<String>,
    unloq_id: Option<u64>,
    #[serde(default)]
    method: Method,
    ip: Option<IpAddr>,
    token: Option<String>,
    #[serde(default = "yes")]
    generate_token: bool,
    #[serde(default, rename = "ask_trusted")]
    _ask_trusted: bool,
    source_client: Option<SourceClient>,
    public_key: Option<String>,
    #[serde(flatten)]
    variables: body::Variables,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Method {
    #[default]
    #[serde(rename = "UNLOQ")]
    Push,
    #[serde(rename = "OTP")]
    Otp,
    #[serde(rename = "EMAIL")]
    Mail,
}

/// Comes back as it is.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SourceClient {
    ip: Option<IpAddr>,
    #[serde(rename = "user-agent")]
    user_agent: Option<String>,
}

fn yes() -> bool {
    true
}

/// A request that was understood, of a user who is there.
struct Asked {
    request: Request,
    profile: Profile,
    app: AppSettings,
}

/// An ordinary answer.
pub(super) async fn answer(call: &Call<'_>) -> Outcome {
    if !matches!(call.query, None | Some("events=true" | "events=false")) {
        return Err(Refusal::malformed("the query is not as described"));
    }
    let asked = read(call)?;
    match asked.request.method {
        Method::Mail => mail(call, &asked),
        Method::Otp => {
            let id = by_otp(call, &asked)?;
            finish(call, &id, asked.request.generate_token)
        }
        Method::Push => {
            let generate_token = asked.request.generate_token;
            let id = push(call, asked)?;
            wait::answer(call.shared, &id).await?;
            finish(call, &id, generate_token)
        }
    }
}

/// The same as a stream of events; what is refused before the device is asked, is refused as
/// usual.
pub(super) async fn events(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let asked = read(call)?;
    if asked.request.method != Method::Push {
        let answer = match asked.request.method {
            Method::Mail => mail(call, &asked),
            Method::Otp | Method::Push => {
                let id = by_otp(call, &asked)?;
                finish(call, &id, asked.request.generate_token)
            }
        };
        return answer.map(crate::http::listen::to_response);
    }
    let generate_token = asked.request.generate_token;
    let id = push(call, asked)?;
    let (shared, api_key, envelope) = (call.shared.clone(), call.api_key.clone(), call.envelope);
    let faults = event::Manner::take(call.shared);
    Ok(event::stream(call.shared, &id, faults, move |id| {
        let call = Call {
            shared: &shared,
            api_key: api_key.clone(),
            envelope,
            query: None,
            body: &[],
        };
        let answer = finish(&call, id, generate_token)?;
        // The result without its envelope.
        let envelope: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let result = envelope.get("result").or_else(|| envelope.get("data"));
        Ok(result.cloned().unwrap_or_default())
    }))
}

fn read(call: &Call<'_>) -> Result<Asked, Refusal> {
    let request: Request = body::read(call)?;
    if request.method == Method::Mail && !request.generate_token {
        let words = "generate_token cannot be false with EMAIL";
        return Err(Refusal::malformed(words));
    }
    let profile = body::user(call, request.email.as_deref(), request.unloq_id)?;
    let app = call.shared.world().unloq.settings(&call.api_key).cloned();
    let app = app.ok_or(Refusal::APPLICATION)?;
    // Checked even where no device will see it.
    body::public_key(call, request.public_key.as_deref(), profile.unloq_id)?;
    Ok(Asked {
        request,
        profile,
        app,
    })
}

/// Asks on the device, after the one-time password where that is due.
fn push(call: &Call<'_>, asked: Asked) -> Result<String, Refusal> {
    let Asked {
        request,
        profile,
        app,
    } = asked;
    wait::reachable(&profile)?;
    match &request.token {
        Some(otp) => check_otp(call, profile.unloq_id, otp)?,
        None if profile.otp_due => return Err(Refusal::OTP),
        None => {}
    }
    let wants_key = app.mode.by_login();
    let public_key = body::public_key(call, request.public_key.as_deref(), profile.unloq_id)?;
    let ask = Ask {
        app: call.api_key.clone(),
        unloq_id: profile.unloq_id,
        kind: ApprovalKind::Authentication,
        method: "UNLOQ",
        shown: Shown {
            variables: body::variables(request.variables)?,
            ip: request.ip.map(|ip| ip.to_string()),
            ..Shown::default()
        },
        public_key: public_key.filter(|_| wants_key),
        wants_key,
        source_client: request.source_client.map(|client| json!(client)),
    };
    Ok(wait::ask(call.shared, ask))
}

fn by_otp(call: &Call<'_>, asked: &Asked) -> Result<String, Refusal> {
    let profile = &asked.profile;
    if !profile.enrolled() {
        return Err(Refusal::DEVICE);
    }
    let otp = asked.request.token.as_deref().ok_or(Refusal::OTP)?;
    check_otp(call, profile.unloq_id, otp)?;
    let mut world = call.shared.world();
    let now = world.moment();
    let unloq = &mut world.unloq;
    Ok(unloq.approved_without_asking(&call.api_key, profile.unloq_id, "OTP", now))
}

fn check_otp(call: &Call<'_>, unloq_id: u64, otp: &str) -> Result<(), Refusal> {
    let mut world = call.shared.world();
    let now = world.moment();
    if !world.unloq.devices.knows_otp(unloq_id, otp, now) {
        return Err(Refusal::OTP);
    }
    if let Some(profile) = world.unloq.profiles.get_mut(&unloq_id) {
        profile.otp_due = false;
    }
    world.unloq.kept();
    Ok(())
}

fn mail(call: &Call<'_>, asked: &Asked) -> Outcome {
    let Some(return_url) = &asked.app.return_url else {
        let words = "EMAIL needs a login widget with a return address";
        return Err(Refusal::malformed(words));
    };
    if !asked.profile.active {
        return Err(Refusal::DEVICE);
    }
    let mut world = call.shared.world();
    let now = world.moment();
    let unloq_id = asked.profile.unloq_id;
    let unloq = &mut world.unloq;
    let id = unloq.approved_without_asking(&call.api_key, unloq_id, "EMAIL", now);
    let token = unloq.token(&call.api_key, &id, TokenKind::Access, now);
    let mail = Mail {
        to: asked.profile.email.clone(),
        app: asked.app.name.clone(),
        link: hook::with_token(return_url, &token),
        age: 0,
    };
    unloq.mail(mail, now);
    drop(world);
    call.ok(KIND, &json!({ "unloq_id": unloq_id.to_string() }))
}

/// The answer after the yes: a token, or the user at once.
fn finish(call: &Call<'_>, id: &str, generate_token: bool) -> Outcome {
    if !generate_token {
        return user::signed_in(call, id, KIND);
    }
    let mut world = call.shared.world();
    let now = world.moment();
    let question = world
        .unloq
        .question(id, now)
        .map_err(|_| Refusal::TIMEOUT)?;
    let unloq_id = question.unloq_id;
    let token = world.unloq.token(&call.api_key, id, TokenKind::Access, now);
    drop(world);
    call.ok(
        KIND,
        &json!({ "unloq_id": unloq_id.to_string(), "token": token }),
    )
}
