//! What a frame can carry as its body.

use crate::msgpack::{MAX_DEPTH, MAX_VALUES, MapView, Sink, Value, View, Writer};

/// The body of a message to be sealed: a map.
///
/// It is one of these, and nothing else can be: a [`Value`] that is a map; a [`MapView`] of a
/// document; or an array of names, rising, with what each of them holds, which borrows what is
/// large:
///
/// ```
/// use keylockr_proto::{Body, View};
///
/// let record = [7; 4096];
/// let body = [("data_enc", View::Bin(&record)), ("ver", View::Text("17"))];
/// # fn takes(_: &impl Body) {}
/// # takes(&body);
/// ```
pub trait Body: sealed::Sealed {}

impl Body for Value {}
impl Body for MapView<'_> {}
impl Body for [(&str, View<'_>)] {}
impl<const N: usize> Body for [(&str, View<'_>); N] {}

mod sealed {
    use super::{MapView, Value, View};

    #[expect(unnameable_types, reason = "only this crate makes bodies")]
    pub trait Sealed {
        fn source(&self) -> Source<'_>;
    }

    #[derive(Clone, Copy, Debug)]
    #[expect(unnameable_types, reason = "only this crate reads them")]
    pub enum Source<'b> {
        Value(&'b Value),
        Map(MapView<'b>),
        Members(&'b [(&'b str, View<'b>)]),
    }
}

pub(super) use sealed::Source;

impl sealed::Sealed for Value {
    fn source(&self) -> Source<'_> {
        Source::Value(self)
    }
}

impl sealed::Sealed for MapView<'_> {
    fn source(&self) -> Source<'_> {
        Source::Map(*self)
    }
}

impl sealed::Sealed for [(&str, View<'_>)] {
    fn source(&self) -> Source<'_> {
        Source::Members(self)
    }
}

impl<const N: usize> sealed::Sealed for [(&str, View<'_>); N] {
    fn source(&self) -> Source<'_> {
        Source::Members(self)
    }
}

impl Source<'_> {
    /// Whether a reader that holds to K 2.2 takes it. It lies one map deep in the box, beside a
    /// header of six values.
    pub(super) fn is_acceptable(self) -> bool {
        let mut room = Room(MAX_VALUES - 8);
        match self {
            Self::Value(value) => matches!(value, Value::Map(_)) && room.fits(value, 1),
            Self::Map(map) => room.fits_view(View::Map(map), 1),
            Self::Members(members) => {
                room.take(1 + members.len())
                    && members.is_sorted_by(|(one, _), (next, _)| one < next)
                    && members.iter().all(|(_, view)| room.fits_view(*view, 2))
            }
        }
    }

    pub(super) fn write(self, out: &mut Writer<'_, impl Sink>) {
        match self {
            Self::Value(value) => out.value(value),
            Self::Map(map) => out.view(View::Map(map)),
            Self::Members(members) => {
                out.map(members.len());
                for (name, view) in members {
                    out.text(name);
                    out.view(*view);
                }
            }
        }
    }
}

/// The values that a reader still takes.
struct Room(usize);

impl Room {
    fn take(&mut self, values: usize) -> bool {
        let rest = self.0.checked_sub(values);
        self.0 = rest.unwrap_or(0);
        rest.is_some()
    }

    fn fits(&mut self, value: &Value, depth: usize) -> bool {
        depth <= MAX_DEPTH
            && match value {
                Value::Array(items) => {
                    self.take(1) && items.iter().all(|item| self.fits(item, depth + 1))
                }
                Value::Map(members) => {
                    self.take(1 + members.len())
                        && members.values().all(|item| self.fits(item, depth + 1))
                }
                _ => self.take(1),
            }
    }

    fn fits_view(&mut self, view: View<'_>, depth: usize) -> bool {
        depth <= MAX_DEPTH
            && match view {
                View::Array(items) => {
                    self.take(1) && items.iter().all(|item| self.fits_view(item, depth + 1))
                }
                View::Map(members) => {
                    self.take(1 + members.len())
                        && members
                            .iter()
                            .all(|(_, item)| self.fits_view(item, depth + 1))
                }
                _ => self.take(1),
            }
    }
}
