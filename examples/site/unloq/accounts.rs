//! The people whom this site knows by UNLOQ: who may sign in, and what the hooks do to them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time};
use unloq_client::{Client, Email};
use unloq_webhooks::{
    Activate, Activation, Confirm, ConfirmFuture, Confirmed, Deactivate, Logout, MayRestore,
    NeedsConfirmation, Unanswered, UnloqId, Verified, sessions::SessionHandles,
};

/// What is left of UNLOQ's patience for a question to its API. What takes longer goes on alone.
const AT_ONCE: Duration = Duration::from_secs(1);
/// When a question is asked again that nobody has answered, in seconds.
const AGAIN: [u64; 5] = [2, 10, 60, 300, 1800];

/// Who has an account, by the number that UNLOQ gave them. A site of any size asks its database.
#[derive(Clone)]
pub(crate) struct Accounts(Arc<Inner>);

struct Inner {
    known: Mutex<HashMap<UnloqId, Account>>,
    /// Whose activation is asked for again, and again.
    asking: Mutex<HashSet<UnloqId>>,
    handles: SessionHandles,
    client: Option<Client>,
}

#[derive(Default)]
struct Account {
    /// From the result of a token: what UNLOQ's API is asked about.
    email: Option<Email>,
    closed: bool,
    /// Counts how often it was closed.
    turn: u64,
}

impl Accounts {
    /// Without a client, nobody can confirm an activation.
    pub(crate) fn new(handles: SessionHandles, client: Option<Client>) -> Self {
        Self(Arc::new(Inner {
            known: Mutex::default(),
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
    pub(crate) fn is_open(&self, id: &UnloqId) -> bool {
        !self.known().get(id).is_some_and(|account| account.closed)
    }

    /// Makes the account of somebody who signs in for the first time, and keeps the address.
    pub(crate) fn remember(&self, id: UnloqId, email: &Email) {
        self.known().entry(id).or_default().email = Some(email.clone());
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
                self.restore(&proof, self.turn(proof.unloq_id()));
                return true;
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
        let turn = self.turn(&user);
        match question.ask(self).await {
            Confirmed::Restore(proof) => {
                self.restore(&proof, turn);
                None
            }
            Confirmed::Inactive => {
                // Also where nobody told us: where it cannot be done now, the account is closed.
                self.close(&user).await;
                None
            }
            Confirmed::Unanswered(question) => Some(question),
        }
    }

    /// Asks until somebody answers, once for each person.
    async fn ask_again(&self, question: NeedsConfirmation) {
        let user = *question.unloq_id();
        // Whose address nobody knows cannot be asked about; they have nothing to be restored either.
        let knows = self
            .known()
            .get(&user)
            .is_some_and(|account| account.email.is_some());
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
    pub(super) fn shut(&self, user: &UnloqId) {
        let mut known = self.known();
        let account = known.entry(*user).or_default();
        account.closed = true;
        account.turn += 1;
    }

    async fn close(&self, user: &UnloqId) -> bool {
        self.shut(user);
        let ended = self.0.handles.end_all(user).await;
        if let Ok(sessions) = ended {
            tracing::info!(%user, sessions, "an account is closed");
        }
        ended.is_ok()
    }

    /// Only who has the proof can call this; it counts for nothing once the account was closed
    /// again after the question.
    fn restore(&self, proof: &MayRestore, turn: u64) {
        let mut known = self.known();
        if let Some(account) = known.get_mut(proof.unloq_id())
            && account.turn == turn
        {
            account.closed = false;
            tracing::info!(user = %proof.unloq_id(), "an account is open");
        }
    }

    fn turn(&self, user: &UnloqId) -> u64 {
        self.known().get(user).map_or(0, |account| account.turn)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<UnloqId, Account>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asking(&self) -> MutexGuard<'_, HashSet<UnloqId>> {
        self.0.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Confirm for Accounts {
    /// By the address that came with a token, never by the one in the event.
    fn is_active<'a>(&'a self, user: &'a UnloqId) -> ConfirmFuture<'a> {
        Box::pin(async move {
            let email = self.known().get(user).and_then(|known| known.email.clone());
            let (Some(client), Some(email)) = (&self.0.client, email) else {
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
        Accounts::new(SessionHandles::in_memory(AT_ONCE), None)
    }

    #[tokio::test]
    async fn an_answer_from_before_a_deactivation_opens_nothing() {
        let accounts = accounts();
        assert!(accounts.is_open(&id()));
        assert!(accounts.close(&id()).await);
        assert!(!accounts.is_open(&id()));
        let asked = accounts.turn(&id());
        // Closed once more while UNLOQ answers.
        assert!(accounts.close(&id()).await);
        accounts.restore(&proof().await, asked);
        assert!(!accounts.is_open(&id()));
        accounts.restore(&proof().await, accounts.turn(&id()));
        assert!(accounts.is_open(&id()));
    }

    #[tokio::test]
    async fn without_a_client_or_an_address_nobody_confirms() {
        let accounts = accounts();
        assert!(accounts.close(&id()).await);
        assert!(accounts.ask(NeedsConfirmation::of(id())).await.is_some());
        accounts.remember(id(), &Email::parse("ada@example.test").unwrap());
        assert!(!accounts.is_open(&id()), "a new sign-in opens nothing");
        assert!(accounts.ask(NeedsConfirmation::of(id())).await.is_some());
        assert!(!accounts.is_open(&id()));
    }
}
