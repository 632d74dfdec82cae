//! The site that the suite asks for, whatever the framework: its settings and its admit hook.

use std::sync::Arc;

use keylockr_emulator::conformance::{Admission, Admissions, AdmitMode, Setup};
use keylockr_login::{
    AccountUnavailable, Admit, Direction, Family, KeyLockr, Limits, ListedSession, NotAdmitted,
    Revision, SessionPolicy, SignIn, Text, Texts, VaultConfig,
};

use serde_json::{Value, json};

use crate::attempts::SwitchedAttempts;

pub(crate) fn keylockr(setup: &Setup, origin: &str) -> KeyLockr {
    let mut limits = Limits::default().with_starts_a_minute(setup.start_limit);
    if let Some(attempts) = setup.live_attempts {
        limits = limits.with_attempts(attempts);
    }
    let mut builder = KeyLockr::builder(&setup.service, &setup.site_title);
    if let Some(tag) = &setup.app_tag {
        builder = builder.app_tag(tag);
    }
    if setup.vault {
        builder = builder
            .vault(VaultConfig::new())
            .filekey_at_sign_in(setup.filekey_at_sign_in);
    }
    if setup.keys_for_words {
        let keys = Texts::new("ar", Direction::Rtl);
        let keys = Text::ALL.iter().fold(keys, |keys, text| {
            keys.with(*text, format!("‹{}›", text.key()))
        });
        builder = builder.texts(Texts::english()).texts(keys);
    }
    builder
        .api(&setup.api)
        .family(match setup.family {
            "appdata" => Family::AppData,
            _ => Family::Seed,
        })
        .ask_app_data(setup.ask_app_data)
        .minimum_revision(match setup.minimum_revision {
            2 => Revision::Two,
            _ => Revision::One,
        })
        .public_origin(origin)
        .attempt_life(setup.attempt_life)
        .limits(limits)
        .attempts(Arc::new(SwitchedAttempts::new(setup.attempt_store.clone())))
        .trusted_proxies(setup.trusted_proxies.iter().copied())
        .session(
            SessionPolicy::default()
                .with_idle(setup.idle)
                .with_absolute(setup.absolute)
                .with_recheck(setup.recheck)
                .with_grace(setup.grace),
        )
        .keep_connection(setup.keep_connection)
        .delete_connection_on_logout(setup.delete_connection_on_logout)
        .carry_over(&setup.carry_over)
        .admit(Door {
            mode: setup.admit,
            seen: setup.admissions.clone(),
        })
        .build()
        .expect("a configuration that works")
}

/// The application's admit hook.
struct Door {
    mode: AdmitMode,
    seen: Admissions,
}

impl Admit for Door {
    type Account = String;

    async fn admit(&self, sign_in: SignIn<'_>) -> Result<String, NotAdmitted> {
        let safe_id = sign_in.principal().safe_id();
        self.seen.note(Admission {
            safe_id: safe_id.to_owned(),
            address: sign_in.address(),
            agent: sign_in.agent().map(ToOwned::to_owned),
            time: sign_in.time().as_secs(),
        });
        match self.mode {
            AdmitMode::Everyone => Ok(format!("account of {safe_id}")),
            AdmitMode::Nobody => Err(NotAdmitted::Refused),
            _ => Err(NotAdmitted::Unavailable),
        }
    }

    async fn load(
        &self,
        user: &keylockr_login::User,
    ) -> Result<Option<String>, AccountUnavailable> {
        Ok(Some(format!("account of {}", user.safe_id())))
    }
}

/// A person's sessions as the suite wants them; `here` is the handle of the one that asks.
pub(crate) fn sessions(sessions: &[ListedSession], here: &str) -> Value {
    let session = |session: &ListedSession| {
        let (handle, browser) = (&session.handle, &session.browser);
        json!({ "handle": handle, "browser": browser, "here": handle == here })
    };
    sessions.iter().map(session).collect()
}
