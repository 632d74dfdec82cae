//! `POST M/finish`: an approved attempt becomes a session, once.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keylockr_proto::UnixTime;
use serde_json::json;

use super::Call;
use crate::{
    admit::{NotAdmitted, SignIn},
    agent,
    answer::Answer,
    attempt::{AttemptRecord, End, Failure, NotClaimed, Phase},
    binding::random,
    connections::Handover,
    limits::HOOK_WAIT,
    metrics::{self, Access},
    moment::Moment,
    principal::Principal,
    proxies::client_address,
    record::{SessionRecord, SignInMethod},
    refusal::Refusal,
    request::Request,
    return_to::ReturnTo,
    running::Approved,
    sealed::Sealed,
    session::HttpSession,
    sessions::session_failed,
    store::Change,
};

/// An attempt that is used from here on, and what comes of it.
pub(super) struct Claimed {
    /// Who approved, if that can be read.
    pub(super) approved: Option<Approved>,
    pub(super) method: SignInMethod,
    pub(super) handover: Option<Handover>,
    /// Who was signed in until now.
    pub(super) before: Option<SessionRecord>,
}

impl Call<'_> {
    pub(super) async fn finish<S: HttpSession>(
        &self,
        request: &Request,
        session: &S,
    ) -> Result<Answer, Refusal> {
        let posted = self.posted(request)?;
        let record = self
            .attempt(posted.attempt.as_deref())
            .await?
            .ok_or_else(|| self.not_its_own())?;
        let outcome = self.sign_in(&record, session).await;
        self.signed_in(posted.form, &record, outcome)
    }

    /// The refusal of a browser that has no such attempt; the commonest reason goes into the log.
    fn not_its_own(&self) -> Refusal {
        if self.browser().is_none() {
            tracing::info!(
                name: "keylockr.cookie.missing",
                "a browser came to finish without the attempt's cookie: it keeps none, or it was given a \
                 `Secure` one over plain http (is public_origin https, and the address it opens too?)"
            );
        }
        Refusal::ForeignAttempt
    }

    /// The answer to whoever asked for a session.
    pub(super) fn signed_in(
        &self,
        form: bool,
        record: &AttemptRecord,
        outcome: Result<SessionRecord, Refusal>,
    ) -> Result<Answer, Refusal> {
        match outcome {
            Ok(_) if form => {
                let next = ReturnTo::parse(&record.next);
                Ok(Answer::see_other(next.as_str()).private())
            }
            Ok(user) => {
                let answer = json!({
                    "user": { "safe_id": user.safe_id(), "nickname": user.nickname() },
                    "next": ReturnTo::parse(&record.next).as_str(),
                });
                Ok(Answer::json(200, &answer).private())
            }
            // The page shows how the attempt ended.
            Err(Refusal::NotAdmitted) if form => Ok(self.page_of(Some(&record.id))),
            Err(refusal) => Err(refusal),
        }
    }

    /// The order matters: whatever can fail without harm comes before the claim, and whatever comes
    /// after it ends the attempt when it fails. An approval is never good for a second try.
    async fn sign_in<S: HttpSession>(
        &self,
        record: &AttemptRecord,
        session: &S,
    ) -> Result<SessionRecord, Refusal> {
        match record.phase {
            Phase::Waiting | Phase::Connected | Phase::Authorized | Phase::Unlock => {
                return Err(Refusal::NotDone);
            }
            Phase::Used | Phase::Ended(_) => return Err(Refusal::AttemptEnded),
            Phase::Done => {}
        }
        // Of several servers one may not have the key yet that another seals with: nothing is spent here.
        let approved = record.approved.as_ref();
        if approved.is_some_and(|sealed| self.shared.open_approved(record, sealed).is_none()) {
            tracing::warn!(
                name: "keylockr.approval.not_opened",
                attempt = %record.id,
                "an approval cannot be opened: other seal keys here?"
            );
            return Err(Refusal::CannotTell);
        }
        let before = self.shared.read_session(session).await?;
        // Taken first: after the claim the attempt's own task lets go of it.
        let handover = self.shared.handovers().get(&record.id).cloned();
        let sealed = self.claim(record).await?;
        let claimed = Claimed {
            approved: self.shared.open_approved(record, &sealed),
            method: SignInMethod::Code,
            handover,
            before,
        };
        self.session_for(record, claimed, session).await
    }

    /// From a claimed attempt to its session; or the attempt says why there is none.
    pub(super) async fn session_for<S: HttpSession>(
        &self,
        record: &AttemptRecord,
        claimed: Claimed,
        session: &S,
    ) -> Result<SessionRecord, Refusal> {
        let Claimed {
            approved,
            method,
            handover,
            before,
        } = claimed;
        let result = self.begin_session(record, approved, method, session).await;
        let user = match result {
            Ok(user) => user,
            Err((failure, refusal)) => {
                self.take_back(record, failure).await;
                return Err(refusal);
            }
        };
        let browser = agent::agent(self.head).and_then(|agent| agent::family(&agent));
        self.shared.list(&user, browser).await;
        if let Some(handover) = handover {
            self.shared
                .keep_connection(handover, &user, self.shared.now());
        }
        // Somebody was signed in here before.
        if let Some(before) = before.and_then(|before| session.put_off(before)) {
            self.shared.replaced(&before).await;
        }
        self.end_others(record).await;
        Ok(user)
    }

    /// Done to used: one compare-and-set, which one request wins.
    async fn claim(&self, record: &AttemptRecord) -> Result<Sealed, Refusal> {
        let shared = self.shared;
        let claimed = shared
            .attempts
            .change(&record.id, |record| match record.claim(shared.now()) {
                Ok(sealed) => Change::Store(Ok(sealed)),
                Err(not_claimed) => Change::Keep(Err(not_claimed)),
            })
            .await?;
        match claimed {
            Some(Ok(sealed)) => Ok(sealed),
            Some(Err(NotClaimed::NotDone)) => Err(Refusal::NotDone),
            Some(Err(NotClaimed::Ended)) | None => Err(Refusal::AttemptEnded),
        }
    }

    async fn begin_session<S: HttpSession>(
        &self,
        record: &AttemptRecord,
        approved: Option<Approved>,
        method: SignInMethod,
        session: &S,
    ) -> Result<SessionRecord, (Failure, Refusal)> {
        let shared = self.shared;
        let Approved { principal, at } = approved.ok_or((Failure::Site, Refusal::AttemptEnded))?;
        if method == SignInMethod::BrowserKeys && self.shared.binds_accounts() {
            // Nobody here can look into that person's record.
            return Err((Failure::NotVerified, Refusal::NotAdmitted));
        }
        self.admit(record, &principal).await?;
        let now = shared.now();
        let handle = random::<16>().map_err(|_| (Failure::Site, Refusal::CannotTell))?;
        let user = SessionRecord::begin(
            &principal,
            &BASE64_URL_SAFE_NO_PAD.encode(handle),
            method,
            now,
            at,
        )
        .ok_or((Failure::Site, Refusal::CannotTell))?;
        self.not_revoked_since(&user, at).await?;
        self.settle(record).await?;
        let approved_here = (method == SignInMethod::Code).then_some(at);
        shared
            .session_gate
            .pass(session.sign_in(&user, &shared.carry_over))
            .await
            .map_err(|_| (Failure::Site, session_failed(Access::Write)))?;
        metrics::signed_in(approved_here.map(|at| shared.now().since(at)));
        tracing::info!(
            name: "keylockr.session.begun",
            safe_id = user.safe_id(),
            attempt = %record.id,
            "signed in"
        );
        Ok(user)
    }

    /// The application's say.
    async fn admit(
        &self,
        record: &AttemptRecord,
        principal: &Principal,
    ) -> Result<(), (Failure, Refusal)> {
        let agent = agent::agent(self.head);
        let sign_in = SignIn {
            principal,
            address: client_address(self.head, &self.shared.proxies),
            started_from: record.started_from,
            agent: agent.as_deref(),
            time: self.now_unix(),
        };
        match tokio::time::timeout(HOOK_WAIT, self.shared.admit.admit(sign_in)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(NotAdmitted::Refused)) => {
                tracing::info!(
                    name: "keylockr.session.not_admitted",
                    safe_id = principal.safe_id,
                    "the application does not let this person in"
                );
                Err((Failure::NotAdmitted, Refusal::NotAdmitted))
            }
            Ok(Err(NotAdmitted::Unavailable)) | Err(_) => Err((Failure::Site, Refusal::CannotTell)),
        }
    }

    fn now_unix(&self) -> UnixTime {
        self.shared.now().unix()
    }

    /// What was revoked between approval and now must not begin.
    async fn not_revoked_since(
        &self,
        user: &SessionRecord,
        approved_at: Moment,
    ) -> Result<(), (Failure, Refusal)> {
        let revoked = self
            .shared
            .revoked
            .look_up(user)
            .await
            .map_err(|_| (Failure::Site, Refusal::StoreUnavailable))?;
        let since = |at: Option<Moment>| at.is_some_and(|at| at >= approved_at);
        if since(revoked.connection) || since(revoked.person) {
            return Err((Failure::NotVerified, Refusal::AttemptEnded));
        }
        Ok(())
    }

    /// From here on a cancel comes too late; one that was confirmed before is kept.
    async fn settle(&self, record: &AttemptRecord) -> Result<(), (Failure, Refusal)> {
        let now = self.shared.now();
        let settled = self
            .shared
            .attempts
            .change(&record.id, |record| match record.settle(now) {
                true => Change::Store(true),
                false => Change::Keep(false),
            });
        match settled.await {
            Ok(Some(true)) => Ok(()),
            Ok(_) => Err((Failure::Site, Refusal::AttemptEnded)),
            Err(_) => Err((Failure::Site, Refusal::StoreUnavailable)),
        }
    }

    /// The claim led to nothing: the attempt says why, unless it was cancelled.
    async fn take_back(&self, record: &AttemptRecord, failure: Failure) {
        let changed = self
            .shared
            .attempts
            .change(&record.id, |record| match record.take_back(failure) {
                true => Change::Store(true),
                false => Change::Keep(false),
            })
            .await;
        if changed != Ok(Some(false)) {
            metrics::ended(End::Failed(failure));
        }
        if changed.is_err() {
            // It stays used, which no one can use either.
            tracing::warn!(name: "keylockr.attempt.unsaid", "an attempt's end could not be stored");
        }
    }

    /// Other tabs of this browser go on as signed in.
    async fn end_others(&self, record: &AttemptRecord) {
        let shared = self.shared;
        let others = shared
            .attempts
            .of_browser(&record.browser, shared.now())
            .await;
        for other in others.unwrap_or_default() {
            if other.id != record.id && other.is_live() {
                // Left running it expires; the session stands either way.
                let _ = shared.end(&other.id, End::SignedIn).await;
            }
        }
    }
}
