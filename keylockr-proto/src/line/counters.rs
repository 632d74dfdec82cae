/// What came in and had no effect, and what the machine did about trouble. For logs and metrics.
///
/// Every number saturates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages that changed nothing, for any of the reasons below.
    pub dropped: u32,
    /// Bad or out-of-phase messages: at the limit the attempt ends.
    pub strikes: u32,
    /// Seals, hashes and boxes that did not hold (E_SEAL, E_HASH, E_BOX).
    pub unauthentic: u32,
    /// Messages that could not be read (E_SIZE, E_MSGPACK, E_SHAPE, E_INNER, E_RAW, bodies).
    pub malformed: u32,
    /// Messages outside the clock window (E_TIME).
    pub untimely: u32,
    /// Messages seen before (E_REPLAY). Never a strike: redelivery may repeat bytes.
    pub replayed: u32,
    /// Good messages that the phase has no use for.
    pub out_of_phase: u32,
    /// Answers to requests that nobody waits for.
    pub unasked: u32,
    /// Results equal to the one in hand.
    pub repeated: u32,
    /// Times a connection was lost and is made again.
    pub reconnects: u32,
    /// Times the service's keys were asked for again.
    pub key_refetches: u32,
    /// Times the clock was asked for again.
    pub clock_syncs: u32,
}

/// Adds one, and stays at the top.
pub(crate) fn bump(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
