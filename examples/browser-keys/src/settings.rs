//! Everything the environment may set: what the larger examples know, as far as it applies here.

use std::{env, error::Error, net::SocketAddr, str::FromStr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keylockr_emulator::Emulator;
use keylockr_tower::{Family, KeyLockr};

/// What this run was asked to do.
pub(crate) struct Settings {
    /// `BIND`: where this site listens.
    pub(crate) bind: SocketAddr,
    /// `PUBLIC_ORIGIN`: where browsers reach it, if not there.
    pub(crate) public_origin: Option<String>,
    /// `KEYLOCKR_FAMILY`: `seed` or `appdata`.
    pub(crate) family: Family,
    api: Option<String>,
    service: String,
    seal_key: Option<[u8; 32]>,
    login_limit: u32,
    attempt_life: Duration,
    emulator_listen: SocketAddr,
    emulator_control: SocketAddr,
    emulator_handshake_limit: u32,
}

impl Settings {
    /// Reads the environment; the error names the variable.
    pub(crate) fn from_env() -> Result<Self, String> {
        Self::read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let life = parse(&variable, "ATTEMPT_LIFE", 180, "seconds from 1 to 600")?;
        if !(1..=600).contains(&life) {
            return Err("ATTEMPT_LIFE: expected seconds from 1 to 600".to_owned());
        }
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let address = "an address such as 127.0.0.1:3000";
        Ok(Self {
            bind: parse(&variable, "BIND", local(3000), address)?,
            public_origin: variable("PUBLIC_ORIGIN"),
            family: match variable("KEYLOCKR_FAMILY").as_deref() {
                None | Some("seed") => Family::Seed,
                Some("appdata") => Family::AppData,
                Some(_) => return Err("KEYLOCKR_FAMILY: expected seed or appdata".to_owned()),
            },
            api: variable("KEYLOCKR_API"),
            service: variable("KEYLOCKR_SERVICE").unwrap_or_else(|| "demo-data".to_owned()),
            seal_key: match variable("SEAL_KEY") {
                None => None,
                Some(text) => {
                    let key = STANDARD
                        .decode(text)
                        .ok()
                        .and_then(|key| key.try_into().ok());
                    Some(key.ok_or("SEAL_KEY: expected 32 bytes in base64")?)
                }
            },
            login_limit: parse(&variable, "LOGIN_LIMIT", 10, "a number, 0 for no limit")?,
            attempt_life: Duration::from_secs(life),
            emulator_listen: parse(&variable, "EMULATOR_LISTEN", local(0), "a loopback address")?,
            emulator_control: parse(
                &variable,
                "EMULATOR_CONTROL",
                local(0),
                "a loopback address",
            )?,
            emulator_handshake_limit: parse(&variable, "EMULATOR_HANDSHAKE_LIMIT", 60, "a number")?,
        })
    }

    /// The service that people sign in with, and the emulator that plays it where there is no other.
    pub(crate) async fn service(&self) -> Result<(String, Option<Emulator>), Box<dyn Error>> {
        if let Some(api) = &self.api {
            return Ok((api.clone(), None));
        }
        let emulator = Emulator::builder()
            .listen(self.emulator_listen)
            .control(self.emulator_control)
            .handshake_limit(self.emulator_handshake_limit)
            .start()
            .await?;
        Ok((emulator.api(), Some(emulator)))
    }

    /// The login service. Nothing here says that the keys are the browser's: `challenge` and
    /// `verify` are among its routes anyway.
    pub(crate) fn keylockr(&self, api: &str, origin: &str) -> Result<KeyLockr, Box<dyn Error>> {
        let mut builder = KeyLockr::builder(&self.service, "Acme Notes")
            .api(api)
            .family(self.family)
            .public_origin(origin)
            .attempt_life(self.attempt_life)
            .start_limit(self.login_limit);
        if let Some(key) = self.seal_key {
            builder = builder.seal_key(key);
        }
        Ok(builder.build()?)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(|name| {
            let mut pairs = pairs.iter();
            let pair = pairs.find(|(known, _)| *known == name)?;
            Some(pair.1.to_owned())
        })
    }

    #[test]
    fn nothing_set_is_the_demo() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.bind.to_string(), "127.0.0.1:3000");
        assert_eq!(settings.service, "demo-data");
        assert_eq!(settings.login_limit, 10);
        assert!(settings.api.is_none() && settings.seal_key.is_none());
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
        ] {
            let error = with(&[(name, value)]).err().unwrap();
            assert!(error.starts_with(name), "{name}={value}: {error}");
        }
    }
}
