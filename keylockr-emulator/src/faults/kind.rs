//! The faults by name, with their arguments.

/// What goes wrong. Names, arguments and the right reaction of a client are those of the
/// control API; `GET /_emu/v1/faults` lists them with both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the table in faults/table.rs describes each, for people and for the page"
)]
pub enum FaultKind {
    ClockSkew { seconds: i64 },
    StaleTs { seconds: u64 },
    FutureTs { seconds: u64 },
    ClientClockBad,
    BadSeal,
    SealWrongKey,
    SealNoncanonical,
    BadBox,
    WrongRecipient,
    NoncanonicalWire,
    GoInt64,
    EmbedNonce,
    ExtraMembers,
    ReplaySame,
    ReplayReencoded,
    ReplayCrossAttempt,
    Truncated,
    Trailing,
    Deep,
    DupKey,
    LengthBomb,
    Oversized { bytes: usize },
    RawBadIndex,
    RawCollision,
    WrongPhase { event: String },
    NoConnected,
    SlowPhone { seconds: u64 },
    NoPhone,
    Deny,
    DenyAsErr,
    ErrorCode { code: String },
    SafeAuthRequired { seconds: u64 },
    FilekeyDeny,
    WrongTmpId,
    MissingTmpId,
    ExtraCapability,
    MissingCapability,
    BadId,
    SenderSwap,
    BadFilekey,
    ShortFilekey,
    VerConflict { writes: u32 },
    VerSame,
    SetLostAck,
    RecordRollback,
    RecordSwap,
    AppFileNotFound,
    SsoDataNotApproved,
    AppTagInvalid,
    SsoServiceInvalid,
    IpNotAllowed,
    VerifyFalse,
    VerifyGarbage,
    VerifyTimeout { seconds: u64 },
    Http500,
    ForeignService,
    DropSocket { when: DropWhen },
    DuplicatePush,
    PushBeforeAnswer,
    Revoke,
    Rename { name: String },
    RotateKeys,
    WeakServerKey,
}

/// When `drop_socket` cuts the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropWhen {
    /// As soon as the fault is set: every open socket in its scope.
    Now,
    /// Instead of sending this frame (a push is kept and sent on the next connect).
    Before(String),
    /// Right after sending this frame.
    After(String),
    /// When a request arrives, before it is looked at.
    Request,
}

/// A fault with its reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// On how many frames or calls; `None`: until the faults are cleared.
    pub times: Option<u32>,
    /// Only for this attempt.
    pub tmp_id: Option<String>,
    /// Only for this connection.
    pub app_id: Option<String>,
}

impl Fault {
    /// Acts on the next `times` frames or calls it fits.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Acts on this attempt only.
    #[must_use]
    pub fn for_attempt(mut self, tmp_id: impl Into<String>) -> Self {
        self.tmp_id = Some(tmp_id.into());
        self
    }

    /// Acts on this connection only.
    #[must_use]
    pub fn for_connection(mut self, app_id: impl Into<String>) -> Self {
        self.app_id = Some(app_id.into());
        self
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self {
            kind,
            times: None,
            tmp_id: None,
            app_id: None,
        }
    }
}
