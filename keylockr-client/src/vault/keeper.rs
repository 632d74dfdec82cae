//! The task beside a vault: it asks for the filekey and listens for it, so that the answer is not
//! lost with whoever asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use keylockr_proto::link::{LinkEvent, Reply, Request, RequestError};
use keylockr_proto::{ErrorKind, FilekeyStatus};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::error::VaultError;
use super::exchange::failure;
use super::key::KeyDesk;
use super::progress::VaultProgress;
use crate::clock::monotonic;
use crate::link::{LinkEvents, LinkHandle};

/// How long the phone may take (K 7.3), and a little more: the link gives up first.
const PHONE: Duration = Duration::from_secs(305);

/// An asker: the link to ask over, and how many asks had been settled when it came.
pub(super) type Ask = (LinkHandle, u64);

/// The task beside a vault.
pub(super) struct Keeper {
    desk: Arc<KeyDesk>,
    asks: mpsc::Receiver<Ask>,
    events: LinkEvents,
    /// Until when the phone's decision is awaited.
    waiting: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(desk: Arc<KeyDesk>, asks: mpsc::Receiver<Ask>, events: LinkEvents) -> Self {
        Self {
            desk,
            asks,
            events,
            waiting: None,
        }
    }

    /// Ends with the vault or with the link, whichever is over first. Then the key is erased.
    pub(super) async fn run(mut self) {
        // The link is held by the request alone, so that it closes with its last user.
        let mut request: Option<Asking> = None;
        let mut retry: Option<LinkHandle> = None;
        loop {
            let alarm = [self.waiting, self.desk.idle_at()]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                biased;
                event = self.events.next() => match event.as_deref() {
                    Some(LinkEvent::FilekeyResult(status)) => self.on_status(status).await,
                    Some(LinkEvent::FilekeyTimedOut) => {
                        if self.waiting.take().is_some() && self.desk.is_wanted() {
                            self.desk.fail(VaultError::Locked);
                        }
                    }
                    Some(_) => {}
                    None => return self.desk.over(),
                },
                answer = answered(&mut request) => {
                    request = match answer {
                        // Asking twice asks the phone once.
                        Err(RequestError::ConnectionLost | RequestError::TimedOut) => {
                            retry.take().map(ask_over)
                        }
                        _ => None,
                    };
                    if request.is_none() {
                        retry = None;
                        self.on_answer(answer).await;
                    }
                }
                ask = self.asks.recv() => {
                    let Some((link, settled)) = ask else {
                        return self.desk.over();
                    };
                    // Whoever asked before the last time it was settled hears of that.
                    let settled_since = self.desk.settled() != settled;
                    if settled_since || self.desk.has_key() {
                        continue;
                    }
                    // The phone's answer to a question that was let go of is not waited for.
                    let waiting = self.waiting.is_some() && self.desk.is_wanted();
                    self.desk.want();
                    if waiting || request.is_some() {
                        continue;
                    }
                    self.desk.show(VaultProgress::Asking);
                    match self.desk.take_blob() {
                        Some(blob) => self.desk.take_in(&blob).await,
                        None => {
                            retry = Some(link.clone());
                            request = Some(ask_over(link));
                        }
                    }
                }
                () = at(alarm) => self.on_alarm(),
            }
        }
    }

    fn on_alarm(&mut self) {
        let now = monotonic();
        if self.waiting.is_some_and(|until| until <= now) {
            self.waiting = None;
            if self.desk.is_wanted() {
                self.desk.fail(VaultError::Locked);
            }
        }
        if self.desk.idle_at().is_some_and(|at| at <= now) {
            tracing::debug!(name: "keylockr.vault.key", "the filekey was not used and is dropped");
            self.desk.forget();
        }
    }

    async fn on_answer(&mut self, answer: Result<Reply, RequestError>) {
        match answer {
            Ok(Reply::Filekey(status)) => self.on_status(&status).await,
            Ok(_) => self.fail(VaultError::Filekey(ErrorKind::Shape)),
            Err(error) => self.fail(without_key(error)),
        }
    }

    /// Push and answer may come in either order (K 12.4); the first that decides counts.
    async fn on_status(&mut self, status: &FilekeyStatus) {
        if !self.desk.is_wanted() {
            return;
        }
        match status {
            FilekeyStatus::Done(grant) => {
                self.waiting = None;
                if !self.desk.has_key() {
                    self.desk.take_in(&grant.data_filekey).await;
                }
            }
            FilekeyStatus::SafeAuthRequired if self.desk.has_key() => {}
            FilekeyStatus::SafeAuthRequired => {
                self.waiting = Some(monotonic() + PHONE);
                self.desk.show(VaultProgress::WaitingForPhone);
            }
            FilekeyStatus::Denied => self.fail(VaultError::Denied),
            FilekeyStatus::Unknown(_) => self.fail(VaultError::Filekey(ErrorKind::Shape)),
        }
    }

    fn fail(&mut self, error: VaultError) {
        self.waiting = None;
        self.desk.fail(error);
    }
}

/// What it means for the filekey that the service did not answer the question for it.
fn without_key(error: RequestError) -> VaultError {
    match error {
        // A blob that is too large is refused before it becomes one. Without randomness nothing was
        // asked: that says nothing about the blob.
        RequestError::Protocol(kind) if kind != ErrorKind::Entropy => VaultError::Filekey(kind),
        RequestError::Refused(refusal) if refusal.is_denial() => VaultError::Denied,
        // The link itself goes on asking once it stands again. What comes of it is taken in.
        error => failure(error),
    }
}

type Asking = BoxFuture<'static, Result<Reply, RequestError>>;

fn ask_over(link: LinkHandle) -> Asking {
    Box::pin(async move { link.request(Request::ReqFilekey).await })
}

async fn answered(request: &mut Option<Asking>) -> Result<Reply, RequestError> {
    match request {
        Some(request) => request.await,
        None => core::future::pending().await,
    }
}

async fn at(alarm: Option<Instant>) {
    match alarm {
        Some(at) => sleep_until(at).await,
        None => core::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorKind, RequestError, VaultError, without_key};

    #[test]
    fn no_randomness_is_not_a_bad_filekey() {
        let told = |kind| without_key(RequestError::Protocol(kind));
        assert_eq!(told(ErrorKind::Entropy), VaultError::Entropy);
        assert_eq!(told(ErrorKind::Size), VaultError::Filekey(ErrorKind::Size));
    }
}
