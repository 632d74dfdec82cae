//! `keylockr hook verify`.

use serde_json::{Value, json};
use unloq_webhooks::{
    Activate, Deactivate, Event, Finding, Head, Hooks, Logout, Secret, SecretSet, UnixTime, explain,
};

use super::{
    body::{Body, BodyOptions},
    secret::SecretOptions,
};
use crate::{
    clock,
    console::Console,
    outcome::{Failure, Outcome, Trouble},
};

#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    secret: SecretOptions,
    /// The hook's URL or path exactly as it is registered with UNLOQ, with its query.
    #[arg(long)]
    path: String,
    /// The X-Unloq-Signature as it came.
    #[arg(long, value_name = "BASE64")]
    signature: String,
    /// The target of the request as it reached the application, where that is not the path.
    #[arg(long, value_name = "PATH")]
    target: Option<String>,
    /// Also check that the body is what this event carries.
    #[arg(long, value_enum)]
    event: Option<EventName>,
    #[command(flatten)]
    body: BodyOptions,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum EventName {
    Logout,
    Activate,
    Deactivate,
}

pub(super) fn run(options: &Options, console: Console) -> Result<Outcome, Failure> {
    check_path(&options.path)?;
    let secrets = options.secret.set(console)?;
    let body = options.body.read()?;
    let now = UnixTime::from_secs(clock::since_1970().as_secs());
    let target = options.target.as_deref().unwrap_or(&options.path);
    let head = Head::new("POST", target).with_headers([
        ("content-type", body.content_type.as_bytes()),
        ("x-unloq-signature", options.signature.as_bytes()),
    ]);
    let explanation = explain(&secrets, &options.path, &head, &body.bytes, now);
    let mut verifies = explanation.verifies();
    let mut findings: Vec<String> = explanation
        .findings()
        .iter()
        .map(ToString::to_string)
        .collect();
    if explanation.findings().contains(&Finding::Unexplained) {
        findings.push(UNEXPLAINED.to_owned());
    }
    if verifies
        && let Some(event) = options.event
        && let Err(finding) = event.check(options, secrets, &head, &body, now)
    {
        verifies = false;
        findings = vec![finding];
    }
    if console.is_json() {
        let findings: Vec<Value> = findings.into_iter().map(Value::from).collect();
        console.document(&json!({ "verifies": verifies, "findings": findings }))?;
    } else {
        for finding in findings {
            console.result(&finding)?;
        }
    }
    Ok(if verifies {
        Outcome::Fine
    } else {
        Outcome::Refused
    })
}

const UNEXPLAINED: &str = "compare --path with the URL registered in UNLOQ's console, letter by letter; then the secret; then capture the body before anything reads it";

impl EventName {
    fn check(
        self,
        options: &Options,
        secrets: SecretSet,
        head: &Head<'_>,
        body: &Body,
        now: UnixTime,
    ) -> Result<(), String> {
        match self {
            Self::Logout => carries::<Logout>(options, secrets, head, body, now),
            Self::Activate => carries::<Activate>(options, secrets, head, body, now),
            Self::Deactivate => carries::<Deactivate>(options, secrets, head, body, now),
        }
    }
}

/// Whether the whole pipeline accepts the delivery, not its signature alone.
fn carries<E: Event>(
    options: &Options,
    secrets: SecretSet,
    head: &Head<'_>,
    body: &Body,
    now: UnixTime,
) -> Result<(), String> {
    let hooks = Hooks::builder(secrets)
        .on::<E>(options.path.as_str())
        .build_at(now)
        .map_err(|error| error.to_string())?;
    let event = hooks
        .admit::<E>(head)
        .and_then(|admitted| admitted.verify(&body.bytes, now));
    match event {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "the signature is right, but the body is not what this event carries ({error})"
        )),
    }
}

/// Refuses a path that no hook could be configured with.
pub(super) fn check_path(path: &str) -> Result<(), Trouble> {
    let probe = Secret::new("only the path is looked at")
        .map_err(|error| Trouble::refused(error.to_string()))?;
    let hooks = Hooks::builder(probe).on::<Logout>(path).build();
    hooks.map(|_| ()).map_err(|_| {
        Trouble::usage("--path: this cannot be registered with UNLOQ").with_fix(
            "give the URL or path exactly as UNLOQ's console shows it: printable ASCII, anything else percent-encoded, no fragment",
        )
    })
}
