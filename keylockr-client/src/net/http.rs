//! One HTTP request by reqwest.

use core::time::Duration;
use std::io;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use rustls::ClientConfig;

use super::tls;
use crate::clock;
use crate::transport::{HttpRequest, HttpResponse, Method, TransportError, TransportErrorKind};

/// Enough for the bursts of a busy site; an idle site holds nothing for long.
const IDLE_CONNECTIONS: usize = 8;
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Most of an answer's header fields, as much as the largest body that is read.
const HEADER_LIST: u32 = 65_536;

pub(super) fn client(mut tls: ClientConfig) -> Result<reqwest::Client, TransportError> {
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .http1_max_headers(100)
        .http2_max_header_list_size(HEADER_LIST)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIME)
        .tcp_nodelay(true)
        .user_agent(concat!("keylockr-client/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| classify(error, TransportErrorKind::Connect))
}

pub(super) async fn perform(
    client: &reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, TransportError> {
    let HttpRequest {
        method,
        url,
        content_type,
        body,
        limit,
        timeout,
    } = request;
    let mut builder = match method {
        Method::Get => client.get(url),
        Method::Post => client.post(url).body(body),
    };
    if let Some(content_type) = content_type {
        builder = builder
            .header(CONTENT_TYPE, content_type)
            .header(ACCEPT, content_type);
    }
    let mut answer = send(client, builder, timeout)
        .await
        .map_err(|error| classify(error, TransportErrorKind::Interrupted))?;
    let status = answer.status().as_u16();
    let announced = answer.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |length| length > limit) {
        return Err(TransportErrorKind::TooLarge.into());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| classify(error, TransportErrorKind::Interrupted))?
    {
        if chunk.len() > limit - body.len() {
            return Err(TransportErrorKind::TooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse { status, body })
}

/// Sends it, once more if the connection was closed under it. A service closes connections that idle,
/// and may do so at the moment when one is used again. Nothing that we ask is done twice by asking
/// twice: of two handshakes, the one without an answer is forgotten.
async fn send(
    client: &reqwest::Client,
    builder: RequestBuilder,
    timeout: Duration,
) -> Result<Response, reqwest::Error> {
    let begun = clock::monotonic();
    let mut request = builder.timeout(timeout).build()?;
    let again = request.try_clone();
    match (client.execute(request).await, again) {
        (Err(error), Some(again)) if hung_up(&error) => {
            request = again;
            let left = timeout.saturating_sub(clock::monotonic() - begun);
            *request.timeout_mut() = Some(left);
            client.execute(request).await
        }
        (result, _) => result,
    }
}

/// Whether the connection ended before the answer began.
fn hung_up(error: &(dyn core::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_canceled() || error.is_closed())
        {
            return true;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            return matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset
            );
        }
        next = error.source();
    }
    false
}

fn classify(error: reqwest::Error, otherwise: TransportErrorKind) -> TransportError {
    let kind = if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if tls::is_tls(&error) {
        TransportErrorKind::Tls
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_decode() {
        TransportErrorKind::Protocol
    } else {
        otherwise
    };
    TransportError::with_source(kind, error.without_url())
}
