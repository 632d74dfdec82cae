//! What a sign-in shows on stderr while it lasts.

use std::{env, time::Duration};

use keylockr_client::{Client, proto::login::Progress};
use serde_json::json;

use super::code::{Ground, draw};
use crate::console::Console;

/// Back to the start of the line, and clear it.
const OVER: &str = "\r\x1b[K";

/// One report of a login.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) progress: Progress,
    /// When the attempt ends, by the client's monotonic clock.
    pub(crate) expires: Duration,
}

/// The screen.
#[derive(Debug)]
pub(crate) struct Show {
    console: Console,
    ground: Ground,
    status: Option<&'static str>,
    expires: Duration,
}

impl Show {
    pub(crate) fn new(console: Console, light: bool) -> Self {
        let ground = if console.colours_err() {
            Ground::Plate
        } else if light || background_is_light(env::var("COLORFGBG").ok().as_deref()) {
            Ground::Light
        } else {
            Ground::Dark
        };
        Self {
            console,
            ground,
            status: None,
            expires: Duration::ZERO,
        }
    }

    /// Something happened.
    pub(crate) fn step(&mut self, step: &Step, client: &Client) {
        self.expires = step.expires;
        let left = self.left(client);
        if self.console.is_json() {
            let line = match &step.progress {
                Progress::Connected(uri) => {
                    json!({ "step": "connected", "uri": uri.as_str(), "expires_in": left })
                }
                Progress::Authorized => json!({ "step": "authorized" }),
                _ => json!({ "step": "waiting" }),
            };
            self.console.note(&line.to_string());
            return;
        }
        self.clear();
        let status = match &step.progress {
            Progress::Connected(uri) => {
                if let Some(code) = draw(uri.as_str(), self.ground) {
                    self.console.part(&code);
                }
                self.console.note(uri.as_str());
                "Scan the code with the KeyLockr app. Waiting for the phone"
            }
            Progress::Authorized => "The phone said yes. Asking KeyLockr whether that holds",
            _ => "Asking KeyLockr for a code",
        };
        let news = self.status != Some(status);
        self.status = Some(status);
        if self.console.moves() {
            self.tick(client);
        } else if news {
            self.console.note(status);
        }
    }

    /// A second has passed.
    pub(crate) fn tick(&self, client: &Client) {
        let Some(status) = self.status else { return };
        let left = self.left(client);
        let (minutes, seconds) = (left / 60, left % 60);
        self.console
            .part(&format!("{OVER}{status} ({minutes}:{seconds:02} left)"));
    }

    /// Nothing more will happen.
    pub(crate) fn end(&mut self) {
        self.clear();
        self.status = None;
    }

    fn clear(&self) {
        if self.console.moves() && self.status.is_some() {
            self.console.part(OVER);
        }
    }

    fn left(&self, client: &Client) -> u64 {
        let left = self.expires.saturating_sub(client.now().elapsed);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}

/// `COLORFGBG`, where a terminal sets it: numbers of the palette, the last is the background.
fn background_is_light(variable: Option<&str>) -> bool {
    let last = variable.and_then(|value| value.rsplit(';').next()?.parse::<u8>().ok());
    matches!(last, Some(7 | 9..=15))
}

#[cfg(test)]
mod tests {
    use super::background_is_light;

    #[test]
    fn terminals_that_say_so_are_light() {
        for (value, light) in [
            (None, false),
            (Some(""), false),
            (Some("15;0"), false),
            (Some("0;15"), true),
            (Some("0;default;15"), true),
            (Some("0;7"), true),
            (Some("7;8"), false),
            (Some("0;default"), false),
        ] {
            assert_eq!(background_is_light(value), light, "{value:?}");
        }
    }
}
