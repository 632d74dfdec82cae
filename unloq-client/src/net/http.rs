//! One HTTP request by reqwest.

use core::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use zeroize::Zeroizing;

use super::tls;
use crate::transport::{
    Body, HttpRequest, HttpResponse, Method, TransportError, TransportErrorKind,
};

/// Time to connect (U 4.1).
const CONNECT: Duration = Duration::from_secs(3);
const IDLE_CONNECTIONS: usize = 8;
/// Less than servers keep a connection that idles (node: 5 s). A call on one that is closed at that
/// moment fails, and none is sent twice.
const IDLE_TIME: Duration = Duration::from_secs(4);
/// Most of an answer's header fields.
const HEADER_LIST: u32 = 65_536;

pub(super) fn client(tls: ClientConfig) -> Result<reqwest::Client, TransportError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        // By default a request that HTTP/2 says was not processed is sent again.
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT)
        .http1_max_headers(100)
        .http2_max_header_list_size(HEADER_LIST)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIME)
        .tcp_nodelay(true)
        .user_agent(concat!("unloq-client/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| classify(error, TransportErrorKind::Connect))
}

pub(super) async fn send(
    client: &reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, TransportError> {
    let mut builder = match request.method {
        Method::Get => client.get(request.url),
        Method::Post => client
            .post(request.url)
            .header(CONTENT_TYPE, "application/json")
            // Erased when the last of it was sent.
            .body(Bytes::from_owner(request.body)),
    };
    for (name, value) in request.credentials {
        builder = builder.header(HeaderName::from_static(name), secret(value)?);
    }
    let answer = builder
        .header(ACCEPT, "application/json")
        .timeout(request.timeout)
        .send()
        .await
        .map_err(|error| classify(error, TransportErrorKind::Interrupted))?;
    let event = answer.headers().get("x-response-type");
    let event_stream = event.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"event"));
    Ok(HttpResponse {
        status: answer.status().as_u16(),
        event_stream,
        body: Box::new(Answer(answer)),
    })
}

/// A header value that is neither logged nor compressed, in memory that is erased.
fn secret(value: Zeroizing<String>) -> Result<HeaderValue, TransportError> {
    struct Owner(Zeroizing<String>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(Owner(value)));
    let mut value = value.map_err(|_| TransportErrorKind::Protocol)?;
    value.set_sensitive(true);
    Ok(value)
}

struct Answer(reqwest::Response);

impl Body for Answer {
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async {
            let chunk = self.0.chunk().await;
            chunk.map_err(|error| classify(error, TransportErrorKind::Interrupted))
        })
    }
}

fn classify(error: reqwest::Error, otherwise: TransportErrorKind) -> TransportError {
    let kind = if error.is_connect() {
        // Its time-out too: nothing was sent.
        if tls::is_tls(&error) {
            TransportErrorKind::Tls
        } else {
            TransportErrorKind::Connect
        }
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_decode() {
        TransportErrorKind::Protocol
    } else {
        otherwise
    };
    TransportError::with_source(kind, error.without_url())
}
