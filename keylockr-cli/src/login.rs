//! `keylockr login`: one sign-in, its code in the terminal.

mod code;
mod ending;
mod show;

use std::{pin::pin, sync::Arc, time::Duration};

use keylockr_client::{
    CancellationToken, Client,
    proto::{
        ClientKeys, DisplayName, KeyLifetime, Nickname,
        login::{Authorized, Login, LoginConfig, LoginEnd, Progress},
    },
};
use serde_json::json;
use tokio::{sync::mpsc, time};

use self::{
    ending::Ending,
    show::{Show, Step},
};
use crate::{
    console::Console,
    doctor,
    outcome::{Failure, Outcome, Trouble},
    service::ServiceOptions,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    service: ServiceOptions,
    /// What the phone shows, up to 64 characters.
    #[arg(long, default_value = "keylockr login, in a terminal")]
    name: String,
    /// How long the code is good for, in seconds from 1 to 600.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=600))]
    life: u64,
    /// The terminal's background is light; only asked where the code may not bring its own colours.
    #[arg(long)]
    light: bool,
    /// Print the steps as JSON lines on stderr, without a code to scan: `{"step":"connected","uri":…}`.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: Options, console: &Console) -> Result<Outcome, Failure> {
    let console = console.or_json(options.json);
    let result = sign_in(&options, console).await;
    match result {
        Ok(who) => {
            let principal = json!({
                "safe_id": who.safe_id.as_str(),
                "nickname": who.nickname.as_ref().map(Nickname::as_str),
                "app_id": who.app_id.as_str(),
            });
            console.document_line(&principal)?;
            Ok(Outcome::Fine)
        }
        Err(ending) => {
            ending.tell(console);
            Ok(ending.outcome())
        }
    }
}

async fn sign_in(options: &Options, console: Console) -> Result<Box<Authorized>, Ending> {
    let name = DisplayName::parse(&options.name)
        .map_err(|_| Trouble::usage("--name: 1 to 64 characters are possible"))?;
    let client = options.service.client()?;
    let config = LoginConfig::new(options.service.service()?, name)
        .with_life(Duration::from_secs(options.life));
    let cancel = CancellationToken::new();
    let mut interrupted = pin!(interrupted());

    // Before the login, which could say only that it failed. Looking around for the reason takes its
    // time, too.
    let reach = async {
        match client.sync().await {
            Ok(()) => Ok(()),
            Err(error) => Err(doctor::unreachable(&client, &options.service, &error).await),
        }
    };
    tokio::select! {
        reached = reach => reached?,
        () = &mut interrupted => return Err(Ending::Cancelled),
    }
    let keys = ClientKeys::generate(&mut client.entropy(), KeyLifetime::Fresh)
        .map_err(|error| Trouble::refused(format!("no keys can be made: {error}")))?;

    let (steps, mut heard) = mpsc::unbounded_channel();
    let mut watch = |login: &Login, progress: &Progress| {
        // The other end lives as long as this.
        let _ = steps.send(Step {
            progress: progress.clone(),
            expires: login.expires(),
        });
    };
    let mut show = Show::new(console, options.light);
    let mut every_second = time::interval(Duration::from_secs(1));
    let end = {
        let mut login = pin!(client.login(config, Arc::new(keys), &mut watch, &cancel));
        loop {
            tokio::select! {
                biased;
                Some(step) = heard.recv() => show.step(&step, &client),
                end = &mut login => break end,
                () = &mut interrupted, if !cancel.is_cancelled() => cancel.cancel(),
                _ = every_second.tick(), if console.moves() => show.tick(&client),
            }
        }
    };
    while let Ok(step) = heard.try_recv() {
        show.step(&step, &client);
    }
    show.end();
    conclude(end, options, &client)
}

fn conclude(end: LoginEnd, options: &Options, client: &Client) -> Result<Box<Authorized>, Ending> {
    match end {
        LoginEnd::Done(who) => Ok(who),
        other => Err(Ending::of(other, &options.service, client)),
    }
}

/// Ctrl-C, or a polite request to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                Ok(()) = tokio::signal::ctrl_c() => return,
                else => {}
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
