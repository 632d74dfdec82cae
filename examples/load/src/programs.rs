//! The programs that are put under load: the emulator, the example, Redis.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{Arguments, Result};

/// What browsers call the site, whichever process answers.
pub(crate) const ORIGIN: &str = "http://load.test";
/// Until a program is ready.
const READY: Duration = Duration::from_secs(30);
/// Descriptors beside those of people who wait.
const OTHERS: u64 = 1_000;
/// Sockets of one process to one address: the local ports of Linux.
const PORTS: u64 = 28_000;

/// All of them; ended when dropped.
pub(crate) struct Programs {
    emulator: Child,
    sites: Vec<Child>,
    redis: Option<Child>,
    pub(crate) control: String,
    pub(crate) addresses: Vec<String>,
}

/// Resident memory, in KiB.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) sites: Vec<u64>,
    pub(crate) emulator: u64,
    pub(crate) redis: Option<u64>,
}

impl Memory {
    pub(crate) fn site(&self) -> u64 {
        self.sites.iter().sum()
    }
}

/// Whether this process and its children may have enough sockets.
pub(crate) fn check_descriptors(arguments: &Arguments) -> Result<()> {
    let pending = u64::from(arguments.pending);
    if pending / u64::from(arguments.servers) > PORTS {
        return Err(
            format!("{pending} sockets are more than the local ports of this machine").into(),
        );
    }
    let needed = pending + OTHERS;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    match soft {
        Some(soft) if soft < needed => Err(format!(
            "{needed} descriptors are needed, and {soft} allowed: say `ulimit -n {needed}` first, or \
             ask for fewer with --pending"
        )
        .into()),
        _ => Ok(()),
    }
}

/// The machine's load over one minute, if it says so.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

impl Programs {
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self> {
        let emulator = program(arguments.emulator.as_deref(), "keylockr-emulator")?;
        let mut command = command(&emulator);
        command.args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"]);
        command.args(["--handshake-limit", "0"]);
        let (emulator, first) = ready(command).await?;
        let (api, control) = (text(&first, "listen")?, text(&first, "control")?);
        let (redis, redis_url) = match arguments.redis {
            true => {
                let (redis, url) = start_redis().await?;
                (Some(redis), Some(url))
            }
            false => (None, None),
        };
        let site = program(arguments.site.as_deref(), "axum-login")?;
        let (mut sites, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..arguments.servers {
            let mut command = self::command(&site);
            command
                .env("BIND", "127.0.0.1:0")
                .env("KEYLOCKR_API", &api)
                .env("KEYLOCKR_FAMILY", &arguments.family)
                .env("PUBLIC_ORIGIN", ORIGIN)
                .env("LOGIN_LIMIT", "0")
                .env("ATTEMPT_LIFE", "600")
                // Any will do: nobody else reads what it seals.
                .env("SEAL_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
            if arguments.family == "appdata" {
                command.env("KEYLOCKR_SERVICE", "demo-app");
            }
            if let Some(url) = &redis_url {
                command.env("REDIS_URL", url);
            }
            let (child, first) = ready(command).await?;
            sites.push(child);
            addresses.push(bare(&text(&first, "app")?));
        }
        Ok(Self {
            emulator,
            sites,
            redis,
            control: bare(&control),
            addresses,
        })
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        self.read("VmRSS:")
    }

    /// The most it was.
    pub(crate) fn memory_peaks(&self) -> Result<Memory> {
        self.read("VmHWM:")
    }

    fn read(&self, field: &str) -> Result<Memory> {
        Ok(Memory {
            sites: self
                .sites
                .iter()
                .map(|child| kib(child, field))
                .collect::<Result<_>>()?,
            emulator: kib(&self.emulator, field)?,
            redis: self
                .redis
                .as_ref()
                .map(|child| kib(child, field))
                .transpose()?,
        })
    }

    pub(crate) async fn stop(mut self) {
        for child in self
            .sites
            .iter_mut()
            .chain([&mut self.emulator])
            .chain(&mut self.redis)
        {
            // It may have ended by itself.
            child.kill().await.ok();
        }
    }
}

fn kib(child: &Child, field: &str) -> Result<u64> {
    let id = child.id().ok_or("a program has ended")?;
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("no {field} of process {id}").into())
}

/// Where a program is.
fn program(given: Option<&Path>, name: &str) -> Result<PathBuf> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => env::current_exe()?.with_file_name(name),
    };
    match path.exists() {
        true => Ok(path),
        false => Err(format!(
            "{} is not there: cargo build --release -p {name}",
            path.display()
        )
        .into()),
    }
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A program whose first line is JSON, once it is ready.
async fn ready(mut command: Command) -> Result<(Child, Value)> {
    let mut child = command.spawn()?;
    let out = child.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(out).lines();
    let line = timeout(READY, lines.next_line()).await??;
    // What else it says is read away, so that it never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let line = line.ok_or("a program ended before it was ready")?;
    Ok((child, serde_json::from_str(&line)?))
}

async fn start_redis() -> Result<(Child, String)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let child = command
        .spawn()
        .map_err(|error| format!("redis-server: {error}"))?;
    let answers = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(READY, answers).await?;
    Ok((child, format!("redis://127.0.0.1:{port}/")))
}

fn text(first: &Value, member: &str) -> Result<String> {
    let text = first[member].as_str();
    text.map(str::to_owned)
        .ok_or_else(|| format!("no {member} in {first}").into())
}

fn bare(origin: &str) -> String {
    origin
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned()
}
