//! Frames that were seen, in Redis: what processes with the same fixed keys need between them (K 3.8).

use keylockr_client::{BoxFuture, ReplayMemory};
use keylockr_proto::{KpsHash, ReplayVerdict, Window};

use super::connection::Connection;
use crate::binding::hex;

pub(super) struct RedisReplay(pub(super) Connection);

impl ReplayMemory for RedisReplay {
    fn check(&self, hash: KpsHash) -> BoxFuture<'_, ReplayVerdict> {
        Box::pin(async move {
            let kept = Window::CLIENT.retention().as_millis();
            let mut command = redis::cmd("SET");
            command
                .arg(self.0.key("frame", &hex(hash.as_bytes())))
                .arg("");
            command.arg("NX").arg("PX").arg(kept.to_string());
            let set: Result<Option<String>, _> = self.0.ask(&command).await;
            match set {
                Ok(Some(_)) => ReplayVerdict::Fresh,
                Ok(None) => ReplayVerdict::Seen,
                Err(_) => ReplayVerdict::Unavailable,
            }
        })
    }
}
