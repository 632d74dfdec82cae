//! One delivery from its head to its answer, whatever the framework.

use std::{future::Future, time::Duration};

use bytes::Buf;
use futures_core::Stream;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::{
    answer::Answer,
    builder::HooksBuilder,
    clock,
    error::VerifyErrorKind,
    event::Event,
    head::Head,
    hooks::Hooks,
    metrics::{self, Delivery, Outcome},
    read::{Cut, read},
    rejection::{Reason, SignedRejection},
    replay::Turn,
    verified::Verified,
};

/// Checks the head, reads the body, verifies both. What the head gives away is refused without
/// waiting for a body.
pub(crate) async fn receive<E, S, D, X>(
    hooks: &Hooks,
    head: &Head<'_>,
    body: S,
) -> Result<Verified<E>, SignedRejection>
where
    E: Event,
    S: Stream<Item = Result<D, X>>,
    D: Buf,
{
    let span = tracing::info_span!("unloq.hook", hook = %E::HOOK);
    receive_in_span(hooks, head, body).instrument(span).await
}

async fn receive_in_span<E, S, D, X>(
    hooks: &Hooks,
    head: &Head<'_>,
    body: S,
) -> Result<Verified<E>, SignedRejection>
where
    E: Event,
    S: Stream<Item = Result<D, X>>,
    D: Buf,
{
    let hook = E::HOOK;
    let result = check::<E, S, D, X>(hooks, head, body).await;
    metrics::verdict(hook, &result);
    match result {
        Ok(verified) => {
            let (secret, path) = (verified.secret_index(), verified.path_index());
            tracing::info!(%hook, secret, path, "web hook verified");
            for warning in verified.warnings() {
                tracing::warn!(%hook, ?warning, "about a verified web hook");
            }
            Ok(verified)
        }
        Err(reason) => {
            if !matches!(reason, Reason::Preflight(_)) {
                match mismatch(&reason) {
                    true => tracing::warn!(
                        %hook,
                        path = hooks.path::<E>(),
                        "{reason}: UNLOQ signs with another secret, or for another path. Is this path the \
                         one in the address that is registered in its console, whatever a proxy makes of \
                         it? `keylockr hook verify` tells which"
                    ),
                    false => tracing::warn!(%hook, "{reason}"),
                }
            }
            Err(SignedRejection::new(hook, reason))
        }
    }
}

/// Whether the signature is one, and not ours.
fn mismatch(reason: &Reason) -> bool {
    matches!(reason, Reason::Refused(error) if error.kind() == VerifyErrorKind::Mismatch)
}

async fn check<E, S, D, X>(hooks: &Hooks, head: &Head<'_>, body: S) -> Result<Verified<E>, Reason>
where
    E: Event,
    S: Stream<Item = Result<D, X>>,
    D: Buf,
{
    if let Some(headers) = hooks.preflight::<E>(head.method) {
        return Err(Reason::Preflight(headers));
    }
    let admitted = hooks.admit::<E>(head)?;
    if !hooks.takes_on(clock::steady()) {
        return Err(Reason::Limited);
    }
    let body = match timeout(hooks.read_time(), read(body, admitted.body_limit())).await {
        Ok(Ok(body)) => body,
        Ok(Err(Cut::TooLarge)) => return Err(admitted.too_large().into()),
        Ok(Err(Cut::Broken)) => return Err(Reason::BodyBroken),
        Err(_) => return Err(Reason::BodyTooSlow),
    };
    Ok(admitted.verify(&body, clock::now())?)
}

/// Runs the handler if it is its turn, and turns the status that it gives into an answer. When the
/// budget is spent (the route's own, or the one of the hooks) everything is dropped, the handler at
/// its next `await` included: an answer that says "failed" is never followed by a success that
/// nobody hears of.
///
/// # Errors
///
/// The handler's own.
pub(crate) async fn handle<E, F, X>(
    hooks: &Hooks,
    budget: Option<Duration>,
    verified: Verified<E>,
    run: impl FnOnce(Verified<E>) -> F,
) -> Result<Answer, X>
where
    E: Event,
    F: Future<Output = Result<u16, X>>,
{
    let hook = E::HOOK;
    // A route's own is bounded here: beyond the lease in the store the same would run twice at once.
    let budget = budget.unwrap_or(hooks.budget()).min(HooksBuilder::MAX_TIME);
    let span = tracing::info_span!("unloq.hook", %hook);
    let mut delivery = Delivery::new(hook);
    let handled = timeout(budget, turn(hooks, verified, run, &mut delivery));
    let handled = handled.instrument(span.clone()).await;
    handled.unwrap_or_else(|_| {
        span.in_scope(|| {
            tracing::error!(
                %hook,
                ?budget,
                "a web hook took too long: its handler, or the store of deliveries, was given up"
            );
        });
        delivery.came_to(Outcome::TimedOut);
        Ok(Answer::unavailable(hook))
    })
}

async fn turn<E, F, X>(
    hooks: &Hooks,
    verified: Verified<E>,
    run: impl FnOnce(Verified<E>) -> F,
    delivery: &mut Delivery,
) -> Result<Answer, X>
where
    E: Event,
    F: Future<Output = Result<u16, X>>,
{
    let hook = E::HOOK;
    let (verified, claim) = match hooks.begin(verified, clock::now()).await {
        Ok(Turn::Run(verified, claim)) => (verified, claim),
        Ok(Turn::Duplicate(_)) => {
            delivery.came_to(Outcome::Duplicate);
            tracing::info!(%hook, "a web hook came again, and was not handled again");
            return Ok(Answer::accepted(hook));
        }
        Ok(Turn::Running(_)) => {
            delivery.came_to(Outcome::Running);
            tracing::warn!(%hook, "a web hook came again while it was being handled");
            return Ok(Answer::unavailable(hook));
        }
        Err(error) => {
            delivery.came_to(Outcome::StoreUnavailable);
            tracing::error!(%hook, %error, "a web hook was not handled");
            return Ok(Answer::unavailable(hook));
        }
    };
    if verified.possible_replay() {
        metrics::possible_replay(hook);
    }
    let began = clock::steady();
    let status = run(verified).await?;
    metrics::handled_in(hook, clock::steady().saturating_sub(began));
    let answer = Answer::of_handler(hook, status);
    if !answer.is_accepted() {
        delivery.came_to(Outcome::Failed);
        tracing::error!(%hook, status, "the handler of a web hook failed");
        // What cannot be told to the store now, its lease will.
        let _ = claim.failed().await;
        return Ok(answer);
    }
    Ok(match claim.commit(clock::now()).await {
        Ok(()) => {
            delivery.came_to(Outcome::Handled);
            answer
        }
        Err(error) => {
            delivery.came_to(Outcome::StoreUnavailable);
            tracing::error!(%hook, %error, "a web hook was handled and cannot be remembered");
            Answer::unavailable(hook)
        }
    })
}
