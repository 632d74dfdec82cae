//! A question that is asked once, however many want to know.

use std::{
    future::{Future, poll_fn},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// The answer to a question, or whoever is asking it.
///
/// Nearly always one asks, and everybody after that finds the answer: both cost a lock that nobody
/// holds, or not even that where nobody else can ask, and nothing is allocated before somebody has to
/// wait.
pub(crate) struct Asked<T> {
    state: Mutex<State<T>>,
}

enum State<T> {
    Open,
    /// Somebody asks, and these wait.
    Asking(Vec<Waker>),
    Answered(T),
}

/// The right to ask. Dropped without an answer, it goes to somebody who waits.
struct Turn<'a, T> {
    asked: &'a Asked<T>,
    is_over: bool,
}

impl<T: Clone> Asked<T> {
    /// The answer, by asking if nobody has. Who gives up asking leaves it to the next.
    pub(crate) async fn or_ask<F: Future<Output = T>>(&self, ask: impl FnOnce() -> F) -> T {
        match poll_fn(|context| self.poll_turn(context)).await {
            Err(answer) => answer,
            Ok(turn) => {
                let answer = ask().await;
                turn.tell(answer.clone());
                answer
            }
        }
    }

    /// The answer, if it is there.
    pub(crate) fn answer(&self) -> Option<T> {
        self.state().answer().cloned()
    }

    /// The answer, if it is there, for who alone can ask.
    pub(crate) fn known(&mut self) -> Option<T> {
        self.state_mut().answer().cloned()
    }

    /// Ready with the right to ask, or with the answer.
    fn poll_turn(&self, context: &mut Context<'_>) -> Poll<Result<Turn<'_, T>, T>> {
        let mut state = self.state();
        match &mut *state {
            State::Answered(answer) => return Poll::Ready(Err(answer.clone())),
            State::Asking(waiting) => {
                let waker = context.waker();
                if !waiting.iter().any(|other| other.will_wake(waker)) {
                    waiting.push(waker.clone());
                }
                return Poll::Pending;
            }
            State::Open => *state = State::Asking(Vec::new()),
        }
        Poll::Ready(Ok(Turn {
            asked: self,
            is_over: false,
        }))
    }
}

impl<T> Asked<T> {
    /// An answer from elsewhere, told by who alone can ask.
    pub(crate) fn tell(&mut self, answer: T) {
        *self.state_mut() = State::Answered(answer);
    }

    /// An answer from elsewhere, unless somebody has it or asks.
    pub(crate) fn offer(&self, answer: T) {
        let mut state = self.state();
        if let State::Open = *state {
            *state = State::Answered(answer);
        }
    }

    fn state_mut(&mut self) -> &mut State<T> {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_turn(&self, state: State<T>) {
        let before = std::mem::replace(&mut *self.state(), state);
        if let State::Asking(waiting) = before {
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn answer(&self) -> Option<&T> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Open | Self::Asking(_) => None,
        }
    }
}

impl<T> Turn<'_, T> {
    fn tell(mut self, answer: T) {
        self.is_over = true;
        self.asked.end_turn(State::Answered(answer));
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        if !self.is_over {
            self.asked.end_turn(State::Open);
        }
    }
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self::from(None)
    }
}

/// A question with its answer, if it has one.
impl<T> From<Option<T>> for Asked<T> {
    fn from(answer: Option<T>) -> Self {
        Self {
            state: Mutex::new(answer.map_or(State::Open, State::Answered)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{pending, ready},
    };

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn all_who_want_to_know_hear_what_one_asks() {
        let (asked, times) = (Asked::default(), Cell::new(0));
        let (tell, told) = oneshot::channel();
        let told = Cell::new(Some(told));
        let ask = || {
            times.set(times.get() + 1);
            let told = told.take().unwrap();
            async move { told.await.unwrap() }
        };
        let (first, second, third, ()) = tokio::join!(
            asked.or_ask(ask),
            asked.or_ask(ask),
            asked.or_ask(ask),
            async {
                assert_eq!(asked.answer(), None);
                tell.send(7).unwrap();
            },
        );
        assert_eq!((first, second, third), (7, 7, 7));
        assert_eq!(asked.or_ask(ask).await, 7);
        assert_eq!((asked.answer(), times.get()), (Some(7), 1));
    }

    #[tokio::test]
    async fn another_asks_where_one_gave_up() {
        let asked = Asked::default();
        let mut first = Box::pin(asked.or_ask(pending::<u8>));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        let ((), second, third) = tokio::join!(
            async { drop(first) },
            asked.or_ask(|| ready(5)),
            asked.or_ask(|| ready(6)),
        );
        assert_eq!((second, third), (5, 5));
    }

    #[tokio::test]
    async fn one_that_waits_is_told_when_the_asker_gives_up() {
        let asked = Asked::default();
        let mut first = Box::pin(asked.or_ask(pending::<u8>));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        let (second, ()) = tokio::join!(asked.or_ask(|| ready(5)), async { drop(first) });
        assert_eq!(second, 5);
    }
}
