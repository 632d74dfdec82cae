//! `keylockr frame`: a look into a KPS frame, or the making of one.

mod input;
mod keys;
mod opening;
mod sealing;
mod step;
mod tagged;

use crate::{
    console::Console,
    outcome::{Failure, Outcome},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Open frames: what is in them, or the first check of keylockr.md 3.4 that fails.
    ///
    /// Needs a box key of one side and the other's public half, and the writer's signing key.
    #[command(after_long_help = KEYS)]
    Open(opening::Options),
    /// Seal a message: `{"to":…,"id":"app.4711","body":{…}}` as a client, `{"from":…}` as KeyLockr.
    ///
    /// Needs the writer's two secrets and the reader's public box key.
    #[command(after_long_help = KEYS)]
    Seal(sealing::Options),
}

const KEYS: &str = "\
Keys are a JSON object of hexadecimal or base64 texts, in --keys FILE or in the environment variable
KEYLOCKR_KEYS: client_sign_sk, client_sign_pk, client_enc_sk, client_enc_pk, server_sign_sk,
server_sign_pk, server_enc_sk, server_enc_pk. A public half is not needed where its secret is there.

In JSON, binary is {\"$bin\":\"hex\"} and a float {\"$f64\":1.5}.";

pub(crate) fn run(options: Options, console: &Console) -> Result<Outcome, Failure> {
    match options.action {
        Action::Open(options) => opening::run(&options, *console),
        Action::Seal(options) => sealing::run(&options, *console),
    }
}
