//! Names and numbers that travel as text, each a type of its own: parsed once, printed as they came
//! (K 6).

use alloc::string::{String, ToString};
use core::cmp::Ordering;
use core::fmt;

use crate::error::{Error, ErrorKind};
use crate::msgpack::View;

/// The dialect family: configuration, because the handshakes differ and a guess would be an error
/// the user sees (K 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// The publicly documented dialect.
    Seed,
    /// The dialect of the deployed clients.
    AppData,
}

/// The revision inside the appdata family, detected for each attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// The result does not name the attempt it belongs to.
    One,
    /// The result names the attempt it belongs to.
    Two,
}

/// Which service a login is for, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Named by `svc_id`.
    Seed {
        /// The service.
        svc_id: SvcId,
        /// The record's label inside the service; needed for app data only.
        app_tag: Option<AppTag>,
    },
    /// Named by `app_tag`.
    AppData {
        /// The service.
        app_tag: AppTag,
        /// Whether app data is asked for, beside the sign-in itself.
        app_data: bool,
        /// The oldest revision accepted. Fixed box keys need [`Revision::Two`].
        minimum: Revision,
    },
}

impl Service {
    /// The family that speaks for this service.
    pub fn family(&self) -> Family {
        match self {
            Self::Seed { .. } => Family::Seed,
            Self::AppData { .. } => Family::AppData,
        }
    }

    /// The text that names the service to the server: `svc_id` or `app_tag`.
    pub fn name_on_wire(&self) -> &str {
        match self {
            Self::Seed { svc_id, .. } => svc_id.as_str(),
            Self::AppData { app_tag, .. } => app_tag.as_str(),
        }
    }

    /// Whether the login asks for app data.
    pub fn wants_app_data(&self) -> bool {
        match self {
            Self::Seed { app_tag, .. } => app_tag.is_some(),
            Self::AppData { app_data, .. } => *app_data,
        }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text as it travels.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

mod shown;

pub(crate) use shown::plain_text;
pub use shown::{DisplayName, Nickname};

text_id! {
    /// The permanent id of a registered service.
    SvcId
}

text_id! {
    /// A service's tag (appdata), or a record's label inside a service (seed).
    AppTag
}

text_id! {
    /// The id of one login attempt.
    TmpId
}

text_id! {
    /// The permanent id of one authorised connection.
    AppId
}

text_id! {
    /// The stable identifier of a user within a service. Not a secret and never a proof of
    /// anything: it counts up.
    SafeId
}

text_id! {
    /// The version of a record. Opaque but for [`Ver::is_older_than`].
    Ver
}

impl SvcId {
    /// From configuration.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] unless it is 1 to 128 bytes without control characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        label(text).map(Self)
    }
}

impl AppTag {
    /// From configuration.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] unless it is 1 to 128 bytes without control characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        label(text).map(Self)
    }
}

impl TmpId {
    /// From the service's answer. It is going to be signed and drawn, so its alphabet is checked
    /// first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] outside the family's alphabet and length.
    pub fn parse(family: Family, text: &str) -> Result<Self, Error> {
        let fits = match family {
            Family::Seed => {
                (1..=128).contains(&text.len())
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            }
            Family::AppData => {
                text.len() == 36 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            }
        };
        if !fits {
            return Err(ErrorKind::Shape.into());
        }
        Ok(Self(text.to_string()))
    }

    /// Comparison in constant time, for a `tmp_id` that a frame claims to belong to.
    pub fn matches(&self, other: &Self) -> bool {
        crate::primitives::equal(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl AppId {
    /// From a stored or received text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] outside the rules of the family and revision. The seed family has one
    /// rule for both.
    pub fn parse(family: Family, revision: Revision, text: &str) -> Result<Self, Error> {
        connection_id(family, revision, text).map(Self)
    }

    pub(crate) fn from_view(
        family: Family,
        revision: Revision,
        view: View<'_>,
    ) -> Result<Self, Error> {
        id_from_view(family, revision, view).map(Self)
    }
}

impl SafeId {
    /// From a stored or received text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] outside the rules of the family and revision. The seed family has one
    /// rule for both.
    pub fn parse(family: Family, revision: Revision, text: &str) -> Result<Self, Error> {
        connection_id(family, revision, text).map(Self)
    }

    pub(crate) fn from_view(
        family: Family,
        revision: Revision,
        view: View<'_>,
    ) -> Result<Self, Error> {
        id_from_view(family, revision, view).map(Self)
    }
}

impl Ver {
    /// From a stored or received text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] unless it is decimal digits.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ErrorKind::Shape.into());
        }
        Ok(Self(text.to_string()))
    }

    /// Whether this is a smaller number than `other`: the sign of a record rolled back (K 8.4). Two
    /// versions that are written differently may be neither older nor newer than each other, and
    /// are still not equal.
    pub fn is_older_than(&self, other: &Self) -> bool {
        let (ours, theirs) = (
            self.0.trim_start_matches('0'),
            other.0.trim_start_matches('0'),
        );
        ours.len().cmp(&theirs.len()).then_with(|| ours.cmp(theirs)) == Ordering::Less
    }
}

/// Who sends on a connection: an attempt before the approval, an authorised connection after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// `tmp.{tmp_id}`
    Tmp(TmpId),
    /// `app.{app id}`
    App(AppId),
}

impl Identity {
    /// Reads what a client calls itself, by the wider rules of the seed family.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Identity`] for an unknown type or an id that no family issues.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = || Error::from(ErrorKind::Identity);
        let (kind, id) = text.split_once('.').ok_or_else(malformed)?;
        match kind {
            "tmp" => TmpId::parse(Family::Seed, id).map(Self::Tmp),
            "app" => AppId::parse(Family::Seed, Revision::One, id).map(Self::App),
            _ => return Err(malformed()),
        }
        .map_err(|_| malformed())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tmp(id) => write!(f, "tmp.{id}"),
            Self::App(id) => write!(f, "app.{id}"),
        }
    }
}

fn label(text: &str) -> Result<String, Error> {
    if !(1..=128).contains(&text.len()) || text.chars().any(char::is_control) {
        return Err(ErrorKind::Shape.into());
    }
    Ok(text.to_string())
}

fn connection_id(family: Family, revision: Revision, text: &str) -> Result<String, Error> {
    let fits = match (family, revision) {
        (Family::AppData, Revision::Two) => is_serial(text),
        _ => (1..=128).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c == '.'),
    };
    if !fits {
        return Err(ErrorKind::Shape.into());
    }
    Ok(text.to_string())
}

/// A positive database serial of 31 bits, without sign, zeros in front or spaces.
fn is_serial(text: &str) -> bool {
    (1..=10).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u64>().is_ok_and(|n| n <= 2_147_483_647)
}

fn id_from_view(family: Family, revision: Revision, view: View<'_>) -> Result<String, Error> {
    let strict = (family, revision) == (Family::AppData, Revision::Two);
    match view {
        View::Text(text) => connection_id(family, revision, text),
        View::Int(number) if !strict => Ok(number.to_string()),
        View::UInt(number) if !strict => Ok(number.to_string()),
        _ => Err(ErrorKind::Shape.into()),
    }
}
