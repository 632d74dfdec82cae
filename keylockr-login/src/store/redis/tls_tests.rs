//! The stores over TLS, with a root of the site's own.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{super::*, RedisError, RedisStores};
use crate::{attempt::Phase, binding::BrowserSecret, moment::Moment, return_to::ReturnTo};

/// A Redis that speaks TLS alone, and its folder; both are gone with it.
struct Server {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// `None`, said loudly, where a program is missing; an error where it must be there.
    async fn start() -> Option<Self> {
        for program in ["redis-server", "openssl"] {
            let found = env::var_os("PATH").is_some_and(|path| {
                env::split_paths(&path).any(|folder| folder.join(program).is_file())
            });
            if !found {
                let required = env::var("KEYLOCKR_REQUIRE_SYSTEM").is_ok_and(|on| on == "1");
                assert!(!required, "no {program} on the PATH");
                eprintln!("SKIPPED: no {program} on the PATH");
                return None;
            }
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        let folder = env::temp_dir().join(format!("keylockr-redis-tls-{port}"));
        fs::create_dir_all(&folder).unwrap();
        certificates(&folder);
        let process = Command::new("redis-server")
            .current_dir(&folder)
            .args(["--port", "0", "--tls-port", &port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", ""])
            .args(["--tls-cert-file", "leaf.pem", "--tls-key-file", "leaf.key"])
            .args(["--tls-ca-cert-file", "root.pem", "--tls-auth-clients", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let answers = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, answers).await.unwrap();
        Some(Self {
            process,
            folder,
            port,
        })
    }

    fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}/", self.port)
    }

    fn root(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A root, a certificate by it for the loopback address, and a root that nobody asked for.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["root", "other"] {
        openssl(
            folder,
            &format!("req -x509 {key} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name}"),
        );
    }
    openssl(
        folder,
        &format!("req -new {key} -keyout leaf.key -out leaf.csr -subj /CN=leaf"),
    );
    fs::write(
        folder.join("leaf.cnf"),
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    openssl(
        folder,
        "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -out leaf.pem -days 2 -extfile leaf.cnf",
    );
}

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[tokio::test]
async fn everything_goes_over_tls_by_the_root_that_was_given() {
    let Some(server) = Server::start().await else {
        return;
    };
    let stores = RedisStores::with_root(&server.url(), "site", &server.root("root.pem")).unwrap();
    let attempts = stores.attempts();
    attempts.ping().await.unwrap();
    stores.revocations().ping().await.unwrap();

    // Commands, scripts, and the connection that hears of changes.
    let browser = BrowserSecret::random().unwrap().hash();
    let id = AttemptId::random().unwrap();
    let now = Moment::from_millis(1_000);
    let life = Duration::from_secs(180);
    let record = AttemptRecord::new(id.clone(), browser, now, life, &ReturnTo::parse("/"), None);
    assert_eq!(
        attempts.insert(record, 10, now).await.unwrap(),
        Inserted::Yes
    );
    let mut record = attempts.load(&id).await.unwrap().unwrap();
    let seen = record.version;
    let waiting = attempts.changed(&id, seen, Duration::from_secs(20));
    record.phase = Phase::Connected;
    let (changed, replaced) = tokio::join!(waiting, attempts.replace(record.next_version()));
    assert_eq!(replaced.unwrap(), Replaced::Yes);
    assert!(changed.unwrap().unwrap().version > seen);
}

#[tokio::test]
async fn a_certificate_by_somebody_else_is_no_redis() {
    let Some(server) = Server::start().await else {
        return;
    };
    let other = RedisStores::with_root(&server.url(), "site", &server.root("other.pem")).unwrap();
    let public = RedisStores::new(&server.url(), "site").unwrap();
    for stores in [other, public] {
        assert_eq!(stores.attempts().ping().await, Err(StoreUnavailable));
    }
    let plain = RedisStores::with_root("redis://127.0.0.1/", "site", &server.root("root.pem"));
    assert!(matches!(plain, Err(RedisError::Root)), "{plain:?}");
    let damaged = RedisStores::with_root(&server.url(), "site", b"-----BEGIN CERTIFICATE-----");
    assert!(matches!(damaged, Err(RedisError::Root)), "{damaged:?}");
}
