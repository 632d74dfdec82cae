//! What the program does, whatever the framework: reads its settings, starts the emulator, builds
//! the login service, says where it is, and knows when to end.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use keylockr_emulator::Emulator;
use serde_json::json;
use url::Url;

use crate::{
    Family, KeyLockr, VaultConfig,
    keylockr_login::{Direction, Page, Texts},
    settings::Settings,
    shared::Shared,
};

/// Runs the site, with the log on stderr and an exit code for how it ended.
pub(crate) async fn main(
    name: &str,
    log: &str,
    run: impl AsyncFnOnce(Settings) -> Result<(), Box<dyn Error>>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| log.into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::from(2);
        }
    };
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The service that people sign in with, and the emulator that plays it where there is no other.
pub(crate) async fn service(
    settings: &Settings,
) -> Result<(String, Option<Emulator>), Box<dyn Error>> {
    if let Some(api) = &settings.api {
        return Ok((api.clone(), None));
    }
    let emulator = Emulator::builder()
        .listen(settings.emulator.listen)
        .control(settings.emulator.control)
        .handshake_limit(settings.emulator.handshake_limit)
        .start()
        .await?;
    Ok((emulator.api(), Some(emulator)))
}

/// The login service. `build` asks nobody: the site comes up even while KeyLockr is away, says so on
/// the sign-in page, and goes on by itself once it is back.
pub(crate) fn keylockr(
    settings: &Settings,
    api: &str,
    origin: &str,
    shared: Option<&Shared>,
) -> Result<KeyLockr, Box<dyn Error>> {
    let mut builder = KeyLockr::builder(&settings.service, "Acme Notes")
        .api(api)
        .family(settings.family)
        .public_origin(origin)
        .attempt_life(settings.attempt_life)
        .start_limit(settings.login_limit)
        .page(page()?)
        // A revocation on the phone ends the session at once.
        .keep_connection(true)
        // The note. The phone is asked for its key when somebody opens it, not at the sign-in.
        .vault(VaultConfig::new());
    builder = match settings.family {
        Family::AppData => builder.ask_app_data(true),
        Family::Seed => builder.app_tag("notes"),
    };
    if let Some(key) = settings.seal_key {
        builder = builder.seal_key(key);
    }
    if let Some(shared) = shared {
        builder = builder.redis(&shared.login);
    }
    Ok(builder.build()?)
}

/// The sign-in page and the pages that refuse, in English, and in Arabic for browsers that want it.
fn page() -> Result<Page, Box<dyn Error>> {
    let words: BTreeMap<String, String> =
        serde_json::from_str(include_str!("../assets/texts.ar.json"))?;
    let mut arabic = Texts::new("ar", Direction::Rtl);
    for (key, words) in words {
        arabic = arabic.with_key(&key, words)?;
    }
    Ok(Page::new().with_texts(Texts::english()).with_texts(arabic))
}

/// One line for programs, then a few for people.
pub(crate) fn announce(
    here: &str,
    origin: &str,
    phone: Option<&str>,
    api: &str,
) -> Result<(), Box<dyn Error>> {
    let api = Url::parse(api)?.origin().ascii_serialization();
    let (app, phone_text, api) = (json!(here), json!(phone), json!(api));
    println!(r#"{{"app":{app},"phone":{phone_text},"api":{api}}}"#);
    println!("\n  Sign in:    {origin}/");
    if let Some(phone) = phone {
        println!("  The phone:  {phone}/  (press Approve there)");
    }
    println!("\n  Ctrl-C ends it.\n");
    std::io::stdout().flush()?;
    Ok(())
}

/// Resolves when somebody wants the program to end.
pub(crate) async fn signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "cannot listen for SIGTERM"),
        }
    }
    if let Err(error) = interrupt.await {
        tracing::warn!(%error, "cannot listen for Ctrl-C");
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keylockr_login::Text;

    #[test]
    fn arabic_says_everything() {
        let words: BTreeMap<String, String> =
            serde_json::from_str(include_str!("../assets/texts.ar.json")).unwrap();
        let arabic = words
            .iter()
            .try_fold(Texts::new("ar", Direction::Rtl), |table, (key, words)| {
                table.with_key(key, words)
            })
            .unwrap();
        assert_eq!(arabic.missing().count(), 0);
        for text in Text::ALL {
            // What is filled in, in English, is filled in here.
            for name in ["{site}", "{nickname}", "{time}", "{code}"] {
                assert_eq!(
                    text.english().contains(name),
                    arabic.get(*text).contains(name),
                    "{}",
                    text.key()
                );
            }
        }
    }
}
