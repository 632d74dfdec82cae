//! The lock around the world, and what happens outside of it: cryptography and waiting.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio::sync::mpsc;

use super::{World, save};
use crate::{
    hub::Hub,
    identity::Identity,
    server::Outgoing,
    wire::{error::WireError, ws_sig::WsSig},
};

/// The world, shared by sockets, pages and tests.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    hub: Hub,
    /// Origin of the API, once its port is open.
    api: OnceLock<String>,
    state: Option<PathBuf>,
    /// Held while the state file is written, so that an older state never follows a newer one.
    writing: Mutex<Writing>,
}

/// Whether the state file is still this emulator's to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Goes,
    /// The last state is written: the file may be another emulator's by now.
    Over,
}

/// The emulator's end of an open socket.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) identity: Identity,
    pub(crate) number: u64,
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
}

impl Shared {
    pub(crate) fn new(world: World, hub: Hub, state: Option<PathBuf>) -> Self {
        Self {
            world: Mutex::new(world),
            hub,
            api: OnceLock::new(),
            state,
            writing: Mutex::new(Writing::Goes),
        }
    }

    /// The world. A panic elsewhere must not stop every other test of a program.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Origin of the API; empty before its port is open.
    pub(crate) fn api(&self) -> &str {
        self.api.get().map_or("", String::as_str)
    }

    /// Says where the API is; said once.
    pub(crate) fn set_api(&self, origin: &str) {
        self.api.get_or_init(|| origin.to_owned());
    }

    /// Opens a socket for the identity that signed.
    pub(crate) fn open(&self, sig: &str) -> Result<Line, WireError> {
        let identity = self.check(sig)?;
        let attached = self.world().server.attach(&identity);
        let (number, outgoing) = attached.ok_or(WireError::Identity)?;
        Ok(Line {
            identity,
            number,
            outgoing,
        })
    }

    /// The identity that a `sig` proves.
    pub(crate) fn check(&self, sig: &str) -> Result<Identity, WireError> {
        let sig = WsSig::parse(sig)?;
        let identity = Identity::parse(sig.identity()).ok_or(WireError::Identity)?;
        let keys = self.world().server.sig_keys(&identity);
        let (key, window, now) = keys.ok_or(WireError::Identity)?;
        sig.verify(&key, now, window)?;
        Ok(identity)
    }

    /// Handles a binary message of a socket.
    pub(crate) fn receive(&self, identity: &Identity, number: u64, frame: &[u8]) {
        let Some(keys) = self.world().server.frame_keys(identity, number) else {
            return;
        };
        let opened = keys.open(frame);
        let mut world = self.world();
        let World { server, phones, .. } = &mut *world;
        server.received(identity, number, opened, phones);
    }

    /// Handles a message that was refused before it was looked at.
    pub(crate) fn refuse(&self, identity: &Identity, number: u64, error: WireError) {
        let mut world = self.world();
        let World { server, phones, .. } = &mut *world;
        server.received(identity, number, Err(error), phones);
    }

    /// Carries out the agenda, for ever.
    pub(crate) async fn keep_time(&self) {
        loop {
            let added = self.hub.timers().notified();
            let next = {
                let mut world = self.world();
                world.run_due();
                let clock = &world.server.clock;
                world.server.agenda.next().map(|at| clock.instant(at))
            };
            match next {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = added => {}
                },
                None => added.await,
            }
        }
    }

    /// Writes the state file after every change, for ever.
    pub(crate) async fn keep_state(self: Arc<Self>) {
        loop {
            self.hub.saver().notified().await;
            self.save().await;
        }
    }

    /// Writes the state file, as the world is by then. Blocks; for the start, and for [`Self::save`].
    pub(crate) fn save_here(&self) -> io::Result<()> {
        self.write(Writing::Goes)
    }

    /// The same when the emulator is dropped. What is still under way then writes nothing more.
    pub(crate) fn save_last(&self) -> io::Result<()> {
        self.write(Writing::Over)
    }

    fn write(&self, then: Writing) -> io::Result<()> {
        let Some(path) = &self.state else {
            return Ok(());
        };
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if *writing == Writing::Over {
            return Ok(());
        }
        *writing = then;
        // The world goes on while the disk is slow.
        let saved = self.world().save();
        save::store(path, &saved)
    }

    /// Writes the state file now. Trouble is told and survived: the next change tries again.
    ///
    /// Cancel safe: what was begun is written all the same, and nothing else meanwhile.
    pub(crate) async fn save(self: &Arc<Self>) {
        if self.state.is_none() {
            return;
        }
        let shared = Arc::clone(self);
        match tokio::task::spawn_blocking(move || shared.save_here()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!("{error}; what was kept before stays, and this goes on");
            }
            Err(error) => tracing::warn!(%error, "the state file was not written"),
        }
    }
}
