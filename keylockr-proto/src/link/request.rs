use alloc::vec::Vec;
use core::fmt;

use crate::action::{
    Action, AppDel, AppGetData, AppReqFilekey, AppSetData, AppUpdate, DataReply, SetDataReply,
};
use crate::envelope::Message;
use crate::error::{Error, ErrorKind, ServerRefusal};
use crate::filekey::FilekeyStatus;
use crate::id::{DisplayName, Family, Nickname, Ver};

/// The caller's name for a request. It is not on the wire, and comes back with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What can be asked of the service over a link (K 5.8).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Ask the phone for the filekey.
    ReqFilekey,
    /// Read the record.
    GetData,
    /// Write the record.
    SetData {
        /// The encrypted record.
        data_enc: Vec<u8>,
        /// The version it replaces: needed in the appdata family, unknown in the seed family.
        ver: Option<Ver>,
    },
    /// Rename the connection on the phone.
    Update {
        /// The new name.
        name: DisplayName,
    },
    /// Remove the connection. It ends this link.
    Delete,
}

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// To [`Request::ReqFilekey`]. When the phone has to be unlocked first, a
    /// [`LinkEvent::FilekeyResult`](super::LinkEvent::FilekeyResult) follows.
    Filekey(FilekeyStatus),
    /// To [`Request::GetData`].
    Data(DataReply),
    /// To [`Request::SetData`].
    Stored(SetDataReply),
    /// To [`Request::Update`].
    Updated {
        /// The name as the service took it.
        name: Option<Nickname>,
    },
    /// To [`Request::Delete`].
    Deleted,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The service refused.
    Refused(ServerRefusal),
    /// No answer within 15 s. Whether it had an effect is unknown.
    TimedOut,
    /// The connection was lost with the request on its way. Whether it had an effect is unknown.
    ConnectionLost,
    /// It had no connection, or not its turn, for 15 s, or none can be had now. It was not sent.
    NotSent,
    /// It cannot be sent as it is, or the answer cannot be read.
    Protocol(ErrorKind),
    /// Too many requests wait already.
    Busy,
    /// The link is over. The request was not sent: one on its way when the link ends is
    /// [`ConnectionLost`](Self::ConnectionLost).
    Closed,
}

impl RequestError {
    /// Whether the request may have had its effect all the same: read before you ask again.
    pub fn effect_is_unknown(&self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::ConnectionLost | Self::Protocol(_)
        )
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::ConnectionLost => f.write_str("the connection was lost before the answer"),
            Self::NotSent => f.write_str("no connection, or not its turn, in time: not sent"),
            Self::Protocol(kind) => write!(f, "request or answer is malformed ({kind})"),
            Self::Busy => f.write_str("too many requests wait"),
            Self::Closed => f.write_str("the link is over"),
        }
    }
}

impl core::error::Error for RequestError {}

/// A request in the form that goes out.
#[derive(Debug)]
pub(crate) enum Job {
    ReqFilekey(AppReqFilekey),
    GetData(AppGetData),
    SetData(AppSetData),
    Update(AppUpdate),
    Delete(AppDel),
}

/// An answer as it came in.
pub(crate) enum Answered {
    Reply(Reply),
    /// `id_deleted` must be ours; the link knows.
    Deleted(crate::id::AppId),
}

impl Job {
    pub(crate) fn new(request: Request, family: Family) -> Result<Self, Error> {
        Ok(match request {
            Request::ReqFilekey => Self::ReqFilekey(AppReqFilekey),
            Request::GetData => Self::GetData(AppGetData),
            Request::SetData { data_enc, ver } => Self::SetData(match (family, ver) {
                (Family::Seed, _) => AppSetData::seed(data_enc)?,
                (Family::AppData, Some(ver)) => AppSetData::app_data(data_enc, ver)?,
                (Family::AppData, None) => return Err(ErrorKind::Shape.into()),
            }),
            Request::Update { name } => Self::Update(AppUpdate { name }),
            Request::Delete => Self::Delete(AppDel),
        })
    }

    /// The name that the answer must carry.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::ReqFilekey(_) => AppReqFilekey::NAME,
            Self::GetData(_) => AppGetData::NAME,
            Self::SetData(_) => AppSetData::NAME,
            Self::Update(_) => AppUpdate::NAME,
            Self::Delete(_) => AppDel::NAME,
        }
    }

    /// Reads the answer to this request.
    pub(crate) fn read(&self, message: &Message, family: Family) -> Result<Answered, Error> {
        Ok(Answered::Reply(match self {
            Self::ReqFilekey(action) => Reply::Filekey(action.reply(message, family)?),
            Self::GetData(action) => Reply::Data(action.reply(message, family)?),
            Self::SetData(action) => Reply::Stored(action.reply(message, family)?),
            Self::Update(action) => Reply::Updated {
                name: action.reply(message, family)?,
            },
            Self::Delete(action) => return Ok(Answered::Deleted(action.reply(message, family)?)),
        }))
    }
}
