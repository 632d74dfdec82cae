//! `POST M/verify`: a session for a browser that holds its own keys and proves it (K 7.8).

use keylockr_proto::{
    AppId, Family, Possession, PossessionProof, Revision, SafeId, Service, VerifyOutcome,
    VerifyRequest,
};
use serde::Deserialize;

use super::{Call, finish::Claimed};
use crate::{
    answer::Answer,
    attempt::AttemptRecord,
    binding::AttemptId,
    body::{self, Members},
    held_key::HeldKey,
    limits::TURN_WAIT,
    metrics,
    principal::Principal,
    record::{SessionRecord, SignInMethod},
    refusal::Refusal,
    request::Request,
    running::Approved,
    session::HttpSession,
    store::Change,
};

/// What the browser posts. None of it is believed: the ids count once the proof over them holds
/// under the key of the attempt, and KeyLockr says that they belong to that key.
#[derive(Default, Deserialize)]
struct Posted {
    attempt_id: Option<String>,
    app_id: Option<String>,
    safe_id: Option<String>,
    signature: Option<String>,
}

impl Members for Posted {
    fn member(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "attempt_id" => Some(&mut self.attempt_id),
            "app_id" => Some(&mut self.app_id),
            "safe_id" => Some(&mut self.safe_id),
            "signature" => Some(&mut self.signature),
            _ => None,
        }
    }
}

/// The same, well formed.
struct Claim {
    attempt: AttemptId,
    app_id: AppId,
    safe_id: SafeId,
    proof: PossessionProof,
}

impl Claim {
    fn read(posted: &Posted, service: &Service) -> Option<Self> {
        let (family, revision) = match service {
            Service::Seed { .. } => (Family::Seed, Revision::One),
            Service::AppData { minimum, .. } => (Family::AppData, *minimum),
        };
        Some(Self {
            attempt: AttemptId::parse(posted.attempt_id.as_deref()?)?,
            app_id: AppId::parse(family, revision, posted.app_id.as_deref()?).ok()?,
            safe_id: SafeId::parse(family, revision, posted.safe_id.as_deref()?).ok()?,
            proof: PossessionProof::from_base64(posted.signature.as_deref()?).ok()?,
        })
    }
}

impl Call<'_> {
    pub(super) async fn verify<S: HttpSession>(
        &self,
        request: &Request,
        session: &S,
    ) -> Result<Answer, Refusal> {
        let (form, posted) = self.posted_members::<Posted>(request)?;
        let claim = Claim::read(&posted, &self.shared.service).ok_or(Refusal::Malformed)?;
        let named = body::query(self.head, "attempt");
        if named.is_some_and(|named| named != claim.attempt.as_str()) {
            return Err(Refusal::Malformed);
        }
        // Strangers do not queue up with the attempt's own browser.
        self.own(&claim.attempt)
            .await?
            .ok_or(Refusal::ForeignAttempt)?;
        // One at a time: a proof is judged after what became of the one before it, and KeyLockr is
        // not asked the same thing twenty times.
        let _turn = self
            .shared
            .proofs
            .take(&claim.attempt, TURN_WAIT)
            .await
            .ok_or(Refusal::NotAsked)?;
        let record = self
            .own(&claim.attempt)
            .await?
            .ok_or(Refusal::ForeignAttempt)?;
        let outcome = self.prove(&record, &claim, session).await;
        self.signed_in(form, &record, outcome)
    }

    /// First what costs nothing: the proof, under the stored key. Only then is KeyLockr asked, about
    /// that key and our own service. After the claim nothing is good for a second try.
    async fn prove<S: HttpSession>(
        &self,
        record: &AttemptRecord,
        claim: &Claim,
        session: &S,
    ) -> Result<SessionRecord, Refusal> {
        if !record.is_live() {
            return Err(Refusal::AttemptEnded);
        }
        // An attempt whose keys are ours is finished by `finish`.
        let sealed = record.held_key.as_ref().ok_or(Refusal::ForeignAttempt)?;
        let held = HeldKey::open(record, sealed, &self.shared.seal).ok_or(Refusal::AttemptEnded)?;
        let possession = Possession {
            audience: &self.origin()?,
            challenge: &held.challenge,
            app_id: &claim.app_id,
            safe_id: &claim.safe_id,
        };
        if possession.verify(&held.sign, &claim.proof).is_err() {
            return self.wrong_proof(record, "the proof does not hold").await;
        }
        let before = self.shared.read_session(session).await?;
        // What is revoked while KeyLockr answers counts as later.
        let at = self.shared.now();
        let question = VerifyRequest {
            service: self.shared.service.clone(),
            app_id: claim.app_id.clone(),
            safe_id: claim.safe_id.clone(),
            sign: held.sign,
        };
        let nickname = match self.shared.client.verify(&question).await {
            VerifyOutcome::Valid { nickname } => nickname,
            VerifyOutcome::Invalid => {
                return self.wrong_proof(record, "KeyLockr says no").await;
            }
            // Neither a yes nor a no: the browser may ask again.
            VerifyOutcome::Failed { .. } => return Err(Refusal::NotAsked),
        };
        let principal = Principal {
            safe_id: claim.safe_id.as_str().to_owned(),
            app_id: claim.app_id.as_str().to_owned(),
            nickname: nickname.map(|name| name.as_str().to_owned()),
            sign_pk: question.sign.to_base64(),
        };
        self.claim_proved(record).await?;
        let claimed = Claimed {
            approved: Some(Approved { principal, at }),
            method: SignInMethod::BrowserKeys,
            // The keys are not ours: there is no connection to keep.
            handover: None,
            before,
        };
        self.session_for(record, claimed, session).await
    }

    /// Live to used: one compare-and-set, which one request wins.
    async fn claim_proved(&self, record: &AttemptRecord) -> Result<(), Refusal> {
        let shared = self.shared;
        let claimed = shared
            .attempts
            .change(&record.id, |record| {
                match record.claim_proved(shared.now()) {
                    Ok(()) => Change::Store(true),
                    Err(_) => Change::Keep(false),
                }
            })
            .await?;
        match claimed {
            Some(true) => Ok(()),
            Some(false) | None => Err(Refusal::AttemptEnded),
        }
    }

    /// Counted before it is said.
    async fn wrong_proof<T>(
        &self,
        record: &AttemptRecord,
        why: &'static str,
    ) -> Result<T, Refusal> {
        tracing::info!(
            name: "keylockr.attempt.wrong_proof",
            attempt = %record.id,
            why,
            "a browser that holds its keys was not believed"
        );
        let shared = self.shared;
        let counted = shared
            .attempts
            .change(&record.id, |record| {
                match record.count_wrong_proof(shared.now()) {
                    true => Change::Store((true, metrics::end_of(record))),
                    false => Change::Keep((false, None)),
                }
            })
            .await?;
        if let Some((_, Some(end))) = counted {
            metrics::ended(end);
        }
        Err(match counted {
            Some((true, _)) => Refusal::WrongProof,
            Some((false, _)) | None => Refusal::AttemptEnded,
        })
    }
}
