//! Chromium and its driver: found, started, stopped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::{ChromeCapabilities, LoggingPrefsLogLevel, WebDriver};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::transport::Loopback;

/// Both programs.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    driver: PathBuf,
    browser: PathBuf,
}

/// Looks for both programs on `PATH`.
pub(super) fn installed() -> Result<Installed, String> {
    Ok(Installed {
        driver: on_path("chromedriver").ok_or("no chromedriver on PATH")?,
        browser: on_path("chromium").ok_or("no chromium on PATH")?,
    })
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// What a browser should be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    pub(super) script: bool,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A browser with a fresh profile. Quit it, then drop it.
#[derive(Debug)]
pub(super) struct Chromium {
    pub(super) session: WebDriver,
    // In this order: the driver ends before its profile's folder goes.
    _driver: Child,
    _folder: Folder,
}

impl Chromium {
    pub(super) async fn start(installed: &Installed, profile: Profile) -> Self {
        let folder = Folder::new();
        let (driver, port) = driver(installed).await;
        let session = WebDriver::builder(
            format!("http://127.0.0.1:{port}"),
            capabilities(installed, profile, &folder.0),
        )
        .client(Loopback)
        .connect()
        .await
        .expect("a browser session");
        Self {
            session,
            _driver: driver,
            _folder: folder,
        }
    }

    /// Closes the browser; the driver ends when this is dropped.
    pub(super) async fn quit(&self) {
        // A browser that is gone already has nothing left to close.
        let _closed = self.session.clone().quit().await;
    }
}

/// How often a driver is started until one has a port.
const TRIES: usize = 5;

/// A driver and its port. It looks for one that is free on IPv4 and IPv6, and ends when somebody else
/// has taken the second in between: with many tests at a time that happens.
async fn driver(installed: &Installed) -> (Child, u16) {
    for _ in 0..TRIES {
        let mut driver = Command::new(&installed.driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver");
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        while let Some(line) = lines.next_line().await.expect("its output") {
            let port = line
                .rsplit_once("started successfully on port ")
                .map(|(_, port)| port.trim_end_matches('.'));
            if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (driver, port);
            }
        }
    }
    panic!("{TRIES} drivers ended without a port");
}

/// A folder of its own, gone afterwards.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keylockr-browser-{}-{count}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).expect("a folder for the profile");
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The browser may be writing its last files: what stays is the system's to clean.
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

fn capabilities(installed: &Installed, profile: Profile, folder: &Path) -> ChromeCapabilities {
    let mut wanted = ChromeCapabilities::new();
    let size = format!("--window-size={},{}", profile.width, profile.height);
    let folder = format!("--user-data-dir={}", folder.display());
    let flags = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--force-device-scale-factor=1",
        "--lang=en",
        &size,
        &folder,
    ];
    for flag in flags {
        wanted.add_arg(flag).expect("a flag");
    }
    wanted
        .set_binary(&installed.browser.to_string_lossy())
        .expect("a program");
    wanted
        .set_browser_log_level(LoggingPrefsLogLevel::All)
        .expect("a log level");
    if !profile.script {
        let blocked = json!({ "profile.managed_default_content_settings.javascript": 2 });
        wanted
            .add_experimental_option("prefs", blocked)
            .expect("preferences");
    }
    wanted
}
