//! Results that come back through the browser on the same device (K 7.7), on their way to their
//! login.

use core::fmt;
use core::future::pending;

use tokio::sync::mpsc;

/// Frames that wait for their login. A login takes one as fast as it comes; more are a mistake or
/// an attack.
const WAITING: usize = 4;

/// A way for returned frames to one login, for
/// [`Client::login_with_return`](crate::Client::login_with_return).
pub fn return_channel() -> (FrameReturn, ReturnedFrames) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (FrameReturn(sender), ReturnedFrames(Some(receiver)))
}

/// Hands returned frames to one login.
#[derive(Clone)]
pub struct FrameReturn(mpsc::Sender<Vec<u8>>);

impl FrameReturn {
    /// Hands in the decoded `keylockr_result`. Says whether the login is there and will look at it;
    /// what it thinks of it shows in its end only.
    pub fn hand_in(&self, frame: Vec<u8>) -> bool {
        self.0.try_send(frame).is_ok()
    }
}

impl fmt::Debug for FrameReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameReturn(..)")
    }
}

/// What comes back for one login.
pub struct ReturnedFrames(Option<mpsc::Receiver<Vec<u8>>>);

impl ReturnedFrames {
    /// Nothing ever comes back.
    pub fn none() -> Self {
        Self(None)
    }

    /// The next frame. It waits for ever when nobody can send one.
    pub(crate) async fn next(&mut self) -> Vec<u8> {
        if let Some(frames) = &mut self.0 {
            if let Some(frame) = frames.recv().await {
                return frame;
            }
            self.0 = None;
        }
        pending().await
    }
}

impl fmt::Debug for ReturnedFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReturnedFrames(..)")
    }
}
