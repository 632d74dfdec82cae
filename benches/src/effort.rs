//! How hard a bench works.

/// Whether figures are wanted, or only proof that the bench still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// `cargo bench`: enough rounds for figures.
    Measure,
    /// `cargo bench -- --test` and `cargo test --benches`: everything once, in a second or two.
    Smoke,
}

impl Effort {
    /// As cargo asked on the command line: `cargo bench` says `--bench`, and nobody else does.
    #[must_use]
    pub fn from_args() -> Self {
        Self::of(std::env::args().skip(1))
    }

    fn of(args: impl IntoIterator<Item = String>) -> Self {
        let (mut bench, mut test) = (false, false);
        for arg in args {
            bench |= arg == "--bench";
            test |= arg == "--test";
        }
        match bench && !test {
            true => Self::Measure,
            false => Self::Smoke,
        }
    }

    /// The one or the other.
    #[must_use]
    pub fn pick<T>(self, measure: T, smoke: T) -> T {
        match self {
            Self::Measure => measure,
            Self::Smoke => smoke,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_cargo_bench_measures() {
        let of = |args: &[&str]| Effort::of(args.iter().map(ToString::to_string));
        assert_eq!(of(&["--bench"]), Effort::Measure);
        assert_eq!(of(&["--test", "--bench"]), Effort::Smoke);
        assert_eq!(of(&[]), Effort::Smoke);
        assert_eq!(Effort::Smoke.pick(1, 2), 2);
    }
}
