//! `keylockr hook`: UNLOQ's web hooks, made and judged by hand.

mod body;
mod judge;
mod secret;
mod send;

use serde_json::json;

use self::{
    body::BodyOptions,
    secret::{SecretOptions, SecretText},
};
use crate::{
    console::Console,
    outcome::{Failure, Outcome, Trouble},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Print the X-Unloq-Signature of a delivery, alone.
    Sign(Sign),
    /// Say whether a signature is right, and if not, which step differs from what was signed.
    Verify(judge::Options),
    /// Sign a delivery and post it; anything but status 200 is exit code 1, as UNLOQ sees it.
    Send(send::Options),
}

#[derive(clap::Args)]
struct Sign {
    #[command(flatten)]
    secret: SecretOptions,
    /// The hook's URL or path exactly as it is registered with UNLOQ, with its query.
    #[arg(long)]
    path: String,
    #[command(flatten)]
    body: BodyOptions,
}

pub(crate) async fn run(options: Options, console: &Console) -> Result<Outcome, Failure> {
    match options.action {
        Action::Sign(options) => sign(&options, *console),
        Action::Verify(options) => judge::run(&options, *console),
        Action::Send(options) => send::run(&options, *console).await,
    }
}

fn sign(options: &Sign, console: Console) -> Result<Outcome, Failure> {
    let secret = options.secret.one(console)?;
    let body = options.body.read()?;
    let signature = signature(secret, &options.path, &body)?;
    if console.is_json() {
        console.document(&json!({ "signature": signature }))?;
    } else {
        console.result(&signature)?;
    }
    Ok(Outcome::Fine)
}

/// The signature of a delivery, if its path and body are any that UNLOQ could sign.
fn signature(secret: SecretText, path: &str, body: &body::Body) -> Result<String, Trouble> {
    judge::check_path(path)?;
    unloq_webhooks::sign(&secret.into_secret()?, path, body.content_type, &body.bytes).map_err(
        |error| {
            Trouble::usage(format!(
                "the body cannot be signed ({})",
                error.kind().as_str()
            ))
            .with_fix(
                "a hook carries one JSON object, or with --form name=value pairs, each name once",
            )
        },
    )
}
