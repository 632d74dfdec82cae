//! Sessions: who is signed in, for how long, and how that ends.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use keylockr_proto::{AppId, Revision, SafeId, SignPublic, VerifyRequest};

use crate::{
    checks::Verdict,
    limits::{OVERDUE_WAIT, RECHECK_WAIT},
    metrics::{self, Store},
    moment::Moment,
    policy::{self, Access, Freshness, Revocations},
    record::SessionRecord,
    refusal::Refusal,
    session::HttpSession,
    shared::Shared,
    store::Revoked,
    user::User,
};

impl Shared {
    /// Who is signed in, if the session's record, the policy and KeyLockr all say so.
    pub(crate) async fn resolve<S: HttpSession>(
        self: &Arc<Self>,
        session: &S,
    ) -> Result<Option<User>, Refusal> {
        // Read here and not by `read_session`: each future around another adds to what a handler's
        // takes, and that is to stay within what an allocator hands out quickly.
        let read = {
            let read = pin!(session.read());
            self.session_gate.pass_pinned(read).await
        };
        let Some(record) = read.map_err(|_| session_failed(metrics::Access::Read))? else {
            return Ok(None);
        };
        if self.stands(&record) {
            return Ok(Some(User::new(record)));
        }
        // Boxed: nearly every request ends above, and pays for the size of what it awaits.
        Box::pin(self.resolve_slowly(session, record)).await
    }

    /// The same where the store answers at once and nothing is due. It only reads: to ask again after
    /// [`Poll::Pending`] costs another reading at most.
    pub(crate) fn resolve_promptly<S: HttpSession>(
        &self,
        session: &S,
    ) -> Poll<Result<Option<User>, Refusal>> {
        if self.session_gate.is_closed() {
            return Poll::Pending;
        }
        let read = pin!(session.read());
        let nobody_waits = &mut Context::from_waker(Waker::noop());
        match read.poll(nobody_waits) {
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(Ok(Some(record))) if self.stands(&record) => {
                Poll::Ready(Ok(Some(User::new(record))))
            }
            Poll::Ready(Ok(Some(_))) | Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(Err(session_failed(metrics::Access::Read))),
        }
    }

    /// Who is signed in, where that can be told without waiting for anything.
    pub(crate) fn resolve_at_once<S: HttpSession>(&self, session: &S) -> Option<User> {
        let record = session.at_hand()?;
        self.stands(&record).then(|| User::new(record))
    }

    /// Whether a session stands, as far as that can be told without waiting. Almost always it can:
    /// nothing of it is revoked, its limits are far, and no check and no write are due.
    fn stands(&self, record: &SessionRecord) -> bool {
        let Some(revoked) = self.revoked.known(record) else {
            return false;
        };
        let now = self.now();
        let stands = match revoked == Revocations::default() {
            true => self.margins.hold(record, now),
            false => policy::admit(Some(record), now, &revoked, &self.session) == Access::PLAIN,
        };
        // Without a use for connections there are none.
        if stands && self.wants_handovers() {
            self.connections.seen(record, now);
        }
        stands
    }

    async fn resolve_slowly<S: HttpSession>(
        self: &Arc<Self>,
        session: &S,
        mut record: SessionRecord,
    ) -> Result<Option<User>, Refusal> {
        let revoked = self
            .revoked
            .look_up(&record)
            .await
            .map_err(|_| Refusal::StoreUnavailable)?;
        let now = self.now();
        let (mut touch, freshness) =
            match policy::admit(Some(&record), now, &revoked, &self.session) {
                Access::Anonymous => return Ok(None),
                Access::Expired => return Ok(self.end_session(session, &record, "over").await),
                Access::Granted { touch, freshness } => (touch, freshness),
            };
        self.connections.seen(&record, now);
        let link_is_up = self.connections.is_up(&record);
        if freshness != Freshness::Fresh {
            match self.check(&record, freshness, link_is_up, now).await {
                Some((Verdict::Valid, at)) => {
                    record.checked_at = record.checked_at.max(at);
                    touch = true;
                }
                Some((Verdict::Invalid, _)) => {
                    self.connection_is_gone(record.app_id().to_owned(), "not valid any more")
                        .await;
                    return Ok(self.end_session(session, &record, "revoked").await);
                }
                Some((Verdict::Failed, _)) if freshness == Freshness::Overdue => {
                    return Ok(self
                        .end_session(session, &record, "not checked in time")
                        .await);
                }
                None if freshness == Freshness::Overdue => {
                    return Err(Refusal::ServiceUnavailable { retry_after: 5 });
                }
                // Neither a yes nor a no: the session goes on until the grace is over.
                Some((Verdict::Failed, _)) | None => {}
            }
        }
        if touch {
            record.seen_at = record.seen_at.max(now);
            self.session_gate
                .pass(session.write(&record))
                .await
                .map_err(|_| session_failed(metrics::Access::Write))?;
            self.list(&record, None).await;
        }
        Ok(Some(User::new(record)))
    }

    pub(crate) async fn read_session<S: HttpSession>(
        &self,
        session: &S,
    ) -> Result<Option<SessionRecord>, Refusal> {
        // Pinned here, or the gate's future would have room for it twice.
        let read = pin!(session.read());
        self.session_gate
            .pass_pinned(read)
            .await
            .map_err(|_| session_failed(metrics::Access::Read))
    }

    /// Whether KeyLockr still vouches for the connection, as far as it says so in time.
    async fn check(
        self: &Arc<Self>,
        record: &SessionRecord,
        freshness: Freshness,
        link_is_up: bool,
        now: Moment,
    ) -> Option<(Verdict, Moment)> {
        if link_is_up {
            return Some((Verdict::Valid, now));
        }
        let Some(request) = self.verify_request(record) else {
            // A record that names no connection cannot be vouched for.
            return Some((Verdict::Invalid, now));
        };
        let pressing = freshness == Freshness::Overdue;
        let mut check = self
            .checks
            .join(record.app_id(), now, self.session.recheck, pressing);
        if let Some(task) = check.task.take() {
            let shared = Arc::clone(self);
            self.tasks.spawn(async move {
                let outcome = shared.client.verify(&request).await;
                let verdict = Verdict::from(&outcome);
                tracing::debug!(name: "keylockr.connection.checked", ?verdict, "checked");
                task.tell(verdict, shared.now());
            });
        }
        check
            .verdict(if pressing { OVERDUE_WAIT } else { RECHECK_WAIT })
            .await
    }

    fn verify_request(&self, record: &SessionRecord) -> Option<VerifyRequest> {
        // The ids were judged by their own revision when they came; here they only travel back.
        let (family, revision) = (self.service.family(), Revision::One);
        Some(VerifyRequest {
            service: self.service.clone(),
            app_id: AppId::parse(family, revision, record.app_id()).ok()?,
            safe_id: SafeId::parse(family, revision, record.safe_id()).ok()?,
            sign: SignPublic::from_base64(record.sign_pk()).ok()?,
        })
    }

    /// Removes what is over from the session store, as far as that answers; over it is either way.
    async fn end_session<S: HttpSession>(
        self: &Arc<Self>,
        session: &S,
        record: &SessionRecord,
        why: &'static str,
    ) -> Option<User> {
        tracing::info!(name: "keylockr.session.ended", safe_id = record.safe_id(), why, "ended");
        self.leave_connection(record, false);
        if self.session_gate.pass(session.expire()).await.is_err() {
            metrics::store_failed(Store::Sessions, metrics::Access::Write);
            tracing::warn!(
                name: "keylockr.session.not_removed",
                "a session that is over could not be removed from its store"
            );
        }
        None
    }

    /// Nothing remains of a session in whose place another began.
    pub(crate) async fn replaced(self: &Arc<Self>, before: &SessionRecord) {
        self.revoke_session(before).await;
        self.leave_connection(before, false);
    }

    /// Ends a session for good: whoever still holds its id, or writes its record back, has nothing.
    pub(crate) async fn revoke_session(&self, record: &SessionRecord) {
        let session = Revoked::Session(record.handle().to_owned());
        // Where it could not be stored it holds in this process, and the log says so.
        let _ = self.revoked.revoke(session, self.now()).await;
        self.unlist(record.safe_id(), record.handle()).await;
    }
}

/// Counts that the session store did not answer; nobody can tell who is there, then.
pub(crate) fn session_failed(access: metrics::Access) -> Refusal {
    metrics::store_failed(Store::Sessions, access);
    Refusal::StoreUnavailable
}
