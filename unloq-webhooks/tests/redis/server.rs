//! A Redis of the test's own, on a free port, gone with the test.

use std::{
    env, fs, io,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Runs until it is dropped, and can be killed and started again on the same port.
pub(crate) struct Server {
    port: u16,
    process: Option<Child>,
    /// Where it keeps what it holds, if it is to.
    folder: Option<PathBuf>,
}

impl Server {
    /// `None`, said loudly, where there is no `redis-server`; an error where there must be one.
    pub(crate) async fn start() -> Option<Self> {
        Self::on_a_free_port(false).await
    }

    /// The same, and what it holds is there again after a kill.
    #[allow(dead_code, reason = "not every suite kills one that remembers")]
    pub(crate) async fn start_lasting() -> Option<Self> {
        Self::on_a_free_port(true).await
    }

    async fn on_a_free_port(lasts: bool) -> Option<Self> {
        if !is_installed() {
            let required = env::var("KEYLOCKR_REQUIRE_SYSTEM").is_ok_and(|value| value == "1");
            assert!(!required, "redis-server is not on the PATH");
            eprintln!("SKIPPED: redis-server is not on the PATH");
            return None;
        }
        // A port that is free now may be somebody else's a moment later: then another one.
        for _ in 0..5 {
            let any = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = any.local_addr().unwrap().port();
            drop(any);
            let name = format!("keylockr-redis-{}-{port}", std::process::id());
            let folder = lasts.then(|| env::temp_dir().join(name));
            if let Some(folder) = &folder {
                fs::create_dir_all(folder).unwrap();
            }
            let mut server = Self {
                port,
                process: None,
                folder,
            };
            if server.comes_up().await {
                return Some(server);
            }
        }
        panic!("five free ports, and all were taken at once");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// From now on it is full: it refuses to write (`OOM`) and still reads.
    #[allow(dead_code, reason = "not every suite fills one")]
    pub(crate) async fn fill(&self) {
        self.configure("maxmemory-policy noeviction").await;
        self.configure("maxmemory 1").await;
    }

    /// There is room again.
    #[allow(dead_code, reason = "not every suite fills one")]
    pub(crate) async fn make_room(&self) {
        self.configure("maxmemory 0").await;
    }

    async fn configure(&self, setting: &str) {
        let address = ("127.0.0.1", self.port);
        let mut line = tokio::net::TcpStream::connect(address).await.unwrap();
        let command = format!("CONFIG SET {setting}\r\n");
        line.write_all(command.as_bytes()).await.unwrap();
        let mut said = [0; 5];
        line.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"+OK\r\n", "{setting}");
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it on its port, empty unless it lasts, and waits until it answers.
    #[allow(dead_code, reason = "not every suite kills one")]
    pub(crate) async fn run(&mut self) {
        assert!(self.comes_up().await, "it has ended; its port was taken");
    }

    /// Whether it answers; it does not where it has ended before.
    async fn comes_up(&mut self) -> bool {
        let (folder, keep) = match &self.folder {
            Some(folder) => (folder.clone(), "yes"),
            None => (env::temp_dir(), "no"),
        };
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args([
                "--save",
                "",
                "--appendonly",
                keep,
                // What was written survives the process; nobody cuts the machine's power here.
                "--appendfsync",
                "no",
            ])
            .arg("--dir")
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn();
        let process = self.process.insert(process.unwrap());
        let own = process.id();
        let answers = async {
            while process.try_wait().unwrap().is_none() {
                let asking = tokio::time::timeout(Duration::from_secs(2), who_listens(self.port));
                // Whoever else listens there is not ours, and ours ends when it finds that out.
                if matches!(asking.await, Ok(Ok(Some(id))) if id == own) {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            false
        };
        tokio::time::timeout(Duration::from_secs(20), answers)
            .await
            .unwrap()
    }
}

/// The process of the Redis at this port, as it says itself.
async fn who_listens(port: u16) -> io::Result<Option<u32>> {
    let mut line = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    line.write_all(b"INFO server\r\n").await?;
    let mut said = Vec::new();
    while line.read_buf(&mut said).await? > 0 {
        let text = String::from_utf8_lossy(&said);
        let told = text.split_once("process_id:");
        if let Some((id, _)) = told.and_then(|(_, rest)| rest.split_once("\r\n")) {
            return Ok(id.parse().ok());
        }
    }
    Ok(None)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn is_installed() -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths)
        .any(|folder: PathBuf| fs::metadata(folder.join("redis-server")).is_ok())
}
