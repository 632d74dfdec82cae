//! What a client asks of the service, one type for each action, with what comes back (K 5.8).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::envelope::Message;
use crate::error::{Error, ErrorKind};
use crate::fields::{Fields, Origin, required};
use crate::filekey::FilekeyStatus;
use crate::id::{AppId, DisplayName, Family, Nickname, Revision, SafeId, Ver};
use crate::keys::BoxPublic;
use crate::msgpack::{Value, View};

/// Largest record accepted for writing, so that its frame stays within the limit (K 8.5).
pub const MAX_RECORD: usize = 61_440;
/// Above this size the seed family sends a record beside the box as well (K 11.10).
const SEED_RAW_FROM: usize = 16_384;

mod sealed {
    #[expect(unnameable_types, reason = "that is what closes the trait built on it")]
    pub trait Sealed {}
}

/// An action: what to send, and how to read the answer. Closed, because the protocol names them
/// all.
///
/// There are no request ids: an answer is matched by its name, so keep one request of a kind in
/// flight (K 3.9).
pub trait Action: sealed::Sealed {
    /// The name in the header, of the action and of its answer.
    const NAME: &'static str;
    /// What a good answer says.
    type Reply;

    /// What to send.
    fn params(&self) -> Params<'_>;

    /// Reads the answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Peer`] when the service refused, with its [words](Error::refusal);
    /// [`ErrorKind::Shape`] for an answer of another name or form.
    fn reply(&self, message: &Message, family: Family) -> Result<Self::Reply, Error>;
}

/// The body of an action, and the binaries that travel beside its box.
#[derive(Debug)]
pub struct Params<'a> {
    /// A map.
    pub body: Value,
    /// What the body's `__` members refer to.
    pub raw: Vec<&'a [u8]>,
}

impl Params<'_> {
    fn none() -> Self {
        Self::of(Value::map())
    }

    fn of(body: Value) -> Self {
        Self {
            body,
            raw: Vec::new(),
        }
    }
}

/// Has the phone answered? Seed family, before the approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppConnectReq;

/// How the attempt stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectReply {
    /// No decision yet; ask again.
    Pending,
    /// Approved.
    Done(ConnectDone),
    /// Declined; final.
    Denied,
    /// Too late; final.
    Expired,
}

/// What the poll tells about an approval. It must agree with the push, where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectDone {
    /// The connection.
    pub app_id: Option<AppId>,
    /// The user.
    pub user_id: Option<SafeId>,
    /// The user's name, to show.
    pub nickname: Option<Nickname>,
    /// The phone's box key: the sender of a filekey whose blob names none.
    pub user_enc_pk: Option<BoxPublic>,
}

impl sealed::Sealed for AppConnectReq {}

impl Action for AppConnectReq {
    const NAME: &'static str = "app_connect_req";
    type Reply = ConnectReply;

    fn params(&self) -> Params<'_> {
        Params::none()
    }

    fn reply(&self, message: &Message, family: Family) -> Result<ConnectReply, Error> {
        let fields = answer::<Self>(message, family)?;
        // The status is judged before any other field is looked at.
        match required(fields.text("status")?)? {
            "done" => {}
            "denied" => return Ok(ConnectReply::Denied),
            "expired" => return Ok(ConnectReply::Expired),
            _ => return Ok(ConnectReply::Pending),
        }
        let id = |name| fields.get(name);
        Ok(ConnectReply::Done(ConnectDone {
            app_id: id("app_id")
                .map(|id| AppId::from_view(family, Revision::One, id))
                .transpose()?,
            user_id: id("user_id")
                .map(|id| SafeId::from_view(family, Revision::One, id))
                .transpose()?,
            nickname: fields.nickname("user_nickname")?,
            user_enc_pk: fields
                .bin("user_enc_pk")?
                .map(|key| {
                    <&[u8; 32]>::try_from(key)
                        .map_err(|_| ErrorKind::Shape.into())
                        .and_then(BoxPublic::from_bytes)
                })
                .transpose()?,
        }))
    }
}

/// Ask the phone for the filekey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppReqFilekey;

impl sealed::Sealed for AppReqFilekey {}

impl Action for AppReqFilekey {
    const NAME: &'static str = "app_req_filekey";
    type Reply = FilekeyStatus;

    fn params(&self) -> Params<'_> {
        Params::none()
    }

    fn reply(&self, message: &Message, family: Family) -> Result<FilekeyStatus, Error> {
        FilekeyStatus::read(answer::<Self>(message, family)?)
    }
}

/// Read the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppGetData;

/// A record as the service keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataReply {
    /// Bytes that the service can read: never secret, never to be trusted.
    pub data_plain: Option<Vec<u8>>,
    /// The record, `None` while there is no data.
    pub data_encrypted: Option<Vec<u8>>,
    /// Its version; appdata only, and always there.
    pub ver: Option<Ver>,
}

impl sealed::Sealed for AppGetData {}

impl Action for AppGetData {
    const NAME: &'static str = "app_get_data";
    type Reply = DataReply;

    fn params(&self) -> Params<'_> {
        Params::none()
    }

    fn reply(&self, message: &Message, family: Family) -> Result<DataReply, Error> {
        let fields = answer::<Self>(message, family)?;
        let ver = match family {
            Family::Seed => None,
            Family::AppData => Some(required(fields.ver()?)?),
        };
        Ok(DataReply {
            data_plain: fields.bin("data_plain")?.map(<[u8]>::to_vec),
            data_encrypted: fields.record("data_encrypted")?.map(<[u8]>::to_vec),
            ver,
        })
    }
}

/// Write the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSetData {
    data_enc: Vec<u8>,
    ver: Option<Ver>,
}

impl AppSetData {
    /// The code that says that somebody else wrote in between.
    pub const CONFLICT: &'static str = "file_ver_conflict";

    /// Seed family: the last write wins.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Size`] above [`MAX_RECORD`].
    pub fn seed(data_enc: Vec<u8>) -> Result<Self, Error> {
        Self::new(data_enc, None)
    }

    /// Appdata family: the write succeeds only on the version it was made from.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Size`] above [`MAX_RECORD`].
    pub fn app_data(data_enc: Vec<u8>, ver: Ver) -> Result<Self, Error> {
        Self::new(data_enc, Some(ver))
    }

    fn new(data_enc: Vec<u8>, ver: Option<Ver>) -> Result<Self, Error> {
        if data_enc.len() > MAX_RECORD {
            return Err(ErrorKind::Size.into());
        }
        Ok(Self { data_enc, ver })
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetDataReply {
    /// The stored file; appdata only, and always there.
    pub file_id: Option<String>,
    /// The new version, different from the old one; appdata only, and always there.
    pub ver: Option<Ver>,
}

impl sealed::Sealed for AppSetData {}

impl Action for AppSetData {
    const NAME: &'static str = "app_set_data";
    type Reply = SetDataReply;

    fn params(&self) -> Params<'_> {
        let beside = self.ver.is_some() || self.data_enc.len() > SEED_RAW_FROM;
        let ver = self.ver.iter().map(|ver| ("ver", ver.as_str().into()));
        if beside {
            Params {
                body: Value::from_members([("data_enc__", Value::Int(0))].into_iter().chain(ver)),
                raw: [self.data_enc.as_slice()].into(),
            }
        } else {
            let data = ("data_enc", self.data_enc.as_slice().into());
            Params::of(Value::from_members([data].into_iter().chain(ver)))
        }
    }

    fn reply(&self, message: &Message, family: Family) -> Result<SetDataReply, Error> {
        let fields = answer::<Self>(message, family)?;
        if family == Family::Seed {
            return Ok(SetDataReply {
                file_id: None,
                ver: None,
            });
        }
        let file_id = required(fields.text("file_id")?.filter(|id| !id.is_empty()))?;
        let ver = required(fields.ver()?)?;
        // A write that leaves the version alone cannot be told from one that did not happen.
        if self.ver.as_ref() == Some(&ver) {
            return Err(ErrorKind::Shape.into());
        }
        Ok(SetDataReply {
            file_id: Some(file_id.to_string()),
            ver: Some(ver),
        })
    }
}

/// Rename the connection on the user's phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppUpdate {
    /// The new name.
    pub name: DisplayName,
}

impl sealed::Sealed for AppUpdate {}

impl Action for AppUpdate {
    const NAME: &'static str = "app_update";
    /// The name as the service took it, cleaned for display.
    type Reply = Option<Nickname>;

    fn params(&self) -> Params<'_> {
        Params::of(Value::from_members([("name", self.name.as_str().into())]))
    }

    fn reply(&self, message: &Message, family: Family) -> Result<Option<Nickname>, Error> {
        let fields = answer::<Self>(message, family)?;
        Ok(Nickname::parse(required(fields.text("name")?)?))
    }
}

/// Remove the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppDel;

impl sealed::Sealed for AppDel {}

impl Action for AppDel {
    const NAME: &'static str = "app_del";
    /// `id_deleted`. It must be our own connection; the caller knows which that is.
    type Reply = AppId;

    fn params(&self) -> Params<'_> {
        Params::none()
    }

    fn reply(&self, message: &Message, family: Family) -> Result<AppId, Error> {
        let fields = answer::<Self>(message, family)?;
        let id: View<'_> = required(fields.get("id_deleted"))?;
        AppId::from_view(family, Revision::One, id)
    }
}

/// The answer to a ping. Nothing answers it in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pong;

impl sealed::Sealed for Pong {}

impl Action for Pong {
    const NAME: &'static str = "pong";
    type Reply = ();

    fn params(&self) -> Params<'_> {
        Params::none()
    }

    fn reply(&self, _: &Message, _: Family) -> Result<(), Error> {
        Err(ErrorKind::Shape.into())
    }
}

/// The fields of a good answer to this action.
fn answer<A: Action>(message: &Message, family: Family) -> Result<Fields<'_>, Error> {
    if message.name() != A::NAME {
        return Err(ErrorKind::Shape.into());
    }
    Fields::accepted(message, Origin::Reply, family)
}
