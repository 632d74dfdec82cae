use core::fmt;

use super::{Message, Opened};
use crate::time::{UnixTime, Window};

/// A frame was refused. Which check failed is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl core::error::Error for Refused {}

impl Refused {
    pub(super) fn or_fresh<B: AsRef<[u8]>>(
        opened: Option<Opened<B>>,
        now: UnixTime,
        window: Window,
    ) -> Result<Message<B>, Self> {
        opened.ok_or(Self)?.fresh(now, window).map_err(|_| Self)
    }
}
