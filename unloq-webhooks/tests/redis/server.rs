//! A Redis of the test's own, on a free port, gone with the test.

use std::{
    env, fs,
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
        if !is_installed() {
            let required = env::var("KEYLOCKR_REQUIRE_SYSTEM").is_ok_and(|value| value == "1");
            assert!(!required, "redis-server is not on the PATH");
            eprintln!("SKIPPED: redis-server is not on the PATH");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Self {
            port,
            process: None,
            folder: None,
        };
        server.run().await;
        Some(server)
    }

    /// The same, and what it holds is there again after a kill.
    #[allow(dead_code, reason = "not every suite kills one that remembers")]
    pub(crate) async fn start_lasting() -> Option<Self> {
        let mut server = Self::start().await?;
        server.kill();
        let folder = env::temp_dir().join(format!("keylockr-redis-{}", server.port));
        fs::create_dir_all(&folder).unwrap();
        server.folder = Some(folder);
        server.run().await;
        Some(server)
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

    /// Starts it, empty unless it lasts, and waits until it answers.
    pub(crate) async fn run(&mut self) {
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
                "--appendfsync",
                "always",
            ])
            .arg("--dir")
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let answers = async {
            // It accepts connections once it answers.
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), answers)
            .await
            .unwrap();
    }
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
