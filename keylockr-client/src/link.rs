//! The handle of a link: how the application uses the `app` connection of one authorised user,
//! which a task of its own keeps open (K 5.5).

mod driver;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use keylockr_proto::ClientKeys;
use keylockr_proto::link::{LinkConfig, LinkEvent, Reply, Request, RequestError};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::driver::Driver;
use crate::service::Service;

/// Requests that wait for their turn or their answer. More are refused with
/// [`RequestError::Busy`].
const REQUESTS: usize = 16;

/// Events kept for a receiver that lags behind. The last one of a link is always kept.
const EVENTS: usize = 16;

type Answer = oneshot::Sender<Result<Reply, RequestError>>;
type Asked = (Request, Answer);

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkStatus {
    /// Not connected; trying.
    Connecting,
    /// Connected.
    Up,
    /// Over: the user removed the connection, or we did ([`LinkEvent::Deleted`]).
    Deleted,
    /// Over: the service does not know the connection any more (K 5.5, 9).
    Revoked,
    /// Over: another process has taken the connection over.
    Superseded,
    /// Over: stopped by its owner.
    Stopped,
}

impl LinkStatus {
    /// Whether nothing will happen on this link any more.
    pub fn is_over(self) -> bool {
        !matches!(self, LinkStatus::Connecting | LinkStatus::Up)
    }
}

/// A running link. Clones share it; when the last one is dropped the connection is closed.
#[derive(Clone)]
pub struct LinkHandle {
    requests: mpsc::Sender<Asked>,
    owner: Arc<Owner>,
    events: broadcast::WeakSender<Arc<LinkEvent>>,
    first: Arc<Mutex<Option<broadcast::Receiver<Arc<LinkEvent>>>>>,
    status: watch::Receiver<LinkStatus>,
}

impl LinkHandle {
    /// Asks the service, in turn with other requests of the same action.
    ///
    /// A request is not taken back by dropping the future: its effect is unknown then, as after
    /// [`RequestError::ConnectionLost`].
    ///
    /// # Errors
    ///
    /// All of [`RequestError`]: a refusal of the service, an answer that is late, lost or malformed,
    /// a request that could not be sent, was one too many or came after the end of the link.
    /// [`RequestError::effect_is_unknown`] says after which the request may have had its effect.
    pub async fn request(&self, request: Request) -> Result<Reply, RequestError> {
        let (answer, result) = oneshot::channel();
        match self.requests.try_send((request, answer)) {
            Ok(()) => result.await.unwrap_or(Err(RequestError::Closed)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(RequestError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(RequestError::Closed),
        }
    }

    /// What happens on the link from now on; the first caller gets everything since the start.
    pub fn events(&self) -> LinkEvents {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let receiver = first.or_else(|| self.events.upgrade().map(|sender| sender.subscribe()));
        LinkEvents { receiver }
    }

    /// Where the link stands.
    pub fn status(&self) -> LinkStatus {
        *self.status.borrow()
    }

    /// Waits for the link to be over and says why.
    pub async fn ended(&self) -> LinkStatus {
        let mut status = self.status.clone();
        match status.wait_for(|status| status.is_over()).await {
            Ok(status) => *status,
            // The task is gone without a word: its runtime was shut down.
            Err(_) => LinkStatus::Stopped,
        }
    }

    /// Closes the connection and waits until that is done. The service sees 1001, going away: the
    /// connection stays good, for another process or for this one later. To remove it, ask for
    /// [`Request::Delete`] before.
    ///
    /// It is heard at once, whatever is under way. A frame that is being sent is not waited for:
    /// the socket is dropped with as much of it as is out, without a close frame, and a request in
    /// it ends with [`RequestError::ConnectionLost`]. Dropping the future takes nothing back.
    pub async fn stop(&self) {
        self.owner.0.cancel();
        self.requests.closed().await;
    }
}

/// Shared by the clones of a handle: the last one stops the link.
struct Owner(CancellationToken);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl fmt::Debug for LinkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkHandle")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// The events of a link, in order.
#[derive(Debug)]
pub struct LinkEvents {
    receiver: Option<broadcast::Receiver<Arc<LinkEvent>>>,
}

impl LinkEvents {
    /// The next event; `None` when the link is over. A receiver that lags far behind misses the
    /// oldest events, never the last one. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<LinkEvent>> {
        let receiver = self.receiver.as_mut()?;
        loop {
            match receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(name: "keylockr.link.lagged", missed, "link events missed");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Starts the task.
pub(crate) fn spawn(
    service: Arc<Service>,
    config: LinkConfig,
    keys: Arc<ClientKeys>,
) -> LinkHandle {
    let (requests, request_receiver) = mpsc::channel(REQUESTS);
    let stop = CancellationToken::new();
    let (events, first) = broadcast::channel(EVENTS);
    let (status_sender, status) = watch::channel(LinkStatus::Connecting);
    let handle = LinkHandle {
        requests,
        owner: Arc::new(Owner(stop.clone())),
        events: events.downgrade(),
        first: Arc::new(Mutex::new(Some(first))),
        status,
    };
    let driver = Driver::new(service, request_receiver, stop, events, status_sender);
    let span = tracing::info_span!("keylockr.connection", app_id = %config.app_id());
    tokio::spawn(Box::pin(driver.run(config, keys)).instrument(span));
    handle
}
