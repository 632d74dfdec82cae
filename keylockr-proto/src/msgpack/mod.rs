//! The canonical writer and the strict, bounded reader of K 2.
//!
//! Reading builds no tree. [`Document::parse`] walks the input once, within fixed limits and
//! without trusting a declared length, and from then on a [`View`] reads values where they lie. So
//! what a hostile message costs is known beforehand: a few bytes for each value, never a multiple
//! of what it *says* it holds.

mod read;
mod value;
mod view;
mod walk;
mod write;

pub use read::Document;
pub use value::Value;
pub use view::{ArrayView, MapView, View};

pub(crate) use read::Head;
pub(crate) use view::{RawItems, RawPlaces};
pub(crate) use walk::{MAX_DEPTH, MAX_VALUES, Span, Walk};
pub(crate) use write::{Length, Sink, Writer};
