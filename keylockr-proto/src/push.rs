//! What the service says unasked (K 5.9).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::envelope::Message;
use crate::error::{Error, ErrorKind, ServerRefusal};
use crate::fields::{Fields, Origin, required};
use crate::filekey::{FilekeyBlob, FilekeyStatus};
use crate::id::{AppId, Family, Nickname, Revision, SafeId, TmpId, Ver};
use crate::msgpack::{Value, View};

/// An event. Those that this version does not know are kept, not dropped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Push {
    /// The connection stands.
    Connected,
    /// The phone has decided about the attempt.
    AuthResult(Box<AuthResult>),
    /// The phone has decided about the filekey.
    FilekeyResult(FilekeyStatus),
    /// The connection was renamed.
    Updated {
        /// The new name, cleaned for display; `None` when nothing was left.
        name: Option<Nickname>,
    },
    /// The user removed the connection.
    Deleted,
    /// The service wants a [`Pong`](crate::Pong).
    Ping,
    /// Something else.
    Other {
        /// The name of the event, or of an action that nobody waits for.
        name: String,
        /// Its body.
        body: Value,
    },
}

impl Push {
    /// Reads an event.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] when a known event does not have its form; [`ErrorKind::Peer`] when one
    /// other than the result of a login says `err`; [`ErrorKind::FilekeyShape`] for a filekey blob
    /// that is too large.
    pub fn decode(message: &Message, family: Family) -> Result<Self, Error> {
        let accepted = || Fields::accepted(message, Origin::Unasked, family);
        Ok(match message.name() {
            "connected" => {
                let status = accepted()?.text("status")?;
                if !matches!((family, status), (_, Some("ok")) | (Family::Seed, None)) {
                    return Err(ErrorKind::Shape.into());
                }
                Self::Connected
            }
            "app_auth_result" => Self::AuthResult(Box::new(AuthResult::read(message, family)?)),
            "app_filekey_result" => Self::FilekeyResult(FilekeyStatus::read(accepted()?)?),
            "app_updated" => Self::Updated {
                name: Nickname::parse(required(accepted()?.text("name")?)?),
            },
            "app_deleted" => {
                accepted()?;
                Self::Deleted
            }
            "ping" => {
                accepted()?;
                Self::Ping
            }
            name => Self::Other {
                name: name.to_string(),
                body: message.body().to_value(),
            },
        })
    }

    /// Whether a message of this name is an event of the protocol, as opposed to the answer to an
    /// action.
    pub fn is_event(name: &str) -> bool {
        matches!(
            name,
            "connected"
                | "app_auth_result"
                | "app_filekey_result"
                | "app_updated"
                | "app_deleted"
                | "ping"
        )
    }
}

/// `app_auth_result`: the end of an attempt, one way or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthResult {
    /// The revision whose rules this result follows. The seed family has only the first.
    pub revision: Revision,
    /// The attempt it belongs to. Revision 2 must name it, and it must be ours.
    pub tmp_id: Option<TmpId>,
    /// What was decided.
    pub outcome: AuthOutcome,
}

/// The phone's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthOutcome {
    /// Approved.
    Granted(Grant),
    /// Refused or failed: see [`ServerRefusal::is_denial`].
    Refused(ServerRefusal),
}

/// What an approval says. Ids have the form of their family and revision; that they are ours, and
/// that the capabilities are those asked for, is for the login to check (K 7.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The connection.
    pub app_id: AppId,
    /// The user.
    pub safe_id: SafeId,
    /// What was granted; appdata only.
    pub capabilities: Option<Capabilities>,
    /// The user's name, to show; revision 2 only.
    pub nickname: Option<Nickname>,
    /// The record's version; appdata only.
    pub ver: Option<Ver>,
    /// Bytes that the service can read: never secret, never to be trusted.
    pub data_plain: Option<Vec<u8>>,
    /// The record, `None` while there is no data.
    pub data_encrypted: Option<Vec<u8>>,
    /// The filekey, boxed by the phone; revision 2, for a registered service key.
    pub filekey: Option<FilekeyBlob>,
    /// The record was too large to come along: ask for it on the new connection.
    pub data_deferred: bool,
}

/// A set of granted capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    sso: bool,
    app_data: bool,
    others: bool,
}

impl Capabilities {
    fn read(view: View<'_>) -> Result<Self, Error> {
        let View::Array(items) = view else {
            return Err(ErrorKind::Shape.into());
        };
        let mut set = Self {
            sso: false,
            app_data: false,
            others: false,
        };
        for item in items.iter() {
            match item {
                View::Text("sso") => set.sso = true,
                View::Text("app_data") => set.app_data = true,
                View::Text(name) if !name.is_empty() => set.others = true,
                _ => return Err(ErrorKind::Shape.into()),
            }
        }
        Ok(set)
    }

    /// Whether this is exactly what was asked for: `sso`, and `app_data` if wanted. More is as
    /// wrong as less.
    pub fn are_exactly(self, app_data: bool) -> bool {
        self.sso && self.app_data == app_data && !self.others
    }
}

impl AuthResult {
    fn read(message: &Message, family: Family) -> Result<Self, Error> {
        let fields = Fields::of(message.body());
        let revision = revision_of(fields, family)?;
        let tmp_id = match (family, fields.get("tmp_id")) {
            (Family::AppData, Some(View::Text(id))) => Some(TmpId::parse(family, id)?),
            (Family::AppData, Some(_)) => return Err(ErrorKind::Shape.into()),
            _ => None,
        };
        let outcome = match Fields::accepted(message, Origin::Unasked, family) {
            Ok(fields) => outcome(fields, family, revision)?,
            Err(error) => match error.refusal() {
                Some(refusal) => AuthOutcome::Refused(refusal.clone()),
                None => return Err(error),
            },
        };
        Ok(Self {
            revision,
            tmp_id,
            outcome,
        })
    }
}

/// Inside appdata the revision shows in what the result carries (K 10).
fn revision_of(fields: Fields<'_>, family: Family) -> Result<Revision, Error> {
    let second = family == Family::AppData
        && (fields.exact("tmp_id").is_some()
            || fields.exact("data_filekey").is_some()
            || fields.text("status")? == Some("error"));
    Ok(if second { Revision::Two } else { Revision::One })
}

fn outcome(fields: Fields<'_>, family: Family, revision: Revision) -> Result<AuthOutcome, Error> {
    // The status is judged before any other field is looked at.
    match (fields.text("status")?, family) {
        (Some("done"), _) | (None, Family::Seed) => {}
        (Some("error"), _) => return Ok(AuthOutcome::Refused(fields.refusal())),
        _ => return Err(ErrorKind::Shape.into()),
    }
    let app_id = match family {
        Family::Seed => "sso_client_id",
        Family::AppData => "app_id",
    };
    let mut grant = Grant {
        app_id: AppId::from_view(family, revision, required(fields.get(app_id))?)?,
        safe_id: SafeId::from_view(family, revision, required(fields.get("safe_id"))?)?,
        capabilities: None,
        nickname: None,
        ver: None,
        data_plain: fields.bin("data_plain")?.map(<[u8]>::to_vec),
        data_encrypted: fields.record("data_encrypted")?.map(<[u8]>::to_vec),
        filekey: None,
        data_deferred: false,
    };
    if family == Family::AppData {
        grant.read_app_data(fields, revision)?;
    }
    Ok(AuthOutcome::Granted(grant))
}

impl Grant {
    /// The fields that only the appdata family has.
    fn read_app_data(&mut self, fields: Fields<'_>, revision: Revision) -> Result<(), Error> {
        let capabilities = Capabilities::read(required(fields.get("capabilities"))?)?;
        self.capabilities = Some(capabilities);
        self.ver = fields.ver()?;
        // A sign-in alone has no record, hence no version and nothing plain.
        if capabilities.app_data {
            required(self.ver.as_ref())?;
        }
        match revision {
            Revision::One => {
                let plain = self
                    .data_plain
                    .as_ref()
                    .is_some_and(|data| !data.is_empty());
                if capabilities.app_data && !plain {
                    return Err(ErrorKind::Shape.into());
                }
            }
            Revision::Two => {
                self.nickname = fields.nickname("user_nickname")?;
                self.filekey = fields
                    .bin("data_filekey")?
                    .map(FilekeyBlob::from_bytes)
                    .transpose()?;
                self.data_deferred = match fields.exact("data_deferred") {
                    None => false,
                    Some(View::Bool(true)) => true,
                    Some(_) => return Err(ErrorKind::Shape.into()),
                };
                let inline =
                    fields.get("data_plain").is_some() || fields.get("data_encrypted").is_some();
                if self.data_deferred && inline {
                    return Err(ErrorKind::Shape.into());
                }
            }
        }
        Ok(())
    }
}
