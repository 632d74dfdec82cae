//! The extractor of both frameworks.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, Once, PoisonError},
};

use crate::{event::Event, verified::Verified};

/// An extractor: the event of a delivery that some secret has signed and whose schema holds.
///
/// It consumes the request, so it is a handler's last argument. Give the handler to `hook` (in
/// [`axum`](crate::axum) and [`actix`](crate::actix)) instead of `post`: then duplicates do not run
/// it again, every 2xx is the 200 that UNLOQ wants, and it has a time budget. With `post` the
/// extractor verifies and does nothing more, and the log says so once.
#[derive(Clone, Debug)]
pub struct Signed<E>(
    /// The event, and what is known of its delivery.
    pub Verified<E>,
);

impl<E> Deref for Signed<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

/// The arguments of a handler that end in a [`Signed`] event: what `hook` asks of a handler, so that
/// one which would run on anything does not compile.
#[diagnostic::on_unimplemented(
    message = "the handler of a web hook takes `Signed<E>`, as its last argument",
    label = "this handler would run on unverified requests"
)]
pub trait EndsInSigned {
    /// The event.
    type Event: Event;
}

/// A verified event on its way from `hook` to the extractor, through a request's extensions: those
/// of axum want a clone of everything, and of this there is one.
pub(crate) struct Carried<E>(Arc<Mutex<Option<Verified<E>>>>);

impl<E> Carried<E> {
    pub(crate) fn new(verified: Verified<E>) -> Self {
        Self(Arc::new(Mutex::new(Some(verified))))
    }

    /// The event, for whoever asks first.
    pub(crate) fn take(&self) -> Option<Verified<E>> {
        let mut carried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        carried.take()
    }
}

impl<E> Clone for Carried<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Says once that a handler is on its own.
pub(crate) fn without_hook() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            "the handler of a web hook is routed without `hook(..)`: duplicates run it again, and \
             UNLOQ takes every answer but 200 for a failure"
        );
    });
}

macro_rules! ends_in_signed {
    ($($argument:ident)*) => {
        impl<$($argument,)* E: Event> EndsInSigned for ($($argument,)* Signed<E>,) {
            type Event = E;
        }
    };
}

// The first of these is a marker of axum's, and an argument like any other on actix-web.
ends_in_signed!();
ends_in_signed!(A);
ends_in_signed!(A B);
ends_in_signed!(A B C);
ends_in_signed!(A B C D);
ends_in_signed!(A B C D F);
ends_in_signed!(A B C D F G);
ends_in_signed!(A B C D F G H);
ends_in_signed!(A B C D F G H I);
