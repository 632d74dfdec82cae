//! Over real sockets: whole logins against the emulator, and the ways a network fails.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../emulated/captured.rs"]
mod captured;
#[path = "../tls/mod.rs"]
mod certificates;
mod http;
mod tls;

use std::sync::{Arc, Mutex};

use keylockr_client::proto::link::{LinkConfig, LinkEvent, Reply, Request};
use keylockr_client::proto::login::{Authorized, LoginConfig, LoginEnd, Progress};
use keylockr_client::proto::{
    AppTag, ClientKeys, DisplayName, Family, KeyLifetime, Revision, Service, SvcId,
};
use keylockr_client::{
    BoxFuture, CancellationToken, Client, HttpRequest, HttpResponse, NetTransport, Socket,
    SocketError, SocketTarget, Transport, TransportError,
};
use keylockr_emulator::Emulator;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tracing_subscriber::util::SubscriberInitExt;

use crate::captured::Log;

fn seed() -> LoginConfig {
    let service = Service::Seed {
        svc_id: SvcId::parse("demo-data").unwrap(),
        app_tag: Some(AppTag::parse("notes").unwrap()),
    };
    LoginConfig::new(service, DisplayName::parse("Acme").unwrap())
}

fn appdata() -> LoginConfig {
    let app_tag = AppTag::parse("demo-app").unwrap();
    let service = Service::AppData {
        app_tag,
        app_data: true,
        minimum: Revision::Two,
    };
    LoginConfig::new(service, DisplayName::parse("Acme").unwrap())
}

async fn sign_in(
    client: &Client,
    emulator: &Phone,
    config: LoginConfig,
) -> (Box<Authorized>, Arc<ClientKeys>) {
    let keys = ClientKeys::generate(&mut client.entropy(), KeyLifetime::Fresh).unwrap();
    let keys = Arc::new(keys);
    let mut watch = |login: &keylockr_client::proto::login::Login, progress: &Progress| {
        if matches!(progress, Progress::Connected(_)) {
            emulator.approve(login.tmp_id().unwrap().as_str());
        }
    };
    let end = client
        .login(
            config,
            Arc::clone(&keys),
            &mut watch,
            &CancellationToken::new(),
        )
        .await;
    match end {
        LoginEnd::Done(who) => (who, keys),
        other => panic!("{other:?}"),
    }
}

/// An emulator in a thread of its own, so that what it logs is not logged here.
struct Phone {
    api: String,
    orders: tokio::sync::mpsc::UnboundedSender<Order>,
}

enum Order {
    Approve(String),
    Revoke(String),
}

impl Phone {
    async fn start() -> Self {
        let (orders, mut received) = tokio::sync::mpsc::unbounded_channel();
        let (sender, api) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let emulator = Emulator::builder()
                    .handshake_limit(0)
                    .start()
                    .await
                    .unwrap();
                sender.send(emulator.api()).unwrap();
                while let Some(order) = received.recv().await {
                    match order {
                        Order::Approve(tmp_id) => drop(emulator.approve(tmp_id).unwrap()),
                        Order::Revoke(app_id) => emulator.revoke(&app_id).unwrap(),
                    }
                }
            });
        });
        Self {
            api: api.await.unwrap(),
            orders,
        }
    }

    fn approve(&self, tmp_id: &str) {
        self.orders
            .send(Order::Approve(tmp_id.to_owned()))
            .ok()
            .unwrap();
    }

    fn revoke(&self, app_id: &str) {
        self.orders
            .send(Order::Revoke(app_id.to_owned()))
            .ok()
            .unwrap();
    }
}

#[tokio::test]
async fn whole_logins_over_sockets() {
    let phone = Phone::start().await;
    let client = Client::builder(&phone.api).build().unwrap();
    client.health().await.unwrap();
    for (config, family) in [(seed(), Family::Seed), (appdata(), Family::AppData)] {
        let (who, keys) = sign_in(&client, &phone, config).await;
        let link = client.link(
            LinkConfig::new(family, who.revision, who.app_id.clone()),
            keys,
        );
        let mut events = link.events();
        assert!(matches!(
            link.request(Request::GetData).await,
            Ok(Reply::Data(_))
        ));
        phone.revoke(who.app_id.as_str());
        loop {
            match events.next().await.as_deref() {
                Some(LinkEvent::Deleted) => break,
                Some(_) => {}
                None => panic!("the link ended without a reason"),
            }
        }
    }
    assert!(
        CryptoProvider::get_default().is_none(),
        "the process default is not ours to set"
    );
}

/// Keeps the socket addresses that went by.
struct Recording {
    inner: NetTransport,
    sigs: Mutex<Vec<String>>,
}

impl Transport for Recording {
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.inner.http(request)
    }

    fn open(&self, target: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>> {
        let query = target.url().query().unwrap().to_owned();
        self.sigs
            .lock()
            .unwrap()
            .push(query.trim_start_matches("sig=").to_owned());
        self.inner.open(target)
    }
}

/// At trace level, with what hyper, reqwest, rustls and tungstenite have to say.
#[tokio::test]
async fn log_capture_has_no_sig() {
    let phone = Phone::start().await;
    // Of what setting one brings along, only the way from the log crate to tracing is wanted.
    drop(tracing_subscriber::registry().set_default());
    let (log, guard) = Log::capture_all();
    let transport = Arc::new(Recording {
        inner: NetTransport::new(&[]).unwrap(),
        sigs: Mutex::default(),
    });
    let client = Client::builder(&phone.api)
        .transport(Arc::clone(&transport) as Arc<dyn Transport>)
        .build()
        .unwrap();
    let (_, keys) = sign_in(&client, &phone, appdata()).await;
    drop(guard);
    let text = log.text();
    assert!(
        text.contains("tungstenite::"),
        "records of the log crate are captured too"
    );
    let sigs = transport.sigs.lock().unwrap();
    assert!(!sigs.is_empty());
    for sig in &*sigs {
        assert!(!text.contains(&sig[..40]), "sig is in the log");
    }
    assert!(!text.contains("sig="), "the address is in the log");
    for secret in [keys.sign_secret().as_bytes(), keys.box_secret().as_bytes()] {
        assert!(!text.contains(&secret.escape_ascii().to_string()));
    }
}

/// In a child process, because the environment is the process's.
#[test]
fn proxies_of_the_environment_are_ignored() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "whole_logins_over_sockets"])
        .env("http_proxy", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "socks5://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && told.contains("1 passed"),
        "{told}"
    );
}
