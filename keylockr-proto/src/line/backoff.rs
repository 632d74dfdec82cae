use core::time::Duration;

use crate::entropy::Entropy;

/// K 5.5: 1, 2, 4, 8, then 15 s, each 20 % more or less.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: usize,
}

const STEPS: [u64; 5] = [1, 2, 4, 8, 15];

/// A connection that lived this long ends the count of failures before it. A shorter one does not:
/// a service that accepts and drops at once would otherwise be called every second.
const STEADY: Duration = Duration::from_secs(15);

impl Backoff {
    /// The pause after a connection that was up for `lived` (zero: it never came up).
    ///
    /// Without entropy the pause has no jitter: that only costs politeness.
    pub(crate) fn pause(&mut self, lived: Duration, entropy: &mut dyn Entropy) -> Duration {
        if lived >= STEADY {
            self.failures = 0;
        }
        let step = STEPS
            .get(self.failures)
            .or(STEPS.last())
            .copied()
            .unwrap_or(15);
        self.failures = self.failures.saturating_add(1).min(STEPS.len());
        let mut random = [0u8; 2];
        if entropy.fill(&mut random).is_err() {
            return Duration::from_secs(step);
        }
        // 800 to 1200 thousandths of the step.
        let thousandths = 800 + u64::from(u16::from_be_bytes(random)) * 401 / 65_536;
        Duration::from_millis(step * thousandths)
    }
}
