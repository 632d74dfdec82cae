//! What the card shows in each state: one table, used to write the HTML and handed to the script.

use serde_json::{Map, Value};

use super::texts::{Text, Texts};

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// The status, and after a colon the error code that has words of its own.
    pub(super) key: &'static str,
    pub(super) words: Text,
    /// The label of the button that starts anew.
    pub(super) start: Option<Text>,
    /// The button that exchanges the approval for a session, without JavaScript.
    pub(super) finish: bool,
    /// The code and its link for the same device.
    pub(super) code: bool,
    pub(super) cancel: bool,
    /// The link to where the person was going.
    pub(super) go: bool,
    /// The link to where the person came from.
    pub(super) back: bool,
    /// Something is still going to happen.
    pub(super) live: bool,
    /// The error code is shown in small print.
    pub(super) detail: bool,
}

const fn state(key: &'static str, words: Text) -> State {
    State {
        key,
        words,
        start: None,
        finish: false,
        code: false,
        cancel: false,
        go: false,
        back: false,
        live: false,
        detail: false,
    }
}

impl State {
    const fn live(self) -> State {
        State {
            live: true,
            cancel: true,
            ..self
        }
    }
    const fn code(self) -> State {
        State { code: true, ..self }
    }
    const fn ended(self, start: Text) -> State {
        State {
            start: Some(start),
            back: true,
            ..self
        }
    }
    const fn detailed(self) -> State {
        State {
            detail: true,
            ..self
        }
    }
    const fn go(self) -> State {
        State { go: true, ..self }
    }
}

/// The table. `signed` and `signed_nameless` are the script's: the session exists.
pub(super) const STATES: &[State] = &[
    State {
        start: Some(Text::ShowCode),
        ..state("none", Text::Ready)
    },
    state("waiting", Text::Waiting).live(),
    state("connected", Text::Connected).live().code(),
    state("authorized", Text::Authorized).live(),
    state("unlock", Text::Unlock).live(),
    State {
        finish: true,
        ..state("done", Text::Approved)
    },
    state("signed", Text::Done).go(),
    state("signed_nameless", Text::DoneNameless).go(),
    state("denied", Text::Denied).ended(Text::TryAgain),
    state("expired", Text::Expired).ended(Text::NewCode),
    state("cancelled", Text::Cancelled).ended(Text::StartAgain),
    state("cancelled:replaced", Text::Replaced).ended(Text::UseThisTab),
    state("cancelled:signed_in", Text::SignedIn).go(),
    state("failed", Text::Failed)
        .ended(Text::TryAgain)
        .detailed(),
    // Trouble of the site itself, or of the way to it: it would be untrue to blame KeyLockr, and where
    // an answer may have been lost, to say that nothing was changed.
    state("failed:network", Text::SiteUnreachable).ended(Text::TryAgain),
    state("failed:site", Text::Unavailable)
        .ended(Text::TryAgain)
        .detailed(),
    state("failed:stopped", Text::Unavailable)
        .ended(Text::TryAgain)
        .detailed(),
    state("failed:store_unavailable", Text::Unavailable)
        .ended(Text::TryAgain)
        .detailed(),
    state("failed:cannot_tell", Text::Unavailable)
        .ended(Text::TryAgain)
        .detailed(),
    state("failed:cross_origin", Text::Unavailable)
        .ended(Text::TryAgain)
        .detailed(),
    state("failed:full", Text::Full).ended(Text::TryAgain),
    state("failed:too_many", Text::TooMany).ended(Text::TryAgain),
    state("failed:not_verified", Text::NotConfirmed)
        .ended(Text::TryAgain)
        .detailed(),
    state("failed:not_admitted", Text::NotAdmitted).ended(Text::TryAgain),
    state("failed:foreign_attempt", Text::Cookies).ended(Text::TryAgain),
];

/// The line for a status and its error code. A status that this page does not know is `failed`:
/// nothing is claimed that may be untrue.
pub(super) fn find(status: &str, code: Option<&str>) -> State {
    let exact = code.and_then(|code| {
        STATES
            .iter()
            .find(|state| state.key.split_once(':') == Some((status, code)))
    });
    let plain = || STATES.iter().find(|state| state.key == status);
    exact.or_else(plain).copied().unwrap_or(
        state("failed", Text::Failed)
            .ended(Text::TryAgain)
            .detailed(),
    )
}

/// The table with its words, for the script.
pub(super) fn to_json(texts: &Texts) -> String {
    let mut all = Map::new();
    for state in STATES {
        let mut line = Map::new();
        line.insert("words".into(), texts.get(state.words).into());
        if let Some(label) = state.start {
            line.insert("start".into(), texts.get(label).into());
        }
        for (name, on) in [
            ("code", state.code),
            ("cancel", state.cancel),
            ("go", state.go),
            ("back", state.back),
            ("live", state.live),
            ("detail", state.detail),
        ] {
            if on {
                line.insert(name.into(), Value::Bool(true));
            }
        }
        all.insert(state.key.into(), Value::Object(line));
    }
    let mut root = Map::new();
    root.insert("states".into(), Value::Object(all));
    for (name, text) in [
        ("offline", Text::Offline),
        ("hint", Text::OpenHint),
        ("time", Text::TimeLeft),
        ("detail", Text::ErrorCode),
    ] {
        root.insert(name.into(), texts.get(text).into());
    }
    Value::Object(root).to_string()
}
