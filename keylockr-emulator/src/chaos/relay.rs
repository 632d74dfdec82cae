//! Connections through the proxy, each a task of its own.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{Sleep, sleep},
};

use super::{
    dice::Dice,
    frames::{Unit, Units},
    trouble::{Chaos, Trouble, Way},
};

const BUFFER: usize = 16 * 1024;
/// Pause after an accept failed (most likely: out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pieces of a split unit at most, and the pause between two.
const PIECES: usize = 256;
const PIECE_PAUSE: Duration = Duration::from_millis(1);

/// What all connections of a proxy share.
pub(super) struct State {
    target: Mutex<SocketAddr>,
    seed: u64,
    plan: watch::Sender<Plan>,
    connections: AtomicU64,
    struck: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Plan {
    chaos: Option<Chaos>,
    /// Strikes that are left.
    left: Option<u32>,
}

impl Plan {
    fn is_away(&self) -> bool {
        self.chaos
            .is_some_and(|chaos| chaos.trouble == Trouble::Away)
    }
}

impl State {
    pub(super) fn new(target: SocketAddr, seed: u64) -> Self {
        Self {
            target: Mutex::new(target),
            seed,
            plan: watch::Sender::new(Plan::default()),
            connections: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        }
    }

    pub(super) fn set(&self, chaos: Option<Chaos>) {
        self.plan.send_replace(Plan {
            chaos,
            left: chaos.and_then(|chaos| chaos.times),
        });
    }

    pub(super) fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    fn target(&self) -> SocketAddr {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.struck.fetch_add(1, Ordering::Relaxed);
    }

    /// The trouble that this unit gets into.
    fn strike(&self, way: Way, unit: &Unit, dice: &mut Dice) -> Option<Trouble> {
        let chaos = self.plan.borrow().chaos?;
        let message = match unit {
            Unit::Message(_) => true,
            Unit::Raw(_) => false,
            Unit::Control(_) => return None,
        };
        let messages_only =
            chaos.sockets || matches!(chaos.trouble, Trouble::Duplicate | Trouble::Reorder { .. });
        if (messages_only && !message) || chaos.way.is_some_and(|only| only != way) {
            return None;
        }
        if dice.below(chaos.one_in.into()) != 0 {
            return None;
        }
        let mut allowed = true;
        self.plan.send_if_modified(|plan| {
            if let Some(left) = &mut plan.left {
                allowed = *left > 0;
                *left = left.saturating_sub(1);
            }
            // Nobody waits for this.
            false
        });
        allowed.then(|| {
            self.count();
            chaos.trouble
        })
    }
}

/// Accepts until aborted.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let number = state.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(connection(client, Arc::clone(&state), number));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// How a direction ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its sender closed it.
    Over,
    /// Both directions are closed.
    Cut,
    /// Both directions are reset.
    Reset,
}

async fn connection(mut client: TcpStream, state: Arc<State>, number: u64) {
    if state.plan.borrow().is_away() {
        state.count();
        reset(&client);
        return;
    }
    let Ok(mut server) = TcpStream::connect(state.target()).await else {
        reset(&client);
        return;
    };
    for stream in [&client, &server] {
        // Pieces have to stay pieces.
        let _ = stream.set_nodelay(true);
    }
    let end = relay(&mut client, &mut server, &state, number).await;
    if end == End::Reset {
        reset(&client);
        reset(&server);
    }
}

/// Closing it afterwards sends RST.
fn reset(stream: &TcpStream) {
    // Should it fail, the connection is closed the other way.
    let _ = stream.set_zero_linger();
}

async fn relay(client: &mut TcpStream, server: &mut TcpStream, state: &State, number: u64) -> End {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (upgraded, dead) = (Arc::<AtomicBool>::default(), AtomicBool::new(false));
    let direction = |way| Direction {
        state,
        dead: &dead,
        way,
        units: Units::new(way, Arc::clone(&upgraded)),
        dice: Dice::new(state.seed, number, u64::from(way == Way::ToClient)),
        held: None,
    };
    let mut there = pin!(direction(Way::ToServer).run(from_client, to_server));
    let mut back = pin!(direction(Way::ToClient).run(from_server, to_client));
    let mut plan = state.plan.subscribe();
    let mut away = pin!(plan.wait_for(Plan::is_away));
    let (mut there_open, mut back_open) = (true, true);
    while there_open || back_open {
        let end = tokio::select! {
            end = &mut there, if there_open => {
                there_open = false;
                end
            }
            end = &mut back, if back_open => {
                back_open = false;
                end
            }
            _ = &mut away => {
                state.count();
                return End::Reset;
            }
        };
        match end {
            // A broken peer: the other one is told in the same way.
            Err(_) => return End::Reset,
            Ok(End::Over) => {}
            Ok(end) => return end,
        }
    }
    End::Over
}

struct Direction<'a> {
    state: &'a State,
    /// Half-open: nothing gets through any more.
    dead: &'a AtomicBool,
    way: Way,
    units: Units,
    dice: Dice,
    held: Option<Held>,
}

/// A message that waits for the one behind it, and for how long at most.
struct Held {
    unit: Unit,
    patience: Pin<Box<Sleep>>,
}

impl Direction<'_> {
    async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<End> {
        let mut buffer = vec![0; BUFFER];
        let mut silent = false;
        loop {
            while let Some(unit) = self.units.next() {
                if silent || self.dead.load(Ordering::Relaxed) {
                    continue;
                }
                // Whoever overtakes is in no trouble itself.
                let trouble = match self.held {
                    Some(_) => None,
                    None => self.state.strike(self.way, &unit, &mut self.dice),
                };
                if let Some(end) = self.pass(unit, trouble, &mut to, &mut silent).await? {
                    return Ok(end);
                }
            }
            let patience = async {
                match &mut self.held {
                    Some(held) => held.patience.as_mut().await,
                    None => pending().await,
                }
            };
            let read = tokio::select! {
                read = from.read(&mut buffer) => read?,
                () = patience => {
                    self.release(&mut to).await?;
                    continue;
                }
            };
            if read == 0 {
                if !silent && !self.dead.load(Ordering::Relaxed) {
                    self.release(&mut to).await?;
                    to.write_all(&self.units.rest()).await?;
                    to.shutdown().await?;
                }
                return Ok(End::Over);
            }
            self.units.feed(&buffer[..read]);
        }
    }

    async fn pass(
        &mut self,
        unit: Unit,
        trouble: Option<Trouble>,
        to: &mut WriteHalf<'_>,
        silent: &mut bool,
    ) -> io::Result<Option<End>> {
        let bytes = unit.bytes();
        match trouble {
            None => to.write_all(bytes).await?,
            Some(Trouble::Drop) => {
                *silent = !matches!(unit, Unit::Message(_));
                return Ok(None);
            }
            Some(Trouble::Delay { up_to }) => {
                let most = u64::try_from(up_to.as_millis()).unwrap_or(u64::MAX);
                let delay = self.dice.below(most.saturating_add(1));
                sleep(Duration::from_millis(delay)).await;
                to.write_all(bytes).await?;
            }
            Some(Trouble::Duplicate) => {
                to.write_all(bytes).await?;
                to.write_all(bytes).await?;
            }
            Some(Trouble::Reorder { within }) => {
                let patience = Box::pin(sleep(within));
                self.held = Some(Held { unit, patience });
                return Ok(None);
            }
            Some(Trouble::Cut) => {
                to.write_all(&bytes[..bytes.len() / 2]).await?;
                to.shutdown().await?;
                return Ok(Some(End::Cut));
            }
            Some(Trouble::HalfOpen) => {
                self.dead.store(true, Ordering::Relaxed);
                return Ok(None);
            }
            Some(Trouble::Reset | Trouble::Away) => return Ok(Some(End::Reset)),
            Some(Trouble::Split) => {
                for piece in bytes.chunks(bytes.len().div_ceil(PIECES).max(1)) {
                    to.write_all(piece).await?;
                    sleep(PIECE_PAUSE).await;
                }
            }
            Some(Trouble::FlipBit) => {
                let (start, mut flipped) = (unit.payload(), bytes.to_vec());
                let at = start + self.dice.place(bytes.len().saturating_sub(start));
                let bit = self.dice.below(8);
                if let Some(byte) = flipped.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                to.write_all(&flipped).await?;
            }
        }
        if !matches!(unit, Unit::Control(_)) {
            self.release(to).await?;
        }
        Ok(None)
    }

    /// Sends what waited for its turn.
    async fn release(&mut self, to: &mut WriteHalf<'_>) -> io::Result<()> {
        match self.held.take() {
            Some(held) => to.write_all(held.unit.bytes()).await,
            None => Ok(()),
        }
    }
}
