//! Measuring several implementations against each other on a machine that is not quiet.
//!
//! All of them run in turn, a millisecond or so each, for many rounds: a slow spell of the machine
//! hits all alike, and the tenth percentile of the rounds leaves it out. Compare only figures of one
//! call of [`interleave`].

use crate::clock::Stopwatch;

/// Something to be measured.
pub trait Subject {
    /// Does whatever must be done before a round, unmeasured.
    fn settle(&mut self) {}

    /// Does the measured thing so often.
    fn run(&mut self, iterations: u32);
}

impl<F: FnMut()> Subject for F {
    fn run(&mut self, iterations: u32) {
        for _ in 0..iterations {
            self();
        }
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Turns of each subject that count.
    pub rounds: u32,
    /// Turns before those, for caches, branch predictors and allocators.
    pub warm_up: u32,
    /// Runs in one turn.
    pub iterations: u32,
}

/// What one subject took, round by round.
#[derive(Clone, Debug)]
pub struct Figures {
    sorted: Vec<f64>,
}

impl Figures {
    /// From samples in any order and any unit.
    #[must_use]
    pub fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self { sorted: samples }
    }

    /// What one round in ten stays below: what it takes when nothing interferes.
    #[must_use]
    pub fn p10(&self) -> f64 {
        self.quantile(10)
    }

    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(50)
    }

    /// The mean, which what interferes moves as well.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let count = u32::try_from(self.sorted.len()).unwrap_or(u32::MAX);
        self.sorted.iter().sum::<f64>() / f64::from(count)
    }

    /// In another unit.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self::new(self.sorted.iter().map(|sample| sample * factor).collect())
    }

    /// What this many of a hundred stay below or at.
    #[must_use]
    pub fn quantile(&self, percent: usize) -> f64 {
        let index = self.sorted.len().saturating_sub(1) * percent.min(100) / 100;
        self.sorted.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// Runs the subjects in turn; nanoseconds for each run, in the subjects' order.
///
/// Each round begins with another subject, so that none always follows the same neighbour's cache
/// misses.
pub fn interleave(subjects: &mut [Box<dyn Subject + '_>], plan: Plan) -> Vec<Figures> {
    let mut samples = vec![Vec::new(); subjects.len()];
    for round in 0..plan.warm_up + plan.rounds {
        let first = round as usize % subjects.len().max(1);
        let order = (first..subjects.len()).chain(0..first);
        for index in order {
            let (Some(subject), Some(samples)) = (subjects.get_mut(index), samples.get_mut(index))
            else {
                continue;
            };
            subject.settle();
            let watch = Stopwatch::start();
            subject.run(plan.iterations);
            let elapsed = watch.elapsed();
            if round >= plan.warm_up {
                samples.push(elapsed.as_secs_f64() * 1e9 / f64::from(plan.iterations));
            }
        }
    }
    samples.into_iter().map(Figures::new).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_samples() {
        let figures = Figures::new((0..=100).rev().map(f64::from).collect());
        assert_eq!((figures.p10(), figures.median()), (10.0, 50.0));
        assert_eq!((figures.mean(), figures.quantile(999)), (50.0, 100.0));
        assert_eq!(figures.scaled(2.0).p10(), 20.0);
        assert!(Figures::new(Vec::new()).p10().is_nan());
    }

    #[test]
    fn subjects_take_turns_and_the_warm_up_does_not_count() {
        let turns = RefCell::new(String::new());
        let subject = |name: char| {
            let turns = &turns;
            Box::new(move || turns.borrow_mut().push(name)) as Box<dyn Subject + '_>
        };
        let plan = Plan {
            rounds: 2,
            warm_up: 1,
            iterations: 2,
        };
        let figures = interleave(&mut [subject('a'), subject('b')], plan);
        assert_eq!(turns.borrow().as_str(), "aabbbbaaaabb");
        assert!(figures.iter().all(|figures| figures.sorted.len() == 2));
    }
}
