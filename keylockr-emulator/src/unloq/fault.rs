//! Trouble on purpose.

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// A personal key is delivered in clear where a ciphertext was asked for.
    KeyInClear,
    /// Another user's personal key, under that user's id.
    WrongUser,
    /// Another personal key than ever before, of the right user and well encrypted.
    SwappedKey,
    /// The device uses the next of the three paddings.
    OtherPadding,
    /// The device does not answer and cannot be made to: TIMEOUT when the time is up.
    Silent,
    /// TIMEOUT at once.
    Timeout,
    /// An event stream ends after so many bytes.
    Truncate(usize),
    /// All frames of an event stream come in one piece, at the end.
    Coalesce,
    /// Every byte of an event stream comes by itself.
    Split,
    /// An HTTP status, 500 to 599, with a page that is no JSON.
    Status(u16),
    /// `FIREWALL.BLOCKED`.
    Blocked,
    /// `FIREWALL.THROTTLE`.
    Throttled,
}

impl FaultKind {
    /// Every name, with an example value where one is needed.
    pub(crate) const ALL: [Self; 12] = [
        Self::KeyInClear,
        Self::WrongUser,
        Self::SwappedKey,
        Self::OtherPadding,
        Self::Silent,
        Self::Timeout,
        Self::Truncate(0),
        Self::Coalesce,
        Self::Split,
        Self::Status(503),
        Self::Blocked,
        Self::Throttled,
    ];
}

/// A fault and how often it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub fault: FaultKind,
    /// How often, on calls it fits; left out: until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

impl From<FaultKind> for Fault {
    fn from(fault: FaultKind) -> Self {
        Self { fault, times: None }
    }
}

impl Fault {
    /// The next so many times only.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn set(&mut self, fault: Fault) {
        self.0.retain(|old| !same(old.fault, fault.fault));
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The fault of the first kind that `fits`, once.
    pub(crate) fn take<T>(&mut self, fits: impl Fn(FaultKind) -> Option<T>) -> Option<T> {
        let at = self.0.iter().position(|set| fits(set.fault).is_some())?;
        let set = self.0.get_mut(at)?;
        let value = fits(set.fault);
        if let Some(times) = &mut set.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(at);
            }
        }
        value
    }

    /// Whether this fault acts now; uses it up once.
    pub(crate) fn hits(&mut self, kind: FaultKind) -> bool {
        self.take(|set| (set == kind).then_some(())).is_some()
    }
}

/// Whether two are the same fault, whatever its value.
fn same(a: FaultKind, b: FaultKind) -> bool {
    std::mem::discriminant(&a) == std::mem::discriminant(&b)
}
