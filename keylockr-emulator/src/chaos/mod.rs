//! A network that is in trouble: a TCP proxy that loses, delays, doubles, swaps, cuts and alters
//! what passes through it, the same way each time for the same seed.
//!
//! Put it between your application and [`Emulator::api`](crate::Emulator::api), or between your
//! application and whatever else it talks TCP to (Redis, for instance):
//!
//! ```no_run
//! # async fn trouble() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use keylockr_emulator::chaos::{Chaos, ChaosProxy, Trouble};
//!
//! let emulator = keylockr_emulator::Emulator::start().await?;
//! let target = emulator.api().trim_start_matches("http://").parse()?;
//! let proxy = ChaosProxy::start(target, 7).await?;
//! let api = format!("http://{}", proxy.address()); // what your application is told
//! // Each third WebSocket message is late.
//! let late = Trouble::Delay { up_to: Duration::from_secs(5) };
//! proxy.set(Chaos::from(late).one_in(3).in_sockets());
//! // ... and the network heals.
//! proxy.clear();
//! # drop(api); Ok(()) }
//! ```
//!
//! # What it strikes
//!
//! TCP itself neither doubles nor swaps bytes, so what is struck is a *unit*. On a connection that
//! was upgraded to a WebSocket that is a whole message, however many frames and segments it came in;
//! pings, pongs and closes pass. Everywhere else (HTTP, Redis) it is whatever one read brought, and
//! [`Trouble::Duplicate`] and [`Trouble::Reorder`] do not apply.
//!
//! # Time and chance
//!
//! Waiting is tokio's, so a paused clock (`#[tokio::test(start_paused = true)]`) lives through it in
//! no time, as long as everything runs on that one runtime. On a busy machine such a clock may be
//! faster than the bytes: a task that sleeps 250 ms and then does a moment of blocking work, again and
//! again, keeps it from jumping far. Chance is drawn for each unit that could be struck, from the seed,
//! the number of the connection and the direction: the same traffic under the same trouble, set at the
//! same moments, is struck in the same places. [`ChaosProxy::struck`] counts: a test should ask whether
//! there was any trouble at all.
//!
//! It listens on loopback and reads no TLS: through TLS every kind but doubling and swapping works.

mod dice;
mod frames;
mod relay;
mod trouble;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{net::TcpListener, task::JoinHandle};

use self::relay::State;
pub use self::trouble::{Chaos, Trouble, Way};

/// A proxy that causes [`Trouble`]. Dropping it resets every connection through it.
pub struct ChaosProxy {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl ChaosProxy {
    /// Listens on a free port of 127.0.0.1 and connects to `target` for each connection; without
    /// trouble until told.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start(target: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(target, seed));
        let task = tokio::spawn(relay::accept(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            task,
        })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on there is this trouble and no other, on connections that are open as well.
    pub fn set(&self, chaos: impl Into<Chaos>) {
        self.state.set(Some(chaos.into()));
    }

    /// From now on there is no trouble. What was delayed still is, and a connection that went dead
    /// stays so.
    pub fn clear(&self) {
        self.state.set(None);
    }

    /// Connects new connections to another address: a server that was started again elsewhere.
    pub fn lead_to(&self, target: SocketAddr) {
        self.state.lead_to(target);
    }

    /// How often trouble struck so far.
    pub fn struck(&self) -> u64 {
        self.state.struck()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.state.connections()
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.task.abort();
        self.state.set(Some(Trouble::Away.into()));
    }
}

impl fmt::Debug for ChaosProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosProxy")
            .field("address", &self.address)
            .field("connections", &self.connections())
            .field("struck", &self.struck())
            .finish_non_exhaustive()
    }
}
