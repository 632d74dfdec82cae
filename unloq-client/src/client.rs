//! The client: one exchange over the transport, bounded in time and size. What is asked and what
//! the answers mean is in `call`.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use crate::clock;
use crate::config::{ClientBuilder, Config};
use crate::credentials::ApiKey;
use crate::error::{Endpoint, Error, Problem};
use crate::metrics;
use crate::secret::SecretBuf;
use crate::transport::{Body, HttpRequest, HttpResponse, Method, TransportErrorKind};

/// Most of an answer that is read (U 4.1).
pub(crate) const MAX_ANSWER: usize = 1024 * 1024;

/// UNLOQ's API, for one application. Clones are cheap and share everything; make one for a
/// process.
///
/// Dropping the future of a call abandons it at once. That takes nothing back: an approval may
/// still ring the phone and be answered there, and a token must be taken for used. Nothing is
/// ever sent twice; [`Error::was_not_sent`] says when repeating a call is harmless.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    unexpected_keys: AtomicU64,
}

impl Client {
    /// A client for the API at this address, such as `https://api.unloq.io/v1`: UNLOQ has moved
    /// once, so there is no default. Plain http is accepted for loopback addresses alone.
    pub fn builder(base_url: &str, api_key: impl Into<ApiKey>) -> ClientBuilder {
        ClientBuilder::new(base_url, api_key.into())
    }

    pub(crate) fn new(config: Config) -> Self {
        Self {
            shared: Arc::new(Shared {
                config,
                unexpected_keys: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    /// How many personal keys have arrived that the configured mode does not know (U 5.1). Each
    /// was erased unread and logged as `unloq.key.unexpected`: the dashboard disagrees with the
    /// configuration, and somebody should look.
    pub fn unexpected_keys(&self) -> u64 {
        self.shared.unexpected_keys.load(Ordering::Relaxed)
    }

    pub(crate) fn unexpected_key(&self, endpoint: Endpoint) {
        self.shared.unexpected_keys.fetch_add(1, Ordering::Relaxed);
        metrics::unexpected_key();
        tracing::warn!(
            name: "unloq.key.unexpected",
            %endpoint,
            "a personal key arrived that the configured mode does not know, and was erased"
        );
    }

    /// A `POST` and its whole answer.
    pub(crate) async fn post(
        &self,
        endpoint: Endpoint,
        suffix: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Error> {
        let request = self.request(endpoint, suffix, Method::Post, json(body));
        self.whole(endpoint, request).await
    }

    /// A `GET` with one query parameter, and its whole answer.
    pub(crate) async fn get(
        &self,
        endpoint: Endpoint,
        name: &str,
        value: &str,
    ) -> Result<Answer, Error> {
        let mut request = self.request(endpoint, "", Method::Get, Zeroizing::default());
        request.url.query_pairs_mut().append_pair(name, value);
        self.whole(endpoint, request).await
    }

    async fn whole(&self, endpoint: Endpoint, request: HttpRequest) -> Result<Answer, Error> {
        self.bounded(endpoint, request, async |response: HttpResponse| {
            read_whole(endpoint, response).await
        })
        .await
    }

    /// Sends the request and gives the answer to `read`, all within the limit of the call.
    pub(crate) async fn bounded<T>(
        &self,
        endpoint: Endpoint,
        request: HttpRequest,
        read: impl AsyncFnOnce(HttpResponse) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let limit = request.timeout;
        let (call, asked) = (metrics::Call::new(endpoint), clock::monotonic());
        let mut status = None;
        let exchange = async {
            let response = self.config().transport.send(request).await;
            let response = response.map_err(|source| failed(endpoint, source))?;
            status = Some(response.status);
            read(response).await
        };
        let outcome = clock::within(limit, exchange).await;
        let outcome = outcome.unwrap_or(Err(Error::Timeout { endpoint }));
        call.ended(status, &outcome, clock::since(asked));
        if let Err(error) = &outcome {
            tracing::debug!(name: "unloq.call.failed", %endpoint, %error, "a call failed");
        }
        outcome
    }

    pub(crate) fn request(
        &self,
        endpoint: Endpoint,
        suffix: &str,
        method: Method,
        body: Zeroizing<Vec<u8>>,
    ) -> HttpRequest {
        let config = self.config();
        HttpRequest {
            method,
            url: address(&config.base_url, endpoint.path(), suffix),
            credentials: config.credentials.headers(),
            body,
            timeout: self.limit(endpoint),
        }
    }

    fn limit(&self, endpoint: Endpoint) -> Duration {
        if endpoint.waits_for_approval() {
            self.config().approval
        } else {
            self.config().plain
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.config().base_url.as_str())
            .field("key_mode", &self.config().key_mode)
            .finish_non_exhaustive()
    }
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: SecretBuf,
}

pub(crate) async fn read_whole(
    endpoint: Endpoint,
    response: HttpResponse,
) -> Result<Answer, Error> {
    let status = response.status;
    let mut body = Bounded::new(endpoint, response);
    let mut whole = SecretBuf::default();
    while let Some(chunk) = body.chunk().await? {
        whole.push_slice(&chunk);
    }
    Ok(Answer {
        status,
        body: whole,
    })
}

/// A body that is read up to [`MAX_ANSWER`] bytes.
pub(crate) struct Bounded {
    endpoint: Endpoint,
    status: u16,
    body: Box<dyn Body>,
    left: usize,
}

impl Bounded {
    pub(crate) fn new(endpoint: Endpoint, response: HttpResponse) -> Self {
        Self {
            endpoint,
            status: response.status,
            body: response.body,
            left: MAX_ANSWER,
        }
    }

    pub(crate) async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, Error> {
        let chunk = self.body.chunk().await;
        let chunk = chunk.map_err(|source| failed(self.endpoint, source))?;
        let Some(chunk) = chunk else {
            return Ok(None);
        };
        match self.left.checked_sub(chunk.len()) {
            Some(left) => self.left = left,
            None => return Err(invalid(self.endpoint, self.status, Problem::TooLarge)),
        }
        Ok(Some(chunk))
    }
}

pub(crate) fn invalid(endpoint: Endpoint, status: u16, problem: Problem) -> Error {
    Error::InvalidResponse {
        endpoint,
        status,
        problem,
        refusal: None,
    }
}

fn failed(endpoint: Endpoint, source: crate::transport::TransportError) -> Error {
    if source.kind() == TransportErrorKind::Timeout {
        Error::Timeout { endpoint }
    } else {
        Error::Network { endpoint, source }
    }
}

/// Into memory that is erased.
pub(crate) fn json(body: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut buf = SecretBuf::with_capacity(1024);
    // Cannot fail: the buffer takes everything, and every key of ours is text.
    let _ = serde_json::to_writer(&mut buf, body);
    buf.into_inner()
}

/// `suffix` is a path segment of letters, digits, `_` and `-`, or empty.
fn address(base: &Url, path: &str, suffix: &str) -> Url {
    let mut url = base.clone();
    let base = base.path().trim_end_matches('/');
    let slash = if suffix.is_empty() { "" } else { "/" };
    url.set_path(&format!("{base}/{path}{slash}{suffix}"));
    url
}
