//! A body, read once and never further than its limit.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
};

use bytes::{Buf, Bytes};
use futures_core::Stream;

/// Why a body is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    TooLarge,
    Broken,
}

/// Collects a body of at most `limit` bytes. One that comes in a single piece, as nearly all do, is
/// not copied; others are written into one buffer of `limit` bytes, so that there never is a second
/// copy of what has arrived.
pub(crate) async fn read<D: Buf, X>(
    body: impl Stream<Item = Result<D, X>>,
    limit: usize,
) -> Result<Bytes, Cut> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    while first.is_empty() {
        match next(body.as_mut(), limit).await? {
            Some(mut piece) => first = piece.copy_to_bytes(piece.remaining()),
            None => return Ok(first),
        }
    }
    let Some(mut second) = next(body.as_mut(), limit - first.len()).await? else {
        return Ok(first);
    };
    let mut whole = Vec::with_capacity(limit);
    whole.extend_from_slice(&first);
    drop(first);
    loop {
        while second.has_remaining() {
            whole.extend_from_slice(second.chunk());
            second.advance(second.chunk().len());
        }
        match next(body.as_mut(), limit - whole.len()).await? {
            Some(piece) => second = piece,
            None => return Ok(whole.into()),
        }
    }
}

/// The next piece, of at most `room` bytes.
async fn next<D: Buf, X>(
    mut body: Pin<&mut impl Stream<Item = Result<D, X>>>,
    room: usize,
) -> Result<Option<D>, Cut> {
    match poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        None => Ok(None),
        Some(Err(_)) => Err(Cut::Broken),
        Some(Ok(piece)) if piece.remaining() > room => Err(Cut::TooLarge),
        Some(Ok(piece)) => Ok(Some(piece)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        task::{Context, Poll},
    };

    use super::*;

    /// Pieces, and how many were asked for.
    struct Pieces(VecDeque<Result<Bytes, ()>>);

    impl Stream for &mut Pieces {
        type Item = Result<Bytes, ()>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front())
        }
    }

    fn pieces(lengths: &[usize]) -> Pieces {
        let piece = |length: &usize| Ok(Bytes::from(vec![b'x'; *length]));
        Pieces(lengths.iter().map(piece).collect())
    }

    async fn length(lengths: &[usize]) -> Result<usize, Cut> {
        Ok(read(&mut pieces(lengths), 1_024).await?.len())
    }

    #[tokio::test]
    async fn the_limit_holds_to_the_byte_however_it_is_cut() {
        for cut in [&[][..], &[0], &[0, 0]] {
            assert_eq!(length(cut).await, Ok(0));
        }
        for cut in [
            &[1_024][..],
            &[0, 1_024],
            &[1, 1_023],
            &[1_000, 0, 24],
            &[1_024, 0],
        ] {
            assert_eq!(length(cut).await, Ok(1_024), "{cut:?}");
        }
        for cut in [
            &[1_025][..],
            &[1_024, 1],
            &[1, 1_024],
            &[512, 512, 1],
            &[0, 1_025],
        ] {
            assert_eq!(length(cut).await, Err(Cut::TooLarge), "{cut:?}");
        }
    }

    #[tokio::test]
    async fn nothing_is_read_beyond_the_limit() {
        let mut body = pieces(&[1_000, 25, 1_000, 1_000]);
        assert_eq!(read(&mut body, 1_024).await, Err(Cut::TooLarge));
        assert_eq!(body.0.len(), 2);
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let whole = Bytes::from_static(b"sid=1");
        let mut body = Pieces([Ok(whole.clone()), Ok(Bytes::new())].into());
        // The empty piece at the end makes it two, and still nothing is lost.
        assert_eq!(read(&mut body, 1_024).await, Ok(whole.clone()));
        let mut body = Pieces([Ok(whole.clone())].into());
        let read = read(&mut body, 1_024).await.unwrap();
        assert_eq!(read.as_ptr(), whole.as_ptr());
    }

    #[tokio::test]
    async fn a_body_that_breaks_is_no_shorter_body() {
        for before in [0, 1, 2] {
            let mut body = pieces(&vec![5; before]);
            body.0.push_back(Err(()));
            assert_eq!(read(&mut body, 1_024).await, Err(Cut::Broken), "{before}");
        }
    }
}
