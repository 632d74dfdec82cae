//! Who is signed in where: the trait, and the bounded default in memory.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::StoreFuture;
use crate::moment::Moment;

/// Finds the sessions of a person, to list them. Several processes may share one.
///
/// It decides nothing: a session that is missing here stands, and one that is found here may be over;
/// [`KeyLockr::sessions_of`](crate::KeyLockr::sessions_of) leaves out the latter.
pub trait SessionIndex: Send + Sync + 'static {
    /// Adds a session of this person, or brings it up to date; without a browser it keeps the one that
    /// was known. Of more than 64 sessions of one person those not seen for longest are forgotten, and
    /// at [`ListedSession::until`] any.
    fn put<'a>(
        &'a self,
        safe_id: &'a str,
        session: ListedSession,
        now: Moment,
    ) -> StoreFuture<'a, ()>;

    /// Forgets one.
    fn remove<'a>(&'a self, safe_id: &'a str, handle: &'a str) -> StoreFuture<'a, ()>;

    /// All of a person, in any order.
    fn of_person<'a>(&'a self, safe_id: &'a str) -> StoreFuture<'a, Vec<ListedSession>>;
}

/// One session of a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListedSession {
    /// What [`KeyLockr::end_session_of`](crate::KeyLockr::end_session_of) ends it by; no credential.
    pub handle: String,
    /// The KeyLockr connection that signed in.
    pub connection: String,
    /// The browser's family and system, such as `Firefox on Linux`, from a closed list of words.
    pub browser: Option<String>,
    /// When it began.
    pub signed_in_at: Moment,
    /// When a request was last made under it, within a minute.
    pub seen_at: Moment,
    /// When it is over if nobody uses it again.
    pub until: Moment,
}

/// The handle stays out of logs.
impl fmt::Debug for ListedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListedSession")
            .field("browser", &self.browser)
            .field("signed_in_at", &self.signed_in_at)
            .field("seen_at", &self.seen_at)
            .finish_non_exhaustive()
    }
}

/// Sessions of one person that are listed.
pub(super) const MOST: usize = 64;
/// A full index looks for what is over once in this time.
const SWEEP: Duration = Duration::from_secs(60);

/// Lists the sessions of this process.
///
/// At its limit it takes no new ones: they stand, and are missing in the list.
pub struct MemorySessions {
    limit: usize,
    people: Mutex<People>,
}

#[derive(Default)]
struct People {
    sessions: HashMap<String, Vec<ListedSession>>,
    count: usize,
    swept: Option<Moment>,
}

impl MemorySessions {
    /// How many are listed by default: a few hundred bytes each.
    pub const LIMIT: usize = 100_000;

    /// An index of at most this many.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            people: Mutex::default(),
        }
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemorySessions {
    fn default() -> Self {
        Self::with_limit(Self::LIMIT)
    }
}

impl People {
    fn put(&mut self, safe_id: &str, mut session: ListedSession, now: Moment, limit: usize) {
        let due = |swept: Moment| now.is_past(swept, SWEEP);
        if self.count >= limit && self.swept.is_none_or(due) {
            self.swept = Some(now);
            self.sessions.retain(|_, sessions| {
                sessions.retain(|session| session.until > now);
                !sessions.is_empty()
            });
            self.count = self.sessions.values().map(Vec::len).sum();
        }
        let mut sessions = self.sessions.remove(safe_id).unwrap_or_default();
        self.count -= sessions.len();
        let before = sessions
            .iter()
            .position(|before| before.handle == session.handle);
        let before = before.map(|at| sessions.swap_remove(at));
        let is_new = before.is_none();
        session.browser = session
            .browser
            .or_else(|| before.and_then(|before| before.browser));
        sessions.retain(|session| session.until > now);
        if sessions.len() >= MOST {
            sessions.sort_unstable_by_key(|session| std::cmp::Reverse(session.seen_at));
            sessions.truncate(MOST - 1);
        }
        if !is_new || self.count + sessions.len() < limit {
            sessions.push(session);
        }
        self.keep(safe_id, sessions);
    }

    fn remove(&mut self, safe_id: &str, handle: &str) {
        let mut sessions = self.sessions.remove(safe_id).unwrap_or_default();
        self.count -= sessions.len();
        sessions.retain(|session| session.handle != handle);
        self.keep(safe_id, sessions);
    }

    fn keep(&mut self, safe_id: &str, sessions: Vec<ListedSession>) {
        self.count += sessions.len();
        if !sessions.is_empty() {
            self.sessions.insert(safe_id.to_owned(), sessions);
        }
    }
}

impl SessionIndex for MemorySessions {
    fn put<'a>(
        &'a self,
        safe_id: &'a str,
        session: ListedSession,
        now: Moment,
    ) -> StoreFuture<'a, ()> {
        self.people().put(safe_id, session, now, self.limit);
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove<'a>(&'a self, safe_id: &'a str, handle: &'a str) -> StoreFuture<'a, ()> {
        self.people().remove(safe_id, handle);
        Box::pin(std::future::ready(Ok(())))
    }

    fn of_person<'a>(&'a self, safe_id: &'a str) -> StoreFuture<'a, Vec<ListedSession>> {
        let sessions = self.people().sessions.get(safe_id).cloned();
        Box::pin(std::future::ready(Ok(sessions.unwrap_or_default())))
    }
}

/// How many, and not whose.
impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions")
            .field("sessions", &self.people().count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::store) fn at(seconds: u64) -> Moment {
        Moment::from_millis(1_785_000_000_000 + seconds * 1_000)
    }

    /// Seen at this second, and good for an hour from then.
    pub(in crate::store) fn seen(handle: &str, second: u64) -> ListedSession {
        ListedSession {
            handle: handle.to_owned(),
            connection: "1001".to_owned(),
            browser: None,
            signed_in_at: at(0),
            seen_at: at(second),
            until: at(second + 3_600),
        }
    }

    pub(in crate::store) fn handles(mut sessions: Vec<ListedSession>) -> Vec<String> {
        sessions.sort_unstable_by_key(|session| session.seen_at);
        sessions.into_iter().map(|session| session.handle).collect()
    }

    /// What every index does.
    pub(in crate::store) async fn lists_the_sessions_of_each_person(index: &dyn SessionIndex) {
        let of = async |safe_id| index.of_person(safe_id).await.unwrap();
        assert!(of("2001").await.is_empty());
        let mut first = seen("a", 1);
        first.browser = Some("Firefox on Linux".to_owned());
        index.put("2001", first.clone(), at(1)).await.unwrap();
        index.put("2001", seen("b", 2), at(2)).await.unwrap();
        index.put("2002", seen("c", 3), at(3)).await.unwrap();
        assert_eq!(handles(of("2001").await), ["a", "b"]);
        assert_eq!(of("2002").await, [seen("c", 3)]);
        // Seen again, by who does not know the browser.
        index.put("2001", seen("a", 4), at(4)).await.unwrap();
        let again = ListedSession {
            browser: first.browser,
            ..seen("a", 4)
        };
        assert!(of("2001").await.contains(&again));
        index.remove("2001", "b").await.unwrap();
        index.remove("2001", "c").await.unwrap();
        assert_eq!(of("2001").await, [again]);
        assert_eq!(of("2002").await, [seen("c", 3)], "somebody else's");
        // What is over goes when something comes.
        index
            .put("2001", seen("d", 3_604), at(3_604))
            .await
            .unwrap();
        assert_eq!(handles(of("2001").await), ["d"]);
    }

    pub(in crate::store) async fn keeps_the_last_seen_of_many(index: &dyn SessionIndex) {
        for second in 0..80 {
            let session = seen(&format!("h{second}"), second);
            index.put("2003", session, at(second)).await.unwrap();
        }
        // Used all the time.
        index.put("2003", seen("h16", 80), at(80)).await.unwrap();
        index.put("2003", seen("new", 81), at(81)).await.unwrap();
        let kept = handles(index.of_person("2003").await.unwrap());
        assert_eq!(kept.len(), MOST);
        assert!(kept.contains(&"h16".to_owned()) && kept.contains(&"new".to_owned()));
        assert!(!kept.contains(&"h17".to_owned()) && kept.contains(&"h18".to_owned()));
    }

    #[tokio::test]
    async fn in_memory() {
        lists_the_sessions_of_each_person(&MemorySessions::default()).await;
        keeps_the_last_seen_of_many(&MemorySessions::default()).await;
    }

    #[tokio::test]
    async fn a_full_index_keeps_what_it_has_until_that_is_over() {
        let index = MemorySessions::with_limit(2);
        index.put("1", seen("a", 0), at(0)).await.unwrap();
        index.put("2", seen("b", 10), at(10)).await.unwrap();
        index.put("3", seen("c", 20), at(20)).await.unwrap();
        assert!(index.of_person("3").await.unwrap().is_empty());
        index.put("2", seen("b", 30), at(30)).await.unwrap();
        assert_eq!(index.of_person("2").await.unwrap(), [seen("b", 30)]);
        index.put("3", seen("c", 3_600), at(3_600)).await.unwrap();
        assert_eq!(index.of_person("3").await.unwrap().len(), 1, "room again");
        assert!(index.of_person("1").await.unwrap().is_empty());
    }

    #[test]
    fn debug_shows_no_handle() {
        assert!(!format!("{:?}", seen("5f1c", 1)).contains("5f1c"));
    }
}
