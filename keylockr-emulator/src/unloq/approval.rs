//! Approvals: one question on one device.

use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApprovalKind {
    /// To sign in.
    Authentication,
    /// To do one thing.
    Authorization,
    /// To hand out the personal key.
    EncryptionKey,
}

/// How far an approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApprovalStatus {
    /// Nobody has answered.
    New,
    /// The user said yes.
    Approved,
    /// The user said no.
    Denied,
    /// Nobody answered in time.
    Timeout,
}

/// A question on a device, as the control API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its name, here and in UNLOQ's API.
    pub id: String,
    /// What is asked for.
    pub kind: ApprovalKind,
    /// How far it is.
    pub status: ApprovalStatus,
    /// Who is asked.
    pub unloq_id: u64,
    /// The address of who is asked.
    pub email: String,
    /// Name of the application.
    pub app: String,
    /// What the application says, or the text of the action.
    pub message: Option<String>,
    /// What the user knows the operation by.
    pub reference: Option<String>,
    /// Name and value of the action's variables, or of the free ones.
    pub variables: Vec<(String, String)>,
    /// Address of the browser, as the application told it.
    pub ip: Option<String>,
    /// Who wants the personal key, where it is somebody else.
    pub requester: Option<String>,
    /// The personal key will be encrypted for a key of the application's.
    pub encrypted: bool,
    /// Seconds since it was asked.
    pub age: u64,
}
