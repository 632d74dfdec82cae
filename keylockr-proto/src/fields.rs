//! Reading the members of a body: present or not, and of the right type. A nil member counts as
//! absent.

use crate::envelope::Message;
use crate::error::{Error, ErrorKind, ServerRefusal};
use crate::id::{Family, Nickname, Ver};
use crate::msgpack::{MapView, View};

/// The members of one body.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(MapView<'a>);

/// Whether a body may do without `_res` (K 3.7, 11.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The answer to an action: never.
    Reply,
    /// A push, or the handshake's answer: in the seed family it may.
    Unasked,
}

impl<'a> Fields<'a> {
    /// The members, without any judgement.
    pub(crate) fn of(body: MapView<'a>) -> Self {
        Self(body)
    }

    /// The members of a message whose `_res` says ok. Nothing else of a refusal is looked at.
    pub(crate) fn accepted(
        message: &'a Message,
        origin: Origin,
        family: Family,
    ) -> Result<Self, Error> {
        let fields = Self(message.body());
        fields.check_result(origin, family)?;
        match fields.text("action")? {
            Some(action) if action != message.name() => Err(ErrorKind::Shape.into()),
            _ => Ok(fields),
        }
    }

    /// Judges `_res`.
    pub(crate) fn check_result(self, origin: Origin, family: Family) -> Result<(), Error> {
        match self.text("_res")? {
            Some("ok") => Ok(()),
            Some("err") => Err(self.refusal().into()),
            None if (origin, family) == (Origin::Unasked, Family::Seed) => Ok(()),
            _ => Err(ErrorKind::Shape.into()),
        }
    }

    /// `code` and `msg` of a refusal; a code that is missing or no text is an empty one.
    pub(crate) fn refusal(self) -> ServerRefusal {
        let text = |name| match self.0.get(name) {
            Some(View::Text(text)) => Some(text),
            _ => None,
        };
        ServerRefusal::new(text("code").unwrap_or_default(), text("msg"))
    }

    /// The member, unless it is nil.
    pub(crate) fn get(self, name: &str) -> Option<View<'a>> {
        self.0.get(name).filter(|value| *value != View::Nil)
    }

    /// The member as it is, nil included.
    pub(crate) fn exact(self, name: &str) -> Option<View<'a>> {
        self.0.get(name)
    }

    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(View::Text(text)) => Ok(Some(text)),
            Some(_) => Err(ErrorKind::Shape.into()),
        }
    }

    pub(crate) fn bin(self, name: &str) -> Result<Option<&'a [u8]>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(View::Bin(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(ErrorKind::Shape.into()),
        }
    }

    /// A record: no bytes are no record yet.
    pub(crate) fn record(self, name: &str) -> Result<Option<&'a [u8]>, Error> {
        Ok(self.bin(name)?.filter(|bytes| !bytes.is_empty()))
    }

    pub(crate) fn ver(self) -> Result<Option<Ver>, Error> {
        self.text("ver")?.map(Ver::parse).transpose()
    }

    pub(crate) fn nickname(self, name: &str) -> Result<Option<Nickname>, Error> {
        Ok(self.text(name)?.and_then(Nickname::parse))
    }
}

/// A required member.
pub(crate) fn required<T>(member: Option<T>) -> Result<T, Error> {
    member.ok_or_else(|| ErrorKind::Shape.into())
}
