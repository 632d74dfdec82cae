//! How long things took, in a form that metrics can be made of.

use core::time::Duration;

/// How long something took, time after time: the parts of a histogram and of a summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How often.
    pub count: u64,
    /// All of it.
    pub sum: Duration,
    /// The longest.
    pub longest: Duration,
    /// The latest.
    pub last: Duration,
    /// How many ended in each bucket, and beyond the last bound.
    counts: [u64; BUCKETS + 1],
}

const BUCKETS: usize = 13;

impl Times {
    /// The bounds of the [`buckets`](Self::buckets): 0.1 ms, which nothing that waits stays below,
    /// to 10 s.
    pub const BOUNDS: [Duration; BUCKETS] = [
        Duration::from_micros(100),
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2_500),
        Duration::from_secs(5),
        Duration::from_secs(10),
    ];

    /// For each bound, how many took so long or less: what Prometheus calls `le`. The bucket
    /// without a bound is [`count`](Self::count).
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        Self::BOUNDS
            .into_iter()
            .zip(&self.counts)
            .scan(0, |below, (bound, count)| {
                *below += count;
                Some((bound, *below))
            })
    }

    pub(super) fn add(&mut self, took: Duration) {
        let bucket = Self::BOUNDS.iter().take_while(|bound| took > **bound);
        if let Some(count) = self.counts.get_mut(bucket.count()) {
            *count += 1;
        }
        self.count += 1;
        self.sum += took;
        self.longest = self.longest.max(took);
        self.last = took;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_bounds_belong_to_them() {
        let mut times = Times::default();
        for bound in Times::BOUNDS {
            times.add(bound);
            times.add(bound + Duration::from_nanos(1));
        }
        let of_bucket: Vec<_> = times.buckets().map(|(_, count)| count).collect();
        let expected: Vec<_> = (0..13).map(|at| 2 * at + 1).collect();
        assert_eq!(of_bucket, expected);
        assert_eq!(times.count, 26);
        let longest = Duration::from_secs(10) + Duration::from_nanos(1);
        assert_eq!((times.longest, times.last), (longest, longest));
        times.add(Duration::ZERO);
        assert_eq!((times.longest, times.last), (longest, Duration::ZERO));
        assert_eq!(times.buckets().next(), Some((Times::BOUNDS[0], 2)));
        let sum = Times::BOUNDS.iter().sum::<Duration>() * 2 + Duration::from_nanos(13);
        assert_eq!(times.sum, sum);
        assert!(Times::BOUNDS.is_sorted());
    }
}
