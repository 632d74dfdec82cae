//! Bounds on what tungstenite leaves unbounded: endless empty fragments inside one message, and
//! control frames faster than anybody needs them.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::clock;

/// Bytes from the wire between two events. The largest message costs 64 KiB and 4 KiB may have
/// been read ahead; the rest is room for honest fragmentation, at two to four bytes a fragment.
pub(super) const BYTES_PER_EVENT: usize = 128 * 1024;

/// Pings, pongs and text messages in one [`CHATTER_TIME`]; KeyLockr sends one in 30 seconds.
pub(super) const CHATTER: u32 = 64;
pub(super) const CHATTER_TIME: Duration = Duration::from_secs(10);

/// A stream that fails when [`BYTES_PER_EVENT`] are read without [`reset`](Metered::reset).
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    left: usize,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            left: BYTES_PER_EVENT,
        }
    }

    /// An event came out of what was read.
    pub(super) fn reset(&mut self) {
        self.left = BYTES_PER_EVENT;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("too many bytes for one message")));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Counts the events that carry nothing for us.
#[derive(Debug)]
pub(super) struct Chatter {
    since: Instant,
    count: u32,
}

impl Chatter {
    pub(super) fn new() -> Self {
        Self {
            since: clock::monotonic(),
            count: 0,
        }
    }

    /// Whether one more is acceptable.
    pub(super) fn allow(&mut self) -> bool {
        let now = clock::monotonic();
        if now.saturating_duration_since(self.since) >= CHATTER_TIME {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        self.count <= CHATTER
    }
}
