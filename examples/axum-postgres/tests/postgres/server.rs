//! A PostgreSQL of the test's own, on a free port, gone with the test.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs until it is dropped, and can be stopped and started again on the same port.
pub(crate) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// `None`, said loudly, where there is no PostgreSQL; an error where there must be one.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let required = env::var("KEYLOCKR_REQUIRE_SYSTEM").is_ok_and(|value| value == "1");
            assert!(!required, "there is no PostgreSQL: initdb, pg_ctl");
            eprintln!("SKIPPED: there is no PostgreSQL: initdb, pg_ctl");
            return None;
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let server = Self {
            programs,
            folder: env::temp_dir().join(format!("keylockr-postgres-{port}")),
            port,
        };
        let mut made = server.command("initdb");
        made.args([
            "--auth=trust",
            "--username=site",
            "--no-sync",
            "--no-locale",
        ])
        .args(["--encoding=UTF8", "--pgdata"])
        .arg(&server.folder);
        expect(&mut made);
        server.run();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://site@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn run(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off",
            self.port,
            self.folder.display()
        );
        expect(self.control().args(["-w", "-o", &options, "start"]));
    }

    /// As a crash does.
    pub(crate) fn stop(&mut self) {
        expect(self.control().args(["-m", "immediate", "stop"]));
    }

    fn control(&self) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("--pgdata").arg(&self.folder);
        command
    }

    /// It refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let is_root = fs::metadata("/proc/self").is_ok_and(|me| {
            use std::os::unix::fs::MetadataExt as _;
            me.uid() == 0
        });
        let mut command = match is_root {
            true => Command::new("runuser"),
            false => Command::new(&program),
        };
        if is_root {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        // Whatever belongs to the test stays there: the server outlives `pg_ctl`.
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = self.control();
        let _ = stop.args(["-m", "immediate", "stop"]).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn expect(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// Where its programs are: on the `PATH`, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let has_both = |folder: &PathBuf| {
        let has = |program| Path::is_file(&folder.join(program));
        has("initdb") && has("pg_ctl")
    };
    let mut folders = debian.chain(env::split_paths(&path)).filter(has_both);
    folders.next()
}
