//! Applications: what an owner sets in UNLOQ's dashboard.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Hook, HookEvent};
use crate::error::ControlError;

/// API key of the application that is there from the start.
const DEMO_KEY: &str = "demo-unloq-key";
/// Its widget key.
const DEMO_WIDGET: &str = "demo-unloq-widget";
/// What signs its hooks.
const DEMO_SECRET: &str = "demo-unloq-secret";

/// Characters of a personal key; what is set must lie in between, both included.
const KEY_SIZES: std::ops::RangeInclusive<usize> = 1..=4096;
/// Seconds that UNLOQ can be set to wait for a device (unloq.md 4.1).
const APPROVAL_SECONDS: std::ops::RangeInclusive<u64> = 10..=40;

/// How an application gets at personal keys (unloq.md 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// With each login; asking for one is refused.
    Widget,
    /// By asking, each time approved; never with a login.
    #[default]
    ApiOnly,
    /// Both.
    Always,
}

impl KeyMode {
    pub(crate) fn by_login(self) -> bool {
        matches!(self, Self::Widget | Self::Always)
    }

    pub(crate) fn by_asking(self) -> bool {
        matches!(self, Self::ApiOnly | Self::Always)
    }
}

/// The RSA padding of the devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// RSAES-PKCS1-v1_5.
    #[default]
    Pkcs1V15,
    /// RSAES-OAEP, SHA-1 for hash and MGF1, empty label.
    OaepSha1,
    /// RSAES-OAEP, SHA-256 for hash and MGF1, empty label.
    OaepSha256,
}

/// The generation of the answers (unloq.md 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// `{"type","result"}` and `{"error":{…}}`.
    #[default]
    Current,
    /// `{"type":"success","data"}` and `{"type":"error","code","message"}`.
    Legacy,
}

/// What an application is set to. The default is the application `demo`, so that
/// `AppSettings { mode: KeyMode::Always, ..AppSettings::default() }` is a change of it.
///
/// `Debug` does not show the keys and the secrets.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppSettings {
    /// Shown on the device.
    pub name: String,
    /// Bearer key of its calls, and its name in the control API.
    pub api_key: String,
    /// Public id of its login widget.
    pub widget_key: String,
    /// API secret: signs its hooks. Set another one to rotate it.
    pub secret: String,
    /// Where the widget and mailed links lead, `?token=` appended; without one there are neither.
    pub return_url: Option<String>,
    /// Registered hooks.
    pub hooks: BTreeMap<HookEvent, Hook>,
    /// How personal keys are got at.
    pub mode: KeyMode,
    /// Padding of its users' devices.
    pub padding: Padding,
    /// Characters of a personal key, 1 to 4096, for keys that are not made yet.
    pub key_size: usize,
    /// Generation of the answers.
    pub envelope: Envelope,
    /// Seconds that a device has to answer, 10 to 40.
    pub approval_seconds: u64,
    /// Whether `/authenticate?events=true` gives a stream; if not, an ordinary answer.
    pub events: bool,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            name: "Demo".to_owned(),
            api_key: DEMO_KEY.to_owned(),
            widget_key: DEMO_WIDGET.to_owned(),
            secret: DEMO_SECRET.to_owned(),
            return_url: None,
            hooks: BTreeMap::new(),
            mode: KeyMode::default(),
            padding: Padding::default(),
            key_size: 32,
            envelope: Envelope::default(),
            approval_seconds: 30,
            events: true,
        }
    }
}

impl AppSettings {
    /// A second application: keys and secret of its own, everything else as `demo`.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            api_key: format!("{name}-unloq-key"),
            widget_key: format!("{name}-unloq-widget"),
            secret: format!("{name}-unloq-secret"),
            ..Self::default()
        }
    }

    /// How long a device has to answer.
    pub(crate) fn approval_time(&self) -> Duration {
        Duration::from_secs(self.approval_seconds)
    }

    /// Whether UNLOQ would take them.
    pub(crate) fn check(&self) -> Result<(), ControlError> {
        let token = |text: &str| {
            (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let problem = if self.name.is_empty() || self.name.chars().count() > 64 {
            "name has 1 to 64 characters"
        } else if !token(&self.api_key) || !token(&self.widget_key) {
            "api_key and widget_key have 1 to 256 printable characters"
        } else if self.secret.is_empty() || self.secret.len() > 256 || self.secret.contains('\0') {
            "secret has 1 to 256 bytes and no NUL"
        } else if !KEY_SIZES.contains(&self.key_size) {
            "key_size is 1 to 4096"
        } else if !APPROVAL_SECONDS.contains(&self.approval_seconds) {
            "approval_seconds is 10 to 40"
        } else if self.return_url.as_deref().is_some_and(|url| !is_web(url)) {
            "return_url is not an http or https address"
        } else {
            return self.hooks.values().try_for_each(Hook::check);
        };
        Err(ControlError::malformed(problem))
    }

    pub(crate) fn view(&self) -> App {
        App {
            name: self.name.clone(),
            api_key: self.api_key.clone(),
            widget_key: self.widget_key.clone(),
            return_url: self.return_url.clone(),
            mode: self.mode,
            padding: self.padding,
            envelope: self.envelope,
            hooks: self.hooks.keys().copied().collect(),
        }
    }
}

impl fmt::Debug for AppSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppSettings")
            .field("name", &self.name)
            .field("mode", &self.mode)
            .field("padding", &self.padding)
            .finish_non_exhaustive()
    }
}

/// An application as the control API shows it: without its secrets.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct App {
    /// Shown on the device.
    pub name: String,
    /// Bearer key of its calls, and its name in the control API.
    pub api_key: String,
    /// Public id of its login widget.
    pub widget_key: String,
    /// Where the widget leads.
    pub return_url: Option<String>,
    /// How personal keys are got at.
    pub mode: KeyMode,
    /// Padding of its users' devices.
    pub padding: Padding,
    /// Generation of the answers.
    pub envelope: Envelope,
    /// Events that have a hook.
    pub hooks: Vec<HookEvent>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// An address that a browser is sent to: one line of ASCII, no fragment that would swallow the
/// token.
fn is_web(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && url.len() <= 2048
            && url
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte))
    })
}
