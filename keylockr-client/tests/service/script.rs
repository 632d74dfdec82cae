//! A service that does what it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keylockr_client::proto::{BoxSecret, ServerKeys, SignSecret};
use keylockr_client::{
    BoxFuture, Client, ClientBuilder, HttpRequest, HttpResponse, Socket, SocketError, SocketTarget,
    Transport, TransportError, TransportErrorKind,
};
use tokio::time::sleep;

#[derive(Clone)]
pub(crate) enum Does {
    Answer(u16, Vec<u8>),
    Fail(TransportErrorKind),
    Hang,
    After(Duration, Vec<u8>),
}

pub(crate) fn says(text: impl Into<String>) -> Does {
    Does::Answer(200, text.into().into_bytes())
}

pub(crate) struct Script {
    pub(crate) does: Mutex<HashMap<&'static str, Does>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) in_flight: AtomicUsize,
}

impl Script {
    pub(crate) fn set(&self, path: &'static str, does: Does) {
        self.does.lock().unwrap().insert(path, does);
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|asked| asked.as_str() == path)
            .count()
    }
}

impl Transport for Script {
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let path = request.url.path().to_owned();
        let does = self.does.lock().unwrap().get(path.as_str()).cloned();
        self.asked.lock().unwrap().push(path);
        Box::pin(async move {
            self.in_flight.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let (status, body) = match does {
                None => (404, Vec::new()),
                Some(Does::Answer(status, body)) => (status, body),
                Some(Does::Fail(kind)) => return Err(kind.into()),
                Some(Does::Hang) => std::future::pending().await,
                Some(Does::After(pause, body)) => {
                    sleep(pause).await;
                    (200, body)
                }
            };
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            Ok(HttpResponse { status, body })
        })
    }

    fn open(&self, _: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>> {
        Box::pin(std::future::pending())
    }
}

pub(crate) fn pair(seed: u8) -> (String, String) {
    let enc = BoxSecret::from_bytes(&[seed; 32]).public().to_base64();
    let sign = SignSecret::from_bytes(&[seed; 32]).public().to_base64();
    (enc, sign)
}

pub(crate) fn server_keys(seed: u8) -> ServerKeys {
    let (enc, sign) = pair(seed);
    ServerKeys::from_base64(&enc, &sign).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the service's clock")]
pub(crate) fn wall() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A service that works, and its client.
pub(crate) fn world(
    settings: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Arc<Script>, Client) {
    let script = Arc::new(Script {
        does: Mutex::default(),
        asked: Mutex::default(),
        in_flight: AtomicUsize::new(0),
    });
    serve_pair(&script, 1);
    script.set(
        "/v3/clock",
        says(format!(r#"{{"_res":"ok","ts":{}}}"#, wall())),
    );
    let transport: Arc<dyn Transport> = Arc::clone(&script) as Arc<dyn Transport>;
    let builder = Client::builder("https://keylockr.test").transport(transport);
    (script, settings(builder).build().unwrap())
}

pub(crate) fn serve_pair(script: &Script, seed: u8) {
    let (enc, sign) = pair(seed);
    script.set("/v3/key_enc", says(format!("{enc}\n")));
    script.set("/v3/key_sign", says(format!(" \t{sign}\r\n")));
}
