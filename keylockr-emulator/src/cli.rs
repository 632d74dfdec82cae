//! The command line, for the binary of this crate and for `keylockr emulator`.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use crate::Emulator;

/// Exit code for arguments that cannot be used, an address outside loopback among them.
const USAGE: u8 = 2;

/// Options of the emulator.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address of KeyLockr's own API; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4600", value_parser = address)]
    listen: SocketAddr,
    /// Address of the phone page and the control API; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4601", value_parser = address)]
    control: SocketAddr,
    /// Makes keys and ids reproducible.
    #[arg(long)]
    seed: Option<u64>,
    /// Keeps services, users, keys, connections and records in this file.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Handshakes a minute and address; 0 lifts the limit.
    #[arg(long, default_value_t = 60)]
    handshake_limit: u32,
}

/// Runs the emulator until SIGTERM or SIGINT. The first line on stdout, once ready, holds the
/// two addresses as JSON; trouble goes to stderr.
pub async fn run(options: Options) -> ExitCode {
    let mut builder = Emulator::builder()
        .listen(options.listen)
        .control(options.control)
        .handshake_limit(options.handshake_limit);
    if let Some(seed) = options.seed {
        builder = builder.seed(seed);
    }
    if let Some(state) = options.state {
        builder = builder.state(state);
    }
    for address in [options.listen, options.control] {
        if !address.ip().to_canonical().is_loopback() {
            return fail(USAGE, &format!("{address} is not a loopback address"));
        }
    }
    let ended = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(1, &error.to_string()),
    };
    let emulator = match builder.start().await {
        Ok(emulator) => emulator,
        Err(error) => return fail(1, &error.to_string()),
    };
    let (api, control) = (emulator.api(), emulator.control());
    let mut out = std::io::stdout();
    // Whoever does not read this line goes without it.
    let _ =
        writeln!(out, r#"{{"listen":"{api}","control":"{control}"}}"#).and_then(|()| out.flush());
    tracing::info!(phone = emulator.control(), "the emulator is ready");
    ended.wait().await;
    emulator.stop().await;
    ExitCode::SUCCESS
}

fn fail(code: u8, message: &str) -> ExitCode {
    // Without stderr there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "keylockr-emulator: {message}");
    ExitCode::from(code)
}

/// `localhost` is taken as 127.0.0.1, so that nothing is looked up.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| format!("{port} is not a port"))?;
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "an address is IP:PORT".to_owned())
}

/// The signals that end the emulator; listened to before the ready line is printed.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn wait(self) {
        // Without Ctrl-C handling the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
