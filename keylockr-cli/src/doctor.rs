//! `keylockr doctor`: every step of a sign-in but the phone's, one after the other.
//!
//! It makes one attempt at KeyLockr that nobody is asked to approve.

mod api;
mod checks;
mod contact;
mod finding;

use std::sync::Arc;

use keylockr_client::{
    Client, Error,
    proto::{ClientKeys, KeyLifetime, Service},
};
use serde_json::{Value, json};

use self::{
    api::Api,
    finding::{Check, Finding},
};
use crate::{
    console::Console,
    outcome::{Failure, Outcome, Trouble},
    service::ServiceOptions,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    service: ServiceOptions,
    /// Print one JSON document: `{"ok":…,"api":…,"checks":[{"check","status","detail","fix"}]}`.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: Options, console: &Console) -> Result<Outcome, Failure> {
    let console = console.or_json(options.json);
    let patient = Patient::new(&options.service)?;
    let mut findings = Vec::new();
    let mut report = |finding: Finding| -> Result<bool, Failure> {
        if !console.is_json() {
            for line in finding.lines(console) {
                console.result(&line)?;
            }
        }
        let well = finding.is_well();
        findings.push(finding);
        Ok(well)
    };

    // A clock that is off does not keep us from looking on; a service that is not there does.
    let clock = patient.clock().await;
    let there = clock.is_answered();
    report(clock)?;
    if there {
        let (finding, keys) = patient.keys().await;
        report(finding)?;
        let (finding, tmp_id) = patient.handshake().await;
        report(finding)?;
        match (keys, tmp_id) {
            (Some(keys), Some(tmp_id)) => report(patient.websocket(&keys, tmp_id).await)?,
            _ => report(Finding::skipped(
                Check::WebSocket,
                "needs keys and handshake",
            ))?,
        };
        report(patient.app_verify().await)?;
    } else {
        for check in [
            Check::Keys,
            Check::Handshake,
            Check::WebSocket,
            Check::AppVerify,
        ] {
            report(Finding::skipped(check, "KeyLockr cannot be asked"))?;
        }
    }

    let ok = findings.iter().all(Finding::is_well);
    if console.is_json() {
        let checks: Vec<Value> = findings.iter().map(Finding::to_json).collect();
        let api = patient.client.base_url().as_str();
        console.document(&json!({ "ok": ok, "api": api, "checks": checks }))?;
    }
    Ok(if ok { Outcome::Fine } else { Outcome::Refused })
}

/// Why the service could not be used, with what to do: for a sign-in that cannot even start.
pub(crate) async fn unreachable(
    client: &Client,
    options: &ServiceOptions,
    error: &Error,
) -> Trouble {
    match Api::new(client, options) {
        Ok(api) => contact::explain(&api, error).await,
        Err(trouble) => trouble,
    }
}

/// Who is looked at.
struct Patient<'a> {
    options: &'a ServiceOptions,
    client: Client,
    api: Api,
    service: Service,
    keys: Arc<ClientKeys>,
}

impl<'a> Patient<'a> {
    fn new(options: &'a ServiceOptions) -> Result<Self, Trouble> {
        let client = options.client()?;
        let keys = ClientKeys::generate(&mut client.entropy(), KeyLifetime::Fresh)
            .map_err(|error| Trouble::refused(format!("no keys can be made: {error}")))?;
        Ok(Self {
            options,
            api: Api::new(&client, options)?,
            service: options.service()?,
            client,
            keys: Arc::new(keys),
        })
    }
}
