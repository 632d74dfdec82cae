//! [`KeyLockr`]: the handle that adapters and applications hold.

use std::{any::Any, fmt, future::Future, sync::Arc, task::Poll, time::Duration};

use keylockr_proto::DisplayName;

use crate::{
    answer::Answer,
    api,
    builder::KeyLockrBuilder,
    connections::Connection,
    limits::HOOK_WAIT,
    metrics,
    page::View,
    record::SessionRecord,
    refusal::Refusal,
    request::{Head, Request},
    route::Route,
    session::HttpSession,
    shared::Shared,
    store::Revoked,
    user::User,
};

/// How long a readiness check waits for KeyLockr.
const HEALTH_WAIT: Duration = Duration::from_secs(3);

/// How long a graceful stop waits for sockets to close.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// The login service of one site. Cheap to clone; all clones are the same service.
#[derive(Clone)]
pub struct KeyLockr(Arc<Shared>);

/// Why sign-ins cannot work right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// KeyLockr does not answer.
    #[error("KeyLockr cannot be reached")]
    Service,
    /// The store of attempts or of revocations does not answer.
    #[error("a store cannot be reached")]
    Store,
    /// The service is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

impl KeyLockr {
    /// Begins the configuration: the service's `svc_id` (its app tag in the appdata family), and the
    /// site's title as people know it.
    pub fn builder(service: impl Into<String>, site_title: impl Into<String>) -> KeyLockrBuilder {
        KeyLockrBuilder::new(service.into(), site_title.into())
    }

    pub(crate) fn new(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        shared.stand_by();
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Answers a request to one of the login routes.
    ///
    /// Every wait in it is bounded. Attempts that it starts run on tasks of their own, so this needs
    /// a tokio runtime. Dropping the future abandons the request and nothing else; an attempt whose
    /// approval it had claimed by then is used up, without a session.
    pub async fn answer<S: HttpSession>(
        &self,
        route: Route,
        request: Request,
        session: &S,
    ) -> Answer {
        api::answer(self, route, &request, session).await
    }

    /// Who is signed in: the one question behind every guard and extractor.
    ///
    /// # Errors
    /// A store does not answer, or a check that is overdue gets no answer in time. Nothing follows
    /// from either about who is signed in.
    pub fn resolve<'a, S: HttpSession>(
        &'a self,
        session: &'a S,
    ) -> impl Future<Output = Result<Option<User>, Refusal>> + use<'a, S> {
        self.0.resolve(session)
    }

    /// The same as far as the session store answers at once and nothing is due, for adapters that would
    /// otherwise allocate a future. It only reads: who hears [`Poll::Pending`] asks
    /// [`resolve`](Self::resolve).
    ///
    /// # Errors
    /// The store does not answer.
    pub fn resolve_promptly<S: HttpSession>(
        &self,
        session: &S,
    ) -> Poll<Result<Option<User>, Refusal>> {
        self.0.resolve_promptly(session)
    }

    /// The same without waiting: who is signed in if the session is at hand and stands. `None` says
    /// nothing, [`resolve`](Self::resolve) does.
    pub fn resolve_at_once<S: HttpSession>(&self, session: &S) -> Option<User> {
        self.0.resolve_at_once(session)
    }

    /// The application's own user, loaded by its admit hook, to be downcast to the hook's account
    /// type. `None`: the application has none (any more), or there is no hook.
    ///
    /// # Errors
    /// The hook cannot tell, or takes longer than five seconds.
    pub async fn account(
        &self,
        user: &User,
    ) -> Result<Option<Arc<dyn Any + Send + Sync>>, Refusal> {
        match tokio::time::timeout(HOOK_WAIT, self.0.admit.load(user)).await {
            Ok(Ok(account)) => Ok(account),
            Ok(Err(_)) | Err(_) => Err(Refusal::CannotTell),
        }
    }

    /// Whether a request that changes something comes from the site's own pages, by the rule of the
    /// login routes: for handlers of the application's own.
    ///
    /// # Errors
    /// [`Refusal::CrossOrigin`]
    pub fn same_origin(&self, head: &Head) -> Result<(), Refusal> {
        if self.0.site.admits(head) {
            return Ok(());
        }
        let ours = self.origin(head)?;
        tracing::info!(
            name: "keylockr.request.cross_origin",
            path = head.path(),
            ours,
            "refused a request that does not come from our own pages: is public_origin what \
             `location.origin` is in the browser?"
        );
        if self.0.site.is_met_over_plain_http(head) {
            self.0.warn_no_origin.call_once(|| {
                tracing::warn!(
                    name: "keylockr.origin.plain_http",
                    ours,
                    "a browser is here over plain http, and public_origin says https: it drops our `Secure` \
                     cookies, so that nobody can sign in. Open the https address; while you develop without \
                     TLS set public_origin to the http:// address"
                );
            });
        }
        Err(Refusal::CrossOrigin)
    }

    /// The origin that people see, or a refusal in development mode off loopback.
    pub(crate) fn origin(&self, head: &Head) -> Result<String, Refusal> {
        self.0.site.origin(head).ok_or_else(|| {
            self.0.warn_no_origin.call_once(|| {
                tracing::warn!(
                    name: "keylockr.origin.missing",
                    "no public origin is configured, so only loopback addresses are served: set \
                     KeyLockrBuilder::public_origin to the address that people use"
                );
            });
            Refusal::CrossOrigin
        })
    }

    /// A refusal as the answer to a request for one of the login routes.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal, head: &Head) -> Answer {
        metrics::refused(&refusal);
        let language = head.only("accept-language").unwrap_or_default();
        self.refusal_answer(
            refusal,
            head.wants_page(),
            Some(self.mount()),
            "/",
            language,
        )
    }

    /// A refusal as the answer of a guard, which may lead to another place to sign in than our own
    /// mount. `next` is the path and query that was asked for. `language` is the browser's
    /// `Accept-Language`, which chooses the words of a page; empty, they are the first table's.
    #[must_use]
    pub fn refuse_guarded(
        &self,
        refusal: Refusal,
        wants_page: bool,
        login: Option<&str>,
        next: &str,
        language: &str,
    ) -> Answer {
        metrics::refused(&refusal);
        self.refusal_answer(refusal, wants_page, login, next, language)
    }

    /// The application's own answer, or ours in the site's look, with what every refusal carries.
    pub(crate) fn refusal_answer(
        &self,
        refusal: Refusal,
        wants_page: bool,
        login: Option<&str>,
        next: &str,
        language: &str,
    ) -> Answer {
        let restyled = self.0.restyle.as_ref();
        if let Some(mut answer) = restyled.and_then(|restyle| restyle(&refusal, wants_page)) {
            if !(300..400).contains(&answer.status) {
                answer.status = refusal.status();
            }
            return refusal.complete(answer);
        }
        let plain = refusal.to_answer(wants_page, login, next);
        if !wants_page || plain.status != refusal.status() {
            return plain;
        }
        let shared = &self.0;
        let mut view = View::new(&shared.site_title, "", login.unwrap_or(&shared.mount));
        view.language = language;
        let page = shared.page.render_notice(&view, refusal.words());
        let answer = Answer::with_body(refusal.status(), "text/html; charset=utf-8", page)
            .header("content-security-policy", shared.page.csp());
        refusal.complete(answer)
    }

    /// Where the login routes are mounted, by configuration.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.0.mount
    }

    /// Whether sign-ins can work now: KeyLockr and the stores answer. Cheap enough to be asked every
    /// few seconds.
    ///
    /// # Errors
    /// What does not answer.
    pub async fn ready(&self) -> Result<(), Unready> {
        if self.0.stop.is_cancelled() {
            return Err(Unready::ShuttingDown);
        }
        if self.0.attempts.ping().await.is_err() || self.0.revoked.ping().await.is_err() {
            return Err(Unready::Store);
        }
        match tokio::time::timeout(HEALTH_WAIT, self.0.client.health()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unready::Service),
        }
    }

    /// Ends every session of this person that began up to now, wherever it is. Dropping the future takes
    /// nothing back.
    ///
    /// # Errors
    /// [`Refusal::StoreUnavailable`]: only this process refuses those sessions, until the store
    /// answers again.
    pub async fn sign_out_everywhere(&self, safe_id: &str) -> Result<(), Refusal> {
        let shared = &self.0;
        tracing::info!(name: "keylockr.person.signed_out", safe_id, "signed out everywhere");
        for connection in shared.connections.remove_person(safe_id) {
            shared.retire(connection, false);
        }
        let person = Revoked::Person(safe_id.to_owned());
        shared
            .revoked
            .revoke(person, shared.now())
            .await
            .map_err(|_| Refusal::StoreUnavailable)
    }

    /// Ends one session by its handle ([`User::session_handle`]), as a list of sessions offers it.
    ///
    /// # Errors
    /// As [`Self::sign_out_everywhere`].
    pub async fn end_session(&self, handle: &str) -> Result<(), Refusal> {
        let shared = &self.0;
        let connection = shared.connections.of_session(handle);
        let left = connection.and_then(|app_id| shared.connections.leave(&app_id, handle));
        if let Some(connection) = left {
            shared.retire(connection, false);
        }
        shared
            .revoked
            .revoke(Revoked::Session(handle.to_owned()), shared.now())
            .await
            .map_err(|_| Refusal::StoreUnavailable)
    }

    /// Ends a session in whose place another one began in the same browser, now that that one is stored.
    /// For adapters whose session crate stores after the answer ([`HttpSession::put_off`]).
    pub async fn replaced(&self, before: &SessionRecord) {
        self.0.replaced(before).await;
    }

    /// Ends every session that was made through one KeyLockr connection ([`User::app_id`]) up to
    /// now, wherever it is. The connection itself stays on the person's phone.
    ///
    /// # Errors
    /// As [`Self::sign_out_everywhere`].
    pub async fn sign_out_connection(&self, app_id: &str) -> Result<(), Refusal> {
        let shared = &self.0;
        tracing::info!(name: "keylockr.connection.signed_out", app_id, "signed out everywhere");
        if let Some(connection) = shared.connections.remove(app_id) {
            shared.retire(connection, false);
        }
        let connection = Revoked::Connection(app_id.to_owned());
        shared
            .revoked
            .revoke(connection, shared.now())
            .await
            .map_err(|_| Refusal::StoreUnavailable)
    }

    /// Gives the person's connection another name on their phone, and says how KeyLockr took it
    /// (K 9). Control characters are dropped and 64 characters kept; `None`: nothing of it can be
    /// shown, here or there.
    ///
    /// # Errors
    /// As [`Self::vault`] where the connection is not this process's to use;
    /// [`Refusal::ServiceUnavailable`] when KeyLockr does not answer: the name may be either then.
    pub async fn rename_connection(
        &self,
        user: &User,
        name: &str,
    ) -> Result<Option<String>, Refusal> {
        let Ok(name) = DisplayName::truncated(name) else {
            return Ok(None);
        };
        let name = self.0.rename_connection(user.record(), name).await?;
        Ok(name.map(|name| name.as_str().to_owned()))
    }

    /// What the person's phone calls their connection, if this process has heard of a new name. For
    /// display only.
    #[must_use]
    pub fn connection_name(&self, user: &User) -> Option<String> {
        let name = |connection: &mut Connection| connection.name.clone();
        let name = self.0.connections.with(user.record(), name).flatten();
        name.map(|name| name.as_str().to_owned())
    }

    /// Begins a graceful stop and waits for it, five seconds at most: no new attempts, event streams
    /// end with a message, and every socket is closed with 1001. Where a store is shared, running
    /// attempts are handed over: another process goes on with them at once, and the codes on people's
    /// screens stay good. Where it is not they end, and say so.
    ///
    /// Call it when the server stops accepting, before it waits for open requests; an open page does
    /// not hold it up then. Sessions stay as they are.
    pub fn shutdown(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.0);
        shared.stop.cancel();
        async move {
            for mut connection in shared.connections.clear() {
                if let Some(link) = connection.close() {
                    shared.tasks.spawn(async move { link.stop().await });
                }
            }
            shared.tasks.close();
            if tokio::time::timeout(STOP_WAIT, shared.tasks.wait())
                .await
                .is_err()
            {
                tracing::warn!(
                    name: "keylockr.stop.unfinished",
                    left = shared.tasks.len(),
                    "stopped before everything was closed"
                );
            }
        }
    }
}

impl fmt::Debug for KeyLockr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLockr")
            .field("mount", &self.mount())
            .finish_non_exhaustive()
    }
}
