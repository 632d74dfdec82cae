//! What the control API takes and gives: the same records for JSON and for the typed methods of
//! [`Emulator`](crate::Emulator).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Dialect family of a service, chosen when it is registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// The publicly documented dialect, named by `svc_id`.
    #[default]
    Seed,
    /// The dialect of services with App Data, named by `app_tag`.
    AppData,
}

/// What a service may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Sign-in only.
    #[default]
    Auth,
    /// Sign-in and one encrypted record for each user.
    Data,
}

/// What one record belongs to, in the appdata family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordScope {
    /// User, service and signing key.
    #[default]
    #[serde(alias = "default", alias = "sign_pk")]
    Connection,
    /// User and service: a new signing key finds the old record.
    Service,
}

/// A service to register; what is left out takes the control API's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewService {
    /// Permanent id; left out: the next free number.
    #[serde(default)]
    pub svc_id: Option<String>,
    /// Shown on the phone.
    pub title: String,
    /// Shown on the phone.
    pub url: String,
    /// For the developer; nobody else sees it.
    #[serde(default)]
    pub description: Option<String>,
    /// What the service may ask for.
    pub mode: Mode,
    /// Dialect family.
    #[serde(default)]
    pub family: Family,
    /// Revision of the appdata family, 1 or 2 (left out: 2).
    #[serde(default)]
    pub revision: Option<u8>,
    /// Name of the service in the appdata family; left out: `svc_id`.
    #[serde(default)]
    pub app_tag: Option<String>,
    /// Addresses that may call `app_verify`; left out: 127.0.0.1 and ::1, empty: nobody.
    #[serde(default)]
    pub server_ips: Option<Vec<String>>,
    /// Registered service key, base64.
    #[serde(default)]
    pub service_key: Option<String>,
    /// What one record belongs to.
    #[serde(default)]
    pub record_scope: RecordScope,
    /// Behaviours to switch on: `omit_res`, `embed_nonce`, `user_id_differs`.
    #[serde(default)]
    pub switches: Vec<String>,
}

impl NewService {
    /// A service of the seed family.
    pub fn seed(svc_id: &str, title: &str, mode: Mode) -> Self {
        Self {
            svc_id: Some(svc_id.to_owned()),
            title: title.to_owned(),
            url: "https://example.invalid".to_owned(),
            mode,
            ..Self::default()
        }
    }

    /// A service of the appdata family, revision 1 or 2, with App Data on.
    pub fn appdata(app_tag: &str, title: &str, revision: u8) -> Self {
        Self {
            app_tag: Some(app_tag.to_owned()),
            family: Family::AppData,
            revision: Some(revision),
            svc_id: Some(app_tag.to_owned()),
            ..Self::seed(app_tag, title, Mode::Data)
        }
    }
}

/// The names of a registered service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceNames {
    /// Permanent id.
    pub svc_id: String,
    /// Name in the appdata family.
    pub app_tag: String,
}

/// A registered service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Permanent id.
    pub svc_id: String,
    /// Name in the appdata family.
    pub app_tag: String,
    /// Shown on the phone.
    pub title: String,
    /// Shown on the phone.
    pub url: String,
    /// What the service may ask for.
    pub mode: Mode,
    /// Dialect family.
    pub family: Family,
    /// Revision of the appdata family.
    pub revision: u8,
    /// Addresses that may call `app_verify`.
    pub server_ips: Vec<String>,
    /// Behaviours switched on.
    pub switches: Vec<String>,
}

/// A user of the emulator and the phone that goes with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Name in the control API.
    pub user: String,
    /// Stable identifier that services see.
    pub safe_id: String,
    /// Shown to services.
    pub nickname: String,
    /// A locked phone hands out no filekeys.
    pub locked: bool,
    /// Filekeys are handed out without asking.
    pub standing: bool,
}

/// A login attempt that was neither approved nor denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Id of the attempt; what the QR code holds.
    pub tmp_id: String,
    /// Name of the service: `svc_id` (seed) or `app_tag` (appdata).
    pub svc_id: String,
    /// What the client called itself in its handshake.
    pub name: String,
    /// Its socket is open.
    pub connected: bool,
    /// Seconds since the handshake.
    pub age: u64,
}

/// An authorised connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Id of the connection.
    pub app_id: String,
    /// Name of the service.
    pub svc_id: String,
    /// Name of the user in the control API.
    pub user: String,
    /// The user's stable identifier.
    pub safe_id: String,
    /// Name of the connection, as the phone shows it.
    pub name: String,
    /// Not revoked.
    pub alive: bool,
    /// The phone shows a question about this connection's filekey.
    pub filekey_asked: bool,
    /// A socket of this connection is open.
    pub connected: bool,
}

/// What the phone shows after a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Id of the attempt.
    pub tmp_id: String,
    /// Title of the service.
    pub title: String,
    /// Address of the service.
    pub url: String,
    /// What the client called itself.
    pub name: String,
    /// App Data is asked for.
    pub app_data: bool,
}

/// An approval: `"tmp id".into()` is alice, at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approve {
    /// The attempt.
    pub tmp_id: String,
    /// Who approves; nobody named: `alice`.
    pub user: Option<String>,
    /// How long the phone waits before the service hears of it.
    pub delay: Duration,
}

impl From<&str> for Approve {
    fn from(tmp_id: &str) -> Self {
        Self {
            tmp_id: tmp_id.to_owned(),
            ..Self::default()
        }
    }
}

impl From<String> for Approve {
    fn from(tmp_id: String) -> Self {
        Self {
            tmp_id,
            ..Self::default()
        }
    }
}

/// What an approval gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Id of the connection.
    pub app_id: String,
    /// The user's stable identifier.
    pub safe_id: String,
}

/// Direction of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the client.
    C2s,
    /// From the emulator.
    S2c,
}

/// One frame that passed, decrypted; or the reason why it could not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// Which way.
    pub dir: Direction,
    /// Action or event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Unix seconds in the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<u64>,
    /// The body; binary is `{"$bin":"hex"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// `E_…` in place of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
