//! How long a connection waits for its client.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{self, Sleep},
};

/// What was written, until the client's side has taken it.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// A stream that ends with an error where its client does not do its part.
///
/// The time for a write runs from when it does not fit until one fits whole: taking a byte now and then, as a
/// dribbling client does, gains none. Nothing is timed while there is nothing to write.
pub(crate) struct Patience<S> {
    stream: S,
    /// Runs while something is left to be taken.
    write: Option<Pin<Box<Sleep>>>,
    /// How long there may be nothing to write.
    silence: Option<Duration>,
    /// Runs from the last write on, while more is read for.
    silent: Option<Pin<Box<Sleep>>>,
}

impl<S> Patience<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            write: None,
            silence: None,
            silent: None,
        }
    }

    /// Ends as well when nothing was written for so long, whatever the client sends meanwhile.
    #[allow(dead_code, reason = "on axum, hyper times every head by itself")]
    pub(crate) fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    /// What a write of `length` bytes came to.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        if matches!(wrote, Poll::Ready(Ok(_))) {
            self.silent = None;
        }
        if let Poll::Ready(Ok(taken)) = wrote
            && taken >= length
        {
            self.write = None;
            return wrote;
        }
        match is_over(&mut self.write, WRITE_TIME, cx) {
            true => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            false => wrote,
        }
    }
}

/// Whether a time is over, which begins to run here if it does not yet.
fn is_over(timer: &mut Option<Pin<Box<Sleep>>>, limit: Duration, cx: &mut Context<'_>) -> bool {
    let timer = timer.get_or_insert_with(|| Box::pin(time::sleep(limit)));
    timer.as_mut().poll(cx).is_ready()
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(silence) = self.silence
            && is_over(&mut self.silent, silence, cx)
        {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, wrote, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        let mut lengths = pieces.iter().map(|piece| piece.len());
        // A stream that is not vectored takes the first piece that is not empty.
        let length = match self.stream.is_write_vectored() {
            true => lengths.sum(),
            false => lengths.find(|length| *length > 0).unwrap_or_default(),
        };
        self.wrote(cx, wrote, length)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    const SILENCE: Duration = Duration::from_secs(60);

    fn pair() -> (DuplexStream, Patience<DuplexStream>) {
        let (client, server) = tokio::io::duplex(64);
        (client, Patience::new(server).with_silence(SILENCE))
    }

    /// A head that is dribbled after the first: every byte arrives, and none gains time.
    #[tokio::test(start_paused = true)]
    async fn reading_without_a_word_ends() {
        let (mut client, mut server) = pair();
        let dribbles = tokio::spawn(async move {
            while client.write_all(b"a").await.is_ok() {
                time::sleep(Duration::from_secs(1)).await;
            }
        });
        for _ in 0..3 {
            // A word begins the time anew.
            server.write_all(b"word").await.unwrap();
            for _ in 0..50 {
                server.read_u8().await.unwrap();
            }
        }
        let mut read = 0;
        let error = loop {
            match server.read_u8().await {
                Ok(_) => read += 1,
                Err(error) => break error,
            }
            assert!(read < 70, "it goes on for ever");
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        dribbles.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn writing_to_nobody_ends() {
        let (client, mut server) = pair();
        let wrote = time::timeout(WRITE_TIME * 2, server.write_all(&[0; 65]));
        let error = wrote.await.expect("an end").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_reads_is_written_to_for_ever() {
        let (mut client, mut server) = pair();
        let reads = tokio::spawn(async move {
            let mut piece = [0; 64];
            while client.read(&mut piece).await.is_ok_and(|read| read > 0) {}
        });
        for _ in 0..100 {
            server.write_all(&[0; 1000]).await.unwrap();
            time::sleep(Duration::from_secs(9)).await;
        }
        reads.abort();
    }
}
