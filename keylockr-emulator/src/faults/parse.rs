//! Faults from their names and arguments, and back.

use serde_json::{Value as Json, json};

use super::{
    kind::{DropWhen, Fault, FaultKind},
    table::{FAULTS, Known},
};
use crate::error::ControlError;

impl Fault {
    /// A fault by its name in the control API; `args` as there: an array, one bare value or an
    /// object by name, null for the defaults.
    ///
    /// # Errors
    /// An unknown name (404) or arguments that do not fit (400).
    pub fn parse(name: &str, args: &Json) -> Result<Self, ControlError> {
        let known = FAULTS
            .iter()
            .find(|known| known.name == name)
            .ok_or_else(|| ControlError::unknown("fault", name))?;
        Ok(kind(name, &Args::read(known, args)?)?.into())
    }
}

/// Arguments in the order of the table; null where none was given.
struct Args<'a>(Vec<&'a Json>);

impl<'a> Args<'a> {
    fn read(known: &Known, args: &'a Json) -> Result<Self, ControlError> {
        let given: Vec<&Json> = match args {
            Json::Null => Vec::new(),
            Json::Array(items) => items.iter().collect(),
            Json::Object(members) => {
                if members
                    .keys()
                    .any(|name| !known.args.contains(&name.as_str()))
                {
                    return Err(refused());
                }
                known
                    .args
                    .iter()
                    .map(|name| members.get(*name).unwrap_or(&Json::Null))
                    .collect()
            }
            bare => vec![bare],
        };
        if given.len() > known.args.len() {
            Err(refused())
        } else {
            Ok(Self(given))
        }
    }

    fn first(&self) -> Option<&'a Json> {
        self.0.first().copied().filter(|value| !value.is_null())
    }

    fn text(&self, default: &str) -> Result<String, ControlError> {
        match self.first() {
            None => Ok(default.to_owned()),
            Some(Json::String(text)) if !text.is_empty() && text.len() <= 256 => Ok(text.clone()),
            Some(_) => Err(refused()),
        }
    }

    fn signed(&self, default: i64) -> Result<i64, ControlError> {
        self.first()
            .map_or(Ok(default), |value| value.as_i64().ok_or_else(refused))
    }

    fn number<T: TryFrom<u64>>(&self, default: T) -> Result<T, ControlError> {
        match self.first() {
            None => Ok(default),
            Some(value) => value
                .as_u64()
                .and_then(|n| T::try_from(n).ok())
                .ok_or_else(refused),
        }
    }
}

fn refused() -> ControlError {
    ControlError::malformed("args do not fit the fault")
}

/// Largest frame that `oversized` makes.
const MAX_OVERSIZED: usize = 64 << 20;

fn kind(name: &str, args: &Args<'_>) -> Result<FaultKind, ControlError> {
    Ok(match name {
        "clock_skew" => FaultKind::ClockSkew {
            seconds: args.signed(120)?,
        },
        "stale_ts" => FaultKind::StaleTs {
            seconds: args.number(3600)?,
        },
        "future_ts" => FaultKind::FutureTs {
            seconds: args.number(3600)?,
        },
        "oversized" => {
            let bytes = args.number(65_537)?;
            if !(65_537..=MAX_OVERSIZED).contains(&bytes) {
                return Err(refused());
            }
            FaultKind::Oversized { bytes }
        }
        "wrong_phase" => FaultKind::WrongPhase {
            event: args.text("app_updated")?,
        },
        "slow_phone" => FaultKind::SlowPhone {
            seconds: args.number(5)?,
        },
        "error_code" => FaultKind::ErrorCode {
            code: args.text("app_auth_error")?,
        },
        "safe_auth_required" => FaultKind::SafeAuthRequired {
            seconds: args.number(5)?,
        },
        "ver_conflict" => FaultKind::VerConflict {
            writes: args.number(1)?,
        },
        "verify_timeout" => FaultKind::VerifyTimeout {
            seconds: args.number(60)?,
        },
        "drop_socket" => FaultKind::DropSocket {
            when: drop_when(&args.text("now")?)?,
        },
        "rename" => FaultKind::Rename {
            name: args.text("Renamed on the phone")?,
        },
        _ => plain(name).ok_or_else(|| ControlError::unknown("fault", name))?,
    })
}

/// `now`, `request`, `before:EVENT`, `after:EVENT`; a bare event is after it.
fn drop_when(text: &str) -> Result<DropWhen, ControlError> {
    let event = |name: &str| match name.trim_matches(|c: char| !c.is_alphanumeric()) {
        "" => Err(refused()),
        "result" | "auth_result" | "approve" => Ok("app_auth_result".to_owned()),
        name => Ok(name.to_owned()),
    };
    match text {
        "now" => Ok(DropWhen::Now),
        "request" => Ok(DropWhen::Request),
        _ => match (text.strip_prefix("before"), text.strip_prefix("after")) {
            (Some(name), _) => event(name).map(DropWhen::Before),
            (_, Some(name)) => event(name).map(DropWhen::After),
            _ => event(text).map(DropWhen::After),
        },
    }
}

macro_rules! plain {
    ($($name:literal => $kind:ident,)*) => {
        fn plain(name: &str) -> Option<FaultKind> {
            match name {
                $($name => Some(FaultKind::$kind),)*
                _ => None,
            }
        }

        impl FaultKind {
            /// Its name in the control API.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                    Self::ClockSkew { .. } => "clock_skew",
                    Self::StaleTs { .. } => "stale_ts",
                    Self::FutureTs { .. } => "future_ts",
                    Self::Oversized { .. } => "oversized",
                    Self::WrongPhase { .. } => "wrong_phase",
                    Self::SlowPhone { .. } => "slow_phone",
                    Self::ErrorCode { .. } => "error_code",
                    Self::SafeAuthRequired { .. } => "safe_auth_required",
                    Self::VerConflict { .. } => "ver_conflict",
                    Self::VerifyTimeout { .. } => "verify_timeout",
                    Self::DropSocket { .. } => "drop_socket",
                    Self::Rename { .. } => "rename",
                }
            }
        }
    };
}

plain! {
    "client_clock_bad" => ClientClockBad,
    "bad_seal" => BadSeal,
    "seal_wrong_key" => SealWrongKey,
    "seal_noncanonical" => SealNoncanonical,
    "bad_box" => BadBox,
    "wrong_recipient" => WrongRecipient,
    "noncanonical_wire" => NoncanonicalWire,
    "go_int64" => GoInt64,
    "embed_nonce" => EmbedNonce,
    "extra_members" => ExtraMembers,
    "replay_same" => ReplaySame,
    "replay_reencoded" => ReplayReencoded,
    "replay_cross_attempt" => ReplayCrossAttempt,
    "truncated" => Truncated,
    "trailing" => Trailing,
    "deep" => Deep,
    "dup_key" => DupKey,
    "length_bomb" => LengthBomb,
    "raw_bad_index" => RawBadIndex,
    "raw_collision" => RawCollision,
    "no_connected" => NoConnected,
    "no_phone" => NoPhone,
    "deny" => Deny,
    "deny_as_err" => DenyAsErr,
    "filekey_deny" => FilekeyDeny,
    "wrong_tmp_id" => WrongTmpId,
    "missing_tmp_id" => MissingTmpId,
    "extra_capability" => ExtraCapability,
    "missing_capability" => MissingCapability,
    "bad_id" => BadId,
    "sender_swap" => SenderSwap,
    "bad_filekey" => BadFilekey,
    "short_filekey" => ShortFilekey,
    "ver_same" => VerSame,
    "set_lost_ack" => SetLostAck,
    "record_rollback" => RecordRollback,
    "record_swap" => RecordSwap,
    "app_file_not_found" => AppFileNotFound,
    "sso_data_not_approved" => SsoDataNotApproved,
    "app_tag_invalid" => AppTagInvalid,
    "sso_service_invalid" => SsoServiceInvalid,
    "ip_not_allowed" => IpNotAllowed,
    "verify_false" => VerifyFalse,
    "verify_garbage" => VerifyGarbage,
    "http_500" => Http500,
    "foreign_service" => ForeignService,
    "duplicate_push" => DuplicatePush,
    "push_before_answer" => PushBeforeAnswer,
    "revoke" => Revoke,
    "rotate_keys" => RotateKeys,
    "weak_server_key" => WeakServerKey,
}

impl FaultKind {
    /// Its arguments by name, as the control API lists them.
    pub(crate) fn args(&self) -> Json {
        match self {
            Self::ClockSkew { seconds } => json!({ "s": seconds }),
            Self::StaleTs { seconds }
            | Self::FutureTs { seconds }
            | Self::SlowPhone { seconds }
            | Self::SafeAuthRequired { seconds }
            | Self::VerifyTimeout { seconds } => json!({ "s": seconds }),
            Self::Oversized { bytes } => json!({ "n": bytes }),
            Self::VerConflict { writes } => json!({ "n": writes }),
            Self::WrongPhase { event } => json!({ "event": event }),
            Self::ErrorCode { code } => json!({ "c": code }),
            Self::Rename { name } => json!({ "name": name }),
            Self::DropSocket { when } => match when {
                DropWhen::Now => json!({ "when": "now" }),
                DropWhen::Request => json!({ "when": "request" }),
                DropWhen::Before(event) => json!({ "when": format!("before:{event}") }),
                DropWhen::After(event) => json!({ "when": format!("after:{event}") }),
            },
            _ => json!({}),
        }
    }
}
