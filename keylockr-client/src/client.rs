//! [`Client`]: the door to one KeyLockr service.

use core::fmt;
use std::sync::Arc;

use keylockr_proto::link::LinkConfig;
use keylockr_proto::login::{Login, LoginConfig, LoginEnd, LoginFailure, Progress};
use keylockr_proto::{ClientKeys, Now, ServerKeys, VerifyOutcome, VerifyRequest};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use url::Url;

use crate::clock::{self, Clock};
use crate::config::{ClientBuilder, Config};
use crate::driver;
use crate::entropy::OsEntropy;
use crate::error::{Endpoint, Error};
use crate::link::{self, LinkHandle};
use crate::returned::ReturnedFrames;
use crate::service::Service;
use crate::transport::TransportErrorKind;
use crate::vault::{Vault, VaultConfig, VaultGrant};

/// One KeyLockr service: its keys and its clock, and everything that talks to it. Clones are cheap
/// and share all of that; make one for a process.
#[derive(Clone)]
pub struct Client {
    service: Arc<Service>,
}

impl Client {
    /// A client of the API at `base_url`, such as [`DEFAULT_BASE_URL`](crate::DEFAULT_BASE_URL). A
    /// bare origin gets `/v3` appended; plain http is for loopback addresses only.
    pub fn builder(base_url: &str) -> ClientBuilder {
        ClientBuilder::new(base_url)
    }

    pub(crate) fn new(config: Config) -> Self {
        Self {
            service: Arc::new(Service::new(config)),
        }
    }

    /// The address of the API, without a slash at its end.
    pub fn base_url(&self) -> &Url {
        &self.service.config.base_url
    }

    /// Fetches keys and clock if they are missing or old. Every login does so by itself; calling
    /// it at start finds a wrong address, a wrong pin or a wrong clock before the first user does.
    ///
    /// One asks at a time, and whoever came meanwhile shares the answer. Dropping the future ends
    /// its calls; another one that waits then asks itself.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`], [`Error::Status`] and [`Error::Malformed`] of the calls;
    /// [`Error::UnusableKey`] and [`Error::NotPinned`] for the keys; [`Error::ClockDrift`] and
    /// [`Error::ClockAbsurd`] for the clock.
    pub async fn sync(&self) -> Result<(), Error> {
        self.service.sync().await.map(|_| ())
    }

    /// The time, on both clocks.
    pub fn now(&self) -> Now {
        self.service.clock.now()
    }

    /// The clock behind [`now`](Self::now).
    pub fn clock(&self) -> &Clock {
        &self.service.clock
    }

    /// How often the service's keys were found changed. Without pins each one deserves a look.
    pub fn key_changes(&self) -> u64 {
        self.service.key_changes()
    }

    /// Random bytes from the operating system, for `ClientKeys::generate`.
    pub fn entropy(&self) -> OsEntropy {
        OsEntropy
    }

    /// Runs one login to its end.
    ///
    /// `watch` is called at each step: with the QR code to show, when to take it away, when the
    /// phone has approved. It is called from within this future and must not block.
    ///
    /// Cancelling the token ends the login with [`LoginEnd::Cancelled`] at once, whatever is in
    /// flight, unless it has ended otherwise before; the socket is closed properly. Dropping the
    /// future also ends it: the connection is cut and nothing of the attempt remains.
    ///
    /// At most 15 seconds pass until the service has answered the handshake or the login has failed.
    /// If the service cannot be had at all the login fails with [`LoginFailure::HandshakeFailed`];
    /// with [`LoginFailure::Clock`] if the clocks are too far apart; with [`LoginFailure::Protocol`]
    /// and E_KEY if its keys are weak or not pinned; with [`LoginFailure::Config`], and without a
    /// handshake, if `config` must not be used, or not with these keys.
    pub async fn login(
        &self,
        config: LoginConfig,
        keys: Arc<ClientKeys>,
        watch: &mut (dyn FnMut(&Login, &Progress) + Send),
        cancel: &CancellationToken,
    ) -> LoginEnd {
        let returned = ReturnedFrames::none();
        self.login_with_return(config, keys, watch, returned, cancel)
            .await
    }

    /// The same for a login whose same-device link leads back here: results that come back through
    /// the browser are taken from `returned` as well (K 7.7). They are opened and judged as those
    /// of the service are; whatever else somebody hands in costs the login a strike at most.
    pub async fn login_with_return(
        &self,
        config: LoginConfig,
        keys: Arc<ClientKeys>,
        watch: &mut (dyn FnMut(&Login, &Progress) + Send),
        returned: ReturnedFrames,
        cancel: &CancellationToken,
    ) -> LoginEnd {
        Box::pin(self.login_inner(config, keys, watch, returned, cancel))
            .instrument(tracing::info_span!("keylockr.login"))
            .await
    }

    async fn login_inner(
        &self,
        config: LoginConfig,
        keys: Arc<ClientKeys>,
        watch: &mut (dyn FnMut(&Login, &Progress) + Send),
        returned: ReturnedFrames,
        cancel: &CancellationToken,
    ) -> LoginEnd {
        let answer_by = clock::monotonic() + self.service.config.timeouts.long;
        let server = match self.server_keys(cancel).await {
            Ok(Some(server)) => server,
            Ok(None) => return LoginEnd::Cancelled,
            Err(error) => return LoginEnd::Failed(error.login_failure()),
        };
        match Login::new(config, keys, server, self.now()) {
            Ok(login) => {
                self.drive(login, Some(answer_by), watch, returned, cancel)
                    .await
            }
            Err(error) => {
                tracing::error!(name: "keylockr.login.config", %error, "the login cannot start");
                LoginEnd::Failed(LoginFailure::Config(error))
            }
        }
    }

    /// Takes up a login that was suspended, here or in another process (K 5.5): it connects again
    /// and the service repeats what was missed. `watch` and `cancel` as in [`login`](Self::login).
    /// Dropping the future cuts the connection; what was suspended can be taken up again.
    ///
    /// # Errors
    ///
    /// [`Error::Resume`] for what cannot be taken up, and those of [`sync`](Self::sync), with
    /// [`Error::Transport`] when keys and clock took more than 10 s together. Once it runs it does
    /// not fail: it ends.
    pub async fn resume(
        &self,
        config: LoginConfig,
        suspended: &[u8],
        watch: &mut (dyn FnMut(&Login, &Progress) + Send),
        cancel: &CancellationToken,
    ) -> Result<LoginEnd, Error> {
        let returned = ReturnedFrames::none();
        self.resume_with_return(config, suspended, watch, returned, cancel)
            .await
    }

    /// The same with `returned` as in [`login_with_return`](Self::login_with_return).
    ///
    /// # Errors
    ///
    /// Those of [`resume`](Self::resume).
    pub async fn resume_with_return(
        &self,
        config: LoginConfig,
        suspended: &[u8],
        watch: &mut (dyn FnMut(&Login, &Progress) + Send),
        returned: ReturnedFrames,
        cancel: &CancellationToken,
    ) -> Result<LoginEnd, Error> {
        let resumed = async {
            if self.server_keys(cancel).await?.is_none() {
                return Ok(LoginEnd::Cancelled);
            }
            let login = Login::resume(config, suspended, self.now()).map_err(Error::Resume)?;
            Ok(self.drive(login, None, watch, returned, cancel).await)
        };
        Box::pin(resumed)
            .instrument(tracing::info_span!("keylockr.login"))
            .await
    }

    /// Keys and clock, within one call's time. `None`: cancelled meanwhile.
    async fn server_keys(&self, cancel: &CancellationToken) -> Result<Option<ServerKeys>, Error> {
        let limit = self.service.config.timeouts.short;
        tokio::select! {
            biased;
            () = cancel.cancelled() => Ok(None),
            result = tokio::time::timeout(limit, self.service.sync()) => match result {
                Ok(result) => result.map(Some),
                Err(_) => Err(Error::Transport {
                    endpoint: Endpoint::Clock,
                    source: TransportErrorKind::Timeout.into(),
                }),
            },
        }
    }

    async fn drive(
        &self,
        login: Login,
        answer_by: Option<Instant>,
        watch: &mut (dyn FnMut(&Login, &Progress) + Send),
        returned: ReturnedFrames,
        cancel: &CancellationToken,
    ) -> LoginEnd {
        driver::run(
            Arc::clone(&self.service),
            Box::new(login),
            answer_by,
            watch,
            returned,
            cancel,
        )
        .await
    }

    /// Keeps the connection of an authorised user open until the last handle is dropped. It must
    /// be called within a tokio runtime.
    pub fn link(&self, config: LinkConfig, keys: Arc<ClientKeys>) -> LinkHandle {
        link::spawn(Arc::clone(&self.service), config, keys)
    }

    /// The encrypted record of an authorised user, over the link of their connection. It must be
    /// called within a tokio runtime; `grant` is what the sign-in left behind.
    ///
    /// Keep one vault for a connection, and clone it: clones share the filekey and take turns in
    /// writing. The vault listens to the link; whoever wants every event of it since its start asks
    /// [`LinkHandle::events`] before.
    pub fn vault(&self, config: VaultConfig, link: LinkHandle, grant: VaultGrant) -> Vault {
        Vault::open(config, link, grant, Arc::clone(&self.service))
    }

    /// Asks whether a connection is still good (K 4.2). No answer is neither a yes nor a no. It
    /// takes 15 s at most; dropping the future changes nothing at the service.
    pub async fn verify(&self, request: &VerifyRequest) -> VerifyOutcome {
        match self.service.verify(request.to_json()).await {
            Ok(answer) => VerifyOutcome::from_response(answer.status, &answer.body),
            Err(_) => VerifyOutcome::Failed { refusal: None },
        }
    }

    /// Whether the service can be reached; asks it every five seconds at most. Whoever comes
    /// meanwhile shares the answer. Dropping the future ends the call, and nothing is remembered.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`], [`Error::Status`] or [`Error::Malformed`] when the service does not say
    /// the time; [`Error::ClockDrift`] and [`Error::ClockAbsurd`] when it cannot be used.
    pub async fn health(&self) -> Result<(), Error> {
        self.service.health().await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url().as_str())
            .finish_non_exhaustive()
    }
}
