//! The people whom this site knows by UNLOQ: who may sign in, and what the hooks do to them.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time};
use unloq_client::{Client, Email};
use unloq_webhooks::{
    Activate, Activation, Confirm, ConfirmFuture, Confirmed, Deactivate, Logout, MayRestore,
    NeedsConfirmation, Unanswered, UnloqId, Verified, sessions::SessionHandles,
};

use super::{book::Book, visit::Unavailable};
use crate::shared::Shelf;

/// What is left of UNLOQ's patience for a question to its API. What takes longer goes on alone.
const AT_ONCE: Duration = Duration::from_secs(1);
/// When a question is asked again that nobody has answered, in seconds.
const AGAIN: [u64; 5] = [2, 10, 60, 300, 1800];

/// Who has an account, and whose is closed.
#[derive(Clone)]
pub(crate) struct Accounts(Arc<Inner>);

struct Inner {
    book: Book,
    /// Whose activation is asked for again, and again.
    asking: Mutex<HashSet<UnloqId>>,
    handles: SessionHandles,
    client: Option<Client>,
}

impl Accounts {
    /// In memory without a shelf. Without a client, nobody can confirm an activation.
    pub(crate) fn new(
        handles: SessionHandles,
        client: Option<Client>,
        shelf: Option<Shelf>,
    ) -> Self {
        Self(Arc::new(Inner {
            book: Book::on(shelf),
            asking: Mutex::default(),
            handles,
            client,
        }))
    }

    /// Which sessions UNLOQ may end.
    pub(crate) fn handles(&self) -> &SessionHandles {
        &self.0.handles
    }

    /// Whether this person may be, or become, signed in.
    pub(crate) async fn is_open(&self, id: &UnloqId) -> Result<bool, Unavailable> {
        Ok(!self.0.book.find(id).await?.closed)
    }

    /// Makes the account of somebody who signs in for the first time, and keeps the address.
    pub(crate) async fn remember(&self, id: &UnloqId, email: &Email) -> Result<(), Unavailable> {
        self.0.book.remember(id, email).await
    }

    /// Ends the session of a handle, if it is this person's. `false`: nobody can tell.
    pub(crate) async fn logout(&self, event: &Verified<Logout>) -> bool {
        match self.0.handles.end(event.unloq_id(), event.sid()).await {
            Ok(ended) => {
                tracing::info!(user = %event.unloq_id(), ?ended, "UNLOQ asked to end a session");
                true
            }
            Err(_) => false,
        }
    }

    /// Takes the access away at once: nobody signs in as this person, and nobody is.
    pub(crate) async fn deactivate(&self, event: &Verified<Deactivate>) -> bool {
        self.close(event.unloq_id()).await
    }

    /// Restores nothing by itself: an activation cannot be told from the replay of an old one, so
    /// UNLOQ's API is asked. `true` also where it does not answer: then it is asked again.
    pub(crate) async fn activate(&self, event: &Verified<Activate>) -> bool {
        let (told, heard) = oneshot::channel();
        let accounts = self.clone();
        let question = match event.activation() {
            Activation::Trusted(proof) => {
                let Ok(turn) = self.turn(proof.unloq_id()).await else {
                    return false;
                };
                return self.restore(&proof, turn).await.is_ok();
            }
            Activation::NeedsConfirmation(question) => question,
        };
        tokio::spawn(async move {
            let unanswered = accounts.ask(question).await;
            let _ = told.send(()); // nobody may be listening any more
            if let Some(question) = unanswered {
                accounts.ask_again(question).await;
            }
        });
        let _ = time::timeout(AT_ONCE, heard).await;
        true
    }

    /// Asks once, and does what the answer says. Without one, the question comes back.
    async fn ask(&self, question: NeedsConfirmation) -> Option<NeedsConfirmation> {
        let user = *question.unloq_id();
        let Ok(turn) = self.turn(&user).await else {
            return Some(question);
        };
        match question.ask(self).await {
            Confirmed::Restore(proof) => match self.restore(&proof, turn).await {
                Ok(()) => None,
                // It could not be written down: the same question once more.
                Err(Unavailable) => Some(NeedsConfirmation::of(user)),
            },
            // Also where nobody told us.
            Confirmed::Inactive => match self.close(&user).await {
                true => None,
                // It could not be written down: the same question once more.
                false => Some(NeedsConfirmation::of(user)),
            },
            Confirmed::Unanswered(question) => Some(question),
        }
    }

    /// Asks until somebody answers, once for each person.
    async fn ask_again(&self, question: NeedsConfirmation) {
        let user = *question.unloq_id();
        // Whose address nobody knows cannot be asked about; they have nothing to be restored either.
        let account = self.0.book.find(&user).await;
        let knows = account.map_or(true, |account| account.email.is_some());
        if self.0.client.is_none() || !knows || !self.asking().insert(user) {
            tracing::warn!(%user, "an activation waits to be confirmed");
            return;
        }
        let mut open = Some(question);
        for seconds in AGAIN {
            let Some(question) = open.take() else {
                break;
            };
            tracing::warn!(%user, seconds, "UNLOQ does not confirm an activation; asking again");
            time::sleep(Duration::from_secs(seconds)).await;
            open = self.ask(question).await;
        }
        self.asking().remove(&user);
    }

    /// From here on nobody is let in; who is in already is a matter of [`close`](Self::close).
    pub(super) async fn shut(&self, user: &UnloqId) -> Result<(), Unavailable> {
        self.0.book.shut(user).await
    }

    async fn close(&self, user: &UnloqId) -> bool {
        let shut = self.shut(user).await;
        let ended = self.0.handles.end_all(user).await;
        if let Ok(sessions) = ended {
            tracing::info!(%user, sessions, "an account is closed");
        }
        shut.is_ok() && ended.is_ok()
    }

    /// Only who has the proof can call this; it counts for nothing once the account was closed
    /// again after the question.
    async fn restore(&self, proof: &MayRestore, turn: u64) -> Result<(), Unavailable> {
        if self.0.book.open(proof.unloq_id(), turn).await? {
            tracing::info!(user = %proof.unloq_id(), "an account is open");
        }
        Ok(())
    }

    async fn turn(&self, user: &UnloqId) -> Result<u64, Unavailable> {
        Ok(self.0.book.find(user).await?.turn)
    }

    fn asking(&self) -> MutexGuard<'_, HashSet<UnloqId>> {
        self.0.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Confirm for Accounts {
    /// By the address that came with a token, never by the one in the event.
    fn is_active<'a>(&'a self, user: &'a UnloqId) -> ConfirmFuture<'a> {
        Box::pin(async move {
            let account = self.0.book.find(user).await.map_err(|_| Unanswered)?;
            let (Some(client), Some(email)) = (&self.0.client, account.email) else {
                return Err(Unanswered);
            };
            let enrolled = client.enrolled(&email).await;
            enrolled.map_err(|error| {
                tracing::warn!(%user, %error, "UNLOQ does not say whether somebody is enrolled");
                Unanswered
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> UnloqId {
        UnloqId::parse("77").unwrap()
    }

    /// What UNLOQ's API says, or that it does not.
    struct Says(Option<bool>);

    impl Confirm for Says {
        fn is_active<'a>(&'a self, _: &'a UnloqId) -> ConfirmFuture<'a> {
            Box::pin(async { self.0.ok_or(Unanswered) })
        }
    }

    async fn proof() -> MayRestore {
        match NeedsConfirmation::of(id()).ask(&Says(Some(true))).await {
            Confirmed::Restore(proof) => proof,
            other => panic!("{other:?}"),
        }
    }

    fn accounts() -> Accounts {
        Accounts::new(SessionHandles::in_memory(AT_ONCE), None, None)
    }

    #[tokio::test]
    async fn an_answer_from_before_a_deactivation_opens_nothing() {
        let accounts = accounts();
        assert!(accounts.is_open(&id()).await.unwrap());
        assert!(accounts.close(&id()).await);
        assert!(!accounts.is_open(&id()).await.unwrap());
        let asked = accounts.turn(&id()).await.unwrap();
        // Closed once more while UNLOQ answers.
        assert!(accounts.close(&id()).await);
        accounts.restore(&proof().await, asked).await.unwrap();
        assert!(!accounts.is_open(&id()).await.unwrap());
        let asked = accounts.turn(&id()).await.unwrap();
        accounts.restore(&proof().await, asked).await.unwrap();
        assert!(accounts.is_open(&id()).await.unwrap());
    }

    #[tokio::test]
    async fn without_a_client_or_an_address_nobody_confirms() {
        let accounts = accounts();
        assert!(accounts.close(&id()).await);
        assert!(accounts.ask(NeedsConfirmation::of(id())).await.is_some());
        let email = Email::parse("ada@example.test").unwrap();
        accounts.remember(&id(), &email).await.unwrap();
        let is_open = async || accounts.is_open(&id()).await.unwrap();
        assert!(!is_open().await, "a new sign-in opens nothing");
        assert!(accounts.ask(NeedsConfirmation::of(id())).await.is_some());
        assert!(!is_open().await);
    }
}
