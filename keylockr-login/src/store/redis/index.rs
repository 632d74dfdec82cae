//! Who is signed in where, in Redis.
//!
//! ```text
//! {site}:sessions:<SafeID>   hash, until the last one is over:
//!     s:<handle>             began, seen, over (milliseconds), connection
//!     b:<handle>             the browser, where that is known
//! ```

use std::collections::HashMap;

use redis::Script;

use super::{
    super::{ListedSession, SessionIndex, StoreFuture, index::MOST},
    connection::Connection,
};
use crate::moment::Moment;

pub(super) struct RedisSessions {
    redis: Connection,
    put: Script,
}

impl RedisSessions {
    pub(super) fn new(redis: Connection) -> Self {
        Self {
            redis,
            put: Script::new(include_str!("list.lua")),
        }
    }

    fn key(&self, safe_id: &str) -> String {
        self.redis.key("sessions", safe_id)
    }
}

impl SessionIndex for RedisSessions {
    fn put<'a>(
        &'a self,
        safe_id: &'a str,
        session: ListedSession,
        now: Moment,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let millis = |at: Moment| at.as_millis().to_string();
            let entry = format!(
                "{} {} {} {}",
                millis(session.signed_in_at),
                millis(session.seen_at),
                millis(session.until),
                session.connection
            );
            let browser = session.browser.as_deref().unwrap_or_default();
            let arguments = [
                &session.handle,
                &*entry,
                browser,
                &millis(now),
                &MOST.to_string(),
            ];
            let key = self.key(safe_id);
            self.redis.run(&self.put, &[&key], &arguments).await
        })
    }

    fn remove<'a>(&'a self, safe_id: &'a str, handle: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut command = redis::cmd("HDEL");
            command.arg(self.key(safe_id));
            command
                .arg(format!("s:{handle}"))
                .arg(format!("b:{handle}"));
            self.redis.ask(&command).await
        })
    }

    fn of_person<'a>(&'a self, safe_id: &'a str) -> StoreFuture<'a, Vec<ListedSession>> {
        Box::pin(async move {
            let mut command = redis::cmd("HGETALL");
            command.arg(self.key(safe_id));
            let fields: HashMap<String, String> = self.redis.ask(&command).await?;
            Ok(sessions(&fields))
        })
    }
}

/// What another version wrote may be none.
fn sessions(fields: &HashMap<String, String>) -> Vec<ListedSession> {
    let session = |(name, entry): (&String, &String)| {
        let handle = name.strip_prefix("s:")?;
        let mut parts = entry.splitn(4, ' ');
        let mut moment = || parts.next()?.parse().ok().map(Moment::from_millis);
        let (signed_in_at, seen_at, until) = (moment()?, moment()?, moment()?);
        Some(ListedSession {
            handle: handle.to_owned(),
            connection: parts.next()?.to_owned(),
            browser: fields.get(&format!("b:{handle}")).cloned(),
            signed_in_at,
            seen_at,
            until,
        })
    };
    fields.iter().filter_map(session).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{super::index::tests, RedisStores, server::Server},
        *,
    };

    async fn index() -> Option<(Server, [std::sync::Arc<dyn SessionIndex>; 2])> {
        let server = Server::start().await?;
        let index = || RedisStores::new(&server.url(), "site").unwrap().sessions();
        let both = [index(), index()];
        Some((server, both))
    }

    #[tokio::test]
    async fn the_sessions_of_a_person_are_listed_on_every_server() {
        let Some((_server, [one, other])) = index().await else {
            return;
        };
        tests::lists_the_sessions_of_each_person(&*one).await;
        tests::keeps_the_last_seen_of_many(&*one).await;
        assert_eq!(other.of_person("2003").await.unwrap().len(), MOST);
    }

    #[tokio::test]
    async fn a_list_ends_with_its_last_session() {
        let Some((server, [index, _])) = index().await else {
            return;
        };
        let now = tests::at(0);
        index.put("2001", tests::seen("a", 0), now).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd("PTTL");
        command.arg("{site}:sessions:2001");
        let left: u64 = command.query_async(&mut connection).await.unwrap();
        assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    }

    #[tokio::test]
    async fn without_redis_nobody_knows() {
        let Some((mut server, [index, _])) = index().await else {
            return;
        };
        server.kill();
        let now = tests::at(0);
        assert!(index.of_person("2001").await.is_err());
        assert!(index.put("2001", tests::seen("a", 0), now).await.is_err());
        assert!(index.remove("2001", "a").await.is_err());
    }

    #[test]
    fn what_cannot_be_read_is_no_session() {
        for entry in ["", "1 2 3", "1 2 x 1001", "-1 2 3 1001"] {
            let fields = HashMap::from([("s:a".to_owned(), entry.to_owned())]);
            assert!(sessions(&fields).is_empty(), "{entry}");
        }
    }
}
