//! Everything the environment may set.

use std::{env, net::SocketAddr, str::FromStr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use unloq_client::Client;
use unloq_webhooks::Secret;
use url::Url;

use crate::Family;

/// What this run was asked to do.
pub(crate) struct Settings {
    /// `BIND`: where this site listens.
    pub(crate) bind: SocketAddr,
    /// `PUBLIC_ORIGIN`: where browsers reach it, if not there.
    pub(crate) public_origin: Option<String>,
    /// `REDIS_URL`: what several processes of the site share; without it everything is in memory.
    pub(crate) redis: Option<String>,
    /// `KEYLOCKR_API`: the service; without it the emulator is started.
    pub(crate) api: Option<String>,
    /// `KEYLOCKR_SERVICE`: our name there.
    pub(crate) service: String,
    /// `KEYLOCKR_FAMILY`: `seed` or `appdata`.
    pub(crate) family: Family,
    /// `SEAL_KEY`: seals attempts at rest, and signs cookies.
    pub(crate) seal_key: Option<[u8; 32]>,
    /// `LOGIN_LIMIT`: attempts started a minute and address.
    pub(crate) login_limit: u32,
    /// `ATTEMPT_LIFE`: how long a code is good for.
    pub(crate) attempt_life: Duration,
    /// `UNLOQ_SECRET`, `UNLOQ_API`, `UNLOQ_KEY`, `UNLOQ_WIDGET`.
    pub(crate) unloq: UnloqSettings,
    /// `EMULATOR_LISTEN`, `EMULATOR_CONTROL`, `EMULATOR_HANDSHAKE_LIMIT`.
    pub(crate) emulator: EmulatorSettings,
}

/// The emulator's part of the [`Settings`].
pub(crate) struct EmulatorSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) control: SocketAddr,
    pub(crate) handshake_limit: u32,
}

/// UNLOQ's part of the [`Settings`].
pub(crate) struct UnloqSettings {
    /// `UNLOQ_SECRET`: what UNLOQ signs its web hooks with. Without it there are none, but for those
    /// of the emulator inside.
    pub(crate) secret: Option<String>,
    /// `UNLOQ_API` and what belongs to it; without it the emulator inside, or no sign-in with UNLOQ.
    pub(crate) service: Option<UnloqService>,
}

/// The real UNLOQ.
pub(crate) struct UnloqService {
    /// `UNLOQ_API`: its base address; a bare origin gets `/v1` appended.
    pub(crate) api: String,
    /// `UNLOQ_KEY`: the API key.
    pub(crate) key: String,
    /// `UNLOQ_WIDGET`: a page with the login widget; without it people sign in by address alone.
    pub(crate) widget: Option<String>,
}

impl Settings {
    /// Reads the environment; the error names the variable.
    pub(crate) fn from_env() -> Result<Self, String> {
        Self::read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let redis = variable("REDIS_URL");
        // Not repeated: it may hold a password.
        if redis
            .as_deref()
            .map(redis::Client::open)
            .is_some_and(|client| client.is_err())
        {
            return Err(
                "REDIS_URL: expected redis://[user:password@]host[:port][/database], or rediss:// \
                 with TLS"
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
            redis,
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
            unloq: unloq(&variable)?,
            emulator: EmulatorSettings {
                listen: parse(&variable, "EMULATOR_LISTEN", free, "a loopback address")?,
                control: parse(&variable, "EMULATOR_CONTROL", free, "a loopback address")?,
                handshake_limit: parse(&variable, "EMULATOR_HANDSHAKE_LIMIT", 60, "a number")?,
            },
        })
    }
}

fn unloq(variable: impl Fn(&str) -> Option<String>) -> Result<UnloqSettings, String> {
    let secret = variable("UNLOQ_SECRET");
    if let Some(secret) = &secret {
        Secret::new(secret.as_str()).map_err(|error| format!("UNLOQ_SECRET: {error}"))?;
    }
    let service = match ["UNLOQ_API", "UNLOQ_KEY", "UNLOQ_WIDGET"].map(&variable) {
        [None, None, None] => None,
        [None, Some(_), _] => return Err("UNLOQ_KEY: needs UNLOQ_API".to_owned()),
        [None, None, Some(_)] => return Err("UNLOQ_WIDGET: needs UNLOQ_API".to_owned()),
        [Some(_), None, _] => return Err("UNLOQ_API: needs UNLOQ_KEY".to_owned()),
        [Some(api), Some(key), widget] => {
            let mut api = Url::parse(&api)
                .map_err(|_| "UNLOQ_API: expected an address such as https://api.unloq.io/v1")?;
            if api.path() == "/" {
                api.set_path("/v1");
            }
            let api = String::from(api);
            // The site's pages must not name what is no API, and the key belongs into a header.
            let client = Client::builder(&api, key.as_str()).build();
            client.map_err(|error| format!("UNLOQ_API, UNLOQ_KEY: {error}"))?;
            let web = |text: &String| {
                let url = Url::parse(text);
                url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            };
            if widget.as_ref().is_some_and(|widget| !web(widget)) {
                return Err("UNLOQ_WIDGET: expected the address of a page".to_owned());
            }
            Some(UnloqService { api, key, widget })
        }
    };
    Ok(UnloqSettings { secret, service })
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

pub(crate) fn seal_key(text: &str) -> Result<[u8; 32], String> {
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
        assert!(settings.api.is_none() && settings.seal_key.is_none() && settings.redis.is_none());
        assert!(settings.unloq.secret.is_none() && settings.unloq.service.is_none());
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
            ("REDIS_URL", "http://127.0.0.1"),
            ("UNLOQ_SECRET", "a\0b"),
            ("UNLOQ_API", "https://api.unloq.io/v1"),
            ("UNLOQ_KEY", "live_1"),
            ("UNLOQ_WIDGET", "https://login.example"),
        ] {
            let error = with(&[(name, value)]).err().unwrap();
            assert!(error.starts_with(name), "{name}={value}: {error}");
        }
    }

    #[test]
    fn unloq_is_where_it_is_said_to_be() {
        let set = |api, key, widget| {
            with(&[
                ("UNLOQ_API", api),
                ("UNLOQ_KEY", key),
                ("UNLOQ_WIDGET", widget),
            ])
        };
        let widget = "https://site.example/login.html";
        for (given, api) in [
            ("https://api.unloq.io/v1", "https://api.unloq.io/v1"),
            ("https://unloq.example", "https://unloq.example/v1"),
            ("http://127.0.0.1:4600/", "http://127.0.0.1:4600/v1"),
        ] {
            let service = set(given, "live_1", widget).unwrap().unloq.service.unwrap();
            assert_eq!(
                (service.api.as_str(), service.key.as_str()),
                (api, "live_1")
            );
            assert_eq!(service.widget.as_deref(), Some(widget));
        }
        for (name, api, key, widget) in [
            ("UNLOQ_API", "api.unloq.io", "live_1", widget),
            ("UNLOQ_API", "http://api.unloq.io/v1", "live_1", widget),
            ("UNLOQ_API", "https://api.unloq.io/v1", "live 1", widget),
            (
                "UNLOQ_WIDGET",
                "https://api.unloq.io/v1",
                "live_1",
                "/login",
            ),
            (
                "UNLOQ_WIDGET",
                "https://api.unloq.io/v1",
                "live_1",
                "javascript:x",
            ),
        ] {
            let error = set(api, key, widget).err().unwrap();
            assert!(error.starts_with(name) && !error.contains(key), "{error}");
        }
    }
}
