//! Service and phones together, behind one lock.

mod control;
mod save;
mod shared;

pub(crate) use save::load;
pub(crate) use shared::{Line, Shared};

use crate::{
    agenda::Event,
    phone::Phones,
    server::Server,
    unloq::{Installation, Moment},
};

/// Everything that the emulator is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) phones: Phones,
    /// The other product, which knows nothing of the two.
    pub(crate) unloq: Installation,
    /// Starts from the same state file, this one included.
    starts: u64,
}

impl World {
    /// The world at the start: the services that every emulator has, and two users.
    pub(crate) fn new(server: Server, phones: Phones, unloq: Installation) -> Self {
        let mut world = Self {
            server,
            phones,
            unloq,
            starts: 0,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        for user in ["alice", "bob"] {
            // Good names, and nobody was there before.
            let _ = self.create_user(user, None);
        }
    }

    /// Back to the start.
    pub(crate) fn reset(&mut self) {
        self.server.reset();
        self.phones.reset();
        self.unloq.reset();
        self.populate();
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment::now(&self.server.clock)
    }

    /// Carries out what is due.
    pub(crate) fn run_due(&mut self) {
        let now = self.server.clock.elapsed();
        while let Some(event) = self.server.agenda.due(now) {
            match event {
                Event::Deliver { tmp_id } => self.server.deliver(&tmp_id),
                Event::Forget { tmp_id } => self.server.forget(&tmp_id),
                Event::Ping { identity, socket } => self.server.ping_due(&identity, socket),
                Event::Close {
                    identity,
                    socket,
                    code,
                } => {
                    self.server.close_due(&identity, socket, code);
                }
                Event::AnswerFilekey { app_id, grant } => {
                    // The connection may be gone, or the user was faster.
                    let _ = self.answer_filekey(&app_id, grant);
                }
            }
        }
    }
}
