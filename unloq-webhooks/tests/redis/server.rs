//! A Redis of the test's own, on a free port, gone with the test.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Runs until it is dropped, and can be killed and started again on the same port.
pub(crate) struct Server {
    port: u16,
    process: Option<Child>,
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
        };
        server.run().await;
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it, empty, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let folder = env::temp_dir();
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
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
    }
}

fn is_installed() -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths)
        .any(|folder: PathBuf| fs::metadata(folder.join("redis-server")).is_ok())
}
