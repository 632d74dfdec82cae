//! A person gives up while their approval is being exchanged (security A8).

use std::sync::Arc;

use keylockr_login::{AccountUnavailable, Admit, NotAdmitted, Refusal, SignIn, User};
use tokio::{sync::Notify, time::Duration};

use crate::stage::{Stage, State};

/// Asks somebody, and waits for the answer.
#[derive(Clone, Default)]
struct Door {
    asked: Arc<Notify>,
    answered: Arc<Notify>,
}

impl Admit for Door {
    type Account = ();

    async fn admit(&self, _: SignIn<'_>) -> Result<(), NotAdmitted> {
        self.asked.notify_one();
        self.answered.notified().await;
        Ok(())
    }

    async fn load(&self, _: &User) -> Result<Option<()>, AccountUnavailable> {
        Ok(Some(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_while_the_door_is_asked_wins() {
    let door = Door::default();
    let stage = Stage::with(|builder| builder.admit(door.clone())).await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    let cancelling = async {
        door.asked.notified().await;
        let cancelled = browser.cancel(&attempt).await;
        door.answered.notify_one();
        cancelled
    };
    let (finished, cancelled) = tokio::join!(browser.finish(&attempt), cancelling);
    assert_eq!(cancelled.status, 204);
    assert_eq!(
        (finished.status, finished.refusal),
        (410, Some(Refusal::AttemptEnded))
    );
    assert_eq!(browser.safe_id().await, None);
    assert_eq!(stage.sessions.signed_in(), 0);
    assert_eq!(browser.status(&attempt).await["status"], "cancelled");
}

/// Too late: it is not confirmed. Once the session stands there is nothing to give up any more.
#[tokio::test(start_paused = true)]
async fn a_cancel_while_the_session_is_written_is_not_confirmed() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    stage.sessions.trouble.set(State::Hanging);
    let cancelling = async {
        let cancelled = browser.cancel(&attempt).await;
        stage.sessions.trouble.set(State::Up);
        cancelled
    };
    let (finished, cancelled) = tokio::join!(browser.finish(&attempt), cancelling);
    assert_eq!(
        (cancelled.status, cancelled.refusal),
        (410, Some(Refusal::AttemptEnded))
    );
    assert_eq!(finished.status, 200);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(browser.cancel(&attempt).await.status, 204);
    assert!(browser.safe_id().await.is_some());
}
