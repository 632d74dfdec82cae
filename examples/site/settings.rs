//! Everything the environment may set.

use std::{env, net::SocketAddr, str::FromStr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use unloq_webhooks::Secret;

use crate::Family;

/// What this run was asked to do.
pub(crate) struct Settings {
    /// `BIND`: where this site listens.
    pub(crate) bind: SocketAddr,
    /// `PUBLIC_ORIGIN`: where browsers reach it, if not there.
    pub(crate) public_origin: Option<String>,
    /// `KEYLOCKR_API`: the service; without it the emulator is started.
    pub(crate) api: Option<String>,
    /// `KEYLOCKR_SERVICE`: our name there.
    pub(crate) service: String,
    /// `KEYLOCKR_FAMILY`: `seed` or `appdata`.
    pub(crate) family: Family,
    /// `SEAL_KEY`: seals attempts at rest.
    pub(crate) seal_key: Option<[u8; 32]>,
    /// `LOGIN_LIMIT`: attempts started a minute and address.
    pub(crate) login_limit: u32,
    /// `ATTEMPT_LIFE`: how long a code is good for.
    pub(crate) attempt_life: Duration,
    /// `UNLOQ_SECRET`: what UNLOQ signs its web hooks with; without it there are none.
    pub(crate) unloq: Option<Secret>,
    /// `EMULATOR_LISTEN`, `EMULATOR_CONTROL`, `EMULATOR_HANDSHAKE_LIMIT`.
    pub(crate) emulator: EmulatorSettings,
}

/// The emulator's part of the [`Settings`].
pub(crate) struct EmulatorSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) control: SocketAddr,
    pub(crate) handshake_limit: u32,
}

impl Settings {
    /// Reads the environment; the error names the variable.
    pub(crate) fn from_env() -> Result<Self, String> {
        Self::read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        if variable("REDIS_URL").is_some() {
            return Err(
                "REDIS_URL: Redis is not supported yet; unset it to keep sessions and \
                        attempts in memory"
                    .to_owned(),
            );
        }
        let life = parse(&variable, "ATTEMPT_LIFE", 180, "seconds from 1 to 600")?;
        if !(1..=600).contains(&life) {
            return Err("ATTEMPT_LIFE: expected seconds from 1 to 600".to_owned());
        }
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self {
            bind: parse(
                &variable,
                "BIND",
                SocketAddr::from(([127, 0, 0, 1], 3000)),
                "an address such as 127.0.0.1:3000",
            )?,
            public_origin: variable("PUBLIC_ORIGIN"),
            api: variable("KEYLOCKR_API"),
            service: variable("KEYLOCKR_SERVICE").unwrap_or_else(|| "demo-data".to_owned()),
            family: match variable("KEYLOCKR_FAMILY").as_deref() {
                None | Some("seed") => Family::Seed,
                Some("appdata") => Family::AppData,
                Some(_) => return Err("KEYLOCKR_FAMILY: expected seed or appdata".to_owned()),
            },
            seal_key: variable("SEAL_KEY")
                .map(|text| seal_key(&text))
                .transpose()?,
            login_limit: parse(&variable, "LOGIN_LIMIT", 10, "a number, 0 for no limit")?,
            attempt_life: Duration::from_secs(life),
            unloq: variable("UNLOQ_SECRET")
                .map(Secret::new)
                .transpose()
                .map_err(|error| format!("UNLOQ_SECRET: {error}"))?,
            emulator: EmulatorSettings {
                listen: parse(&variable, "EMULATOR_LISTEN", free, "a loopback address")?,
                control: parse(&variable, "EMULATOR_CONTROL", free, "a loopback address")?,
                handshake_limit: parse(&variable, "EMULATOR_HANDSHAKE_LIMIT", 60, "a number")?,
            },
        })
    }
}

fn parse<T: FromStr>(
    variable: impl Fn(&str) -> Option<String>,
    name: &str,
    default: T,
    expected: &str,
) -> Result<T, String> {
    match variable(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| format!("{name}: expected {expected}")),
    }
}

fn seal_key(text: &str) -> Result<[u8; 32], String> {
    STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| "SEAL_KEY: expected 32 bytes in base64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(|name| {
            pairs
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_is_the_demo() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.bind.to_string(), "127.0.0.1:3000");
        assert_eq!(settings.service, "demo-data");
        assert_eq!(settings.login_limit, 10);
        assert_eq!(settings.attempt_life, Duration::from_secs(180));
        assert_eq!(settings.emulator.handshake_limit, 60);
        assert!(settings.api.is_none() && settings.seal_key.is_none() && settings.unloq.is_none());
    }

    #[test]
    fn every_mistake_names_its_variable() {
        for (name, value) in [
            ("BIND", "3000"),
            ("KEYLOCKR_FAMILY", "tree"),
            ("SEAL_KEY", "c2hvcnQ="),
            ("LOGIN_LIMIT", "-1"),
            ("ATTEMPT_LIFE", "601"),
            ("ATTEMPT_LIFE", "0"),
            ("EMULATOR_LISTEN", "nowhere"),
            ("EMULATOR_HANDSHAKE_LIMIT", "many"),
            ("REDIS_URL", "redis://127.0.0.1"),
            ("UNLOQ_SECRET", "a\0b"),
        ] {
            let error = with(&[(name, value)]).err().unwrap();
            assert!(error.starts_with(name), "{name}={value}: {error}");
        }
    }
}
