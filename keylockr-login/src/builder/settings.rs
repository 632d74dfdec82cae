//! Each setting judged, with those that it has to go with.

use std::time::Duration;

use keylockr_client::{Client, DEFAULT_BASE_URL, proto::login::LoginConfig};
use keylockr_proto::{AppTag, Family, Revision, Service, SvcId};

use super::KeyLockrBuilder;
use crate::{
    binding::random, key_policy::KeyPolicy, origin::Site, return_to::ReturnTo, sealed::SealKey,
    start_error::ConfigError, vault::VaultSite,
};

impl KeyLockrBuilder {
    pub(super) fn checked_service(&self) -> Result<Service, ConfigError> {
        let tag =
            |text: &str| AppTag::parse(text).map_err(|_| ConfigError::AppTag(text.to_owned()));
        let bad = || ConfigError::Service(self.service.clone());
        match self.family {
            Family::Seed => Ok(Service::Seed {
                svc_id: SvcId::parse(&self.service).map_err(|_| bad())?,
                app_tag: self.app_tag.as_deref().map(tag).transpose()?,
            }),
            Family::AppData => Ok(Service::AppData {
                app_tag: AppTag::parse(&self.service).map_err(|_| bad())?,
                app_data: self.ask_app_data,
                minimum: self.minimum,
            }),
        }
    }

    pub(super) fn checked_site(&self) -> Result<Site, ConfigError> {
        match &self.public_origin {
            None => Ok(Site::Loopback),
            Some(origin) => {
                Site::parse(origin).map_err(|_| ConfigError::PublicOrigin(origin.clone()))
            }
        }
    }

    /// A mount as routes are written below it: a local path without a slash at its end, or nothing.
    pub(super) fn checked_mount(&self) -> Result<String, ConfigError> {
        let path = self.mount.trim_end_matches('/');
        if path.is_empty() {
            return Ok(String::new());
        }
        let local = ReturnTo::parse(path);
        if local.as_str() == path && !path.contains(['?', '#']) {
            Ok(path.to_owned())
        } else {
            Err(ConfigError::Mount(self.mount.clone()))
        }
    }

    /// What an attempt would be refused for when it begins, and every one would.
    pub(super) fn check_attempts(&self) -> Result<(), ConfigError> {
        let life = self.attempt_life;
        if life < Duration::from_secs(1) || life > LoginConfig::MAX_LIFE {
            return Err(ConfigError::AttemptLife);
        }
        let second = self.family == Family::AppData && self.minimum == Revision::Two;
        if matches!(self.keys, KeyPolicy::Fixed(..)) && !second {
            return Err(ConfigError::FixedKeys);
        }
        Ok(())
    }

    pub(super) fn checked_vault(
        &mut self,
        service: &Service,
        site: &Site,
    ) -> Result<Option<VaultSite>, ConfigError> {
        let bindings = self.bindings.take();
        let config = match (self.vault.take(), &bindings) {
            (config, Some(_)) => config.unwrap_or_default().with_binding(true),
            (Some(config), None) => config,
            (None, None) => return Ok(None),
        };
        if !service.wants_app_data() {
            return Err(ConfigError::VaultWithoutAppData);
        }
        Ok(Some(VaultSite {
            config,
            at_sign_in: self.filekey_at_sign_in || bindings.is_some(),
            bindings,
            name: site.name().to_owned(),
        }))
    }

    /// A key of the process's own will do where no other process reads what it seals.
    pub(super) fn checked_seal(&mut self, is_shared: bool) -> Result<SealKey, ConfigError> {
        match self.seal.take() {
            Some(seal) => Ok(seal),
            None if is_shared => Err(ConfigError::SealKey),
            None => {
                let key = random().map_err(|_| ConfigError::NoEntropy)?;
                Ok(SealKey::from_bytes(key))
            }
        }
    }

    pub(super) fn checked_client(&mut self) -> Result<Client, ConfigError> {
        if let Some(client) = self.client.take() {
            return Ok(client);
        }
        let pins = std::mem::take(&mut self.pins);
        let mut client = Client::builder(&api(self.api.take())).pins(pins);
        if let Some(memory) = self.replay.take() {
            client = client.replay_memory(memory);
        }
        Ok(client.build()?)
    }
}

/// Where the API is.
fn api(configured: Option<String>) -> String {
    if let Some(api) = configured {
        return api;
    }
    match std::env::var("KEYLOCKR_API") {
        Ok(api) if !api.is_empty() => {
            if api.starts_with("http:") {
                tracing::warn!(
                    name: "keylockr.api.emulated",
                    "KEYLOCKR_API is plain http, an emulator's: whoever reaches that signs in as anybody"
                );
            }
            tracing::info!(name: "keylockr.api.from_environment", "the API is what KEYLOCKR_API says");
            api
        }
        _ => DEFAULT_BASE_URL.to_owned(),
    }
}

#[cfg(test)]
#[cfg(feature = "net")]
mod tests {
    use keylockr_client::{VaultConfig, proto::SignSecret};
    use keylockr_proto::BoxSecret;

    use super::*;
    use crate::KeyLockr;

    /// What is wrong with the settings of a site, made right otherwise.
    fn wrong(
        service: &str,
        title: &str,
        settings: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder,
    ) -> Option<ConfigError> {
        let client = Client::builder("http://127.0.0.1:4600").build().unwrap();
        let builder = KeyLockr::builder(service, title).client(client);
        settings(builder).build().err()
    }

    fn demo(settings: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder) -> Option<ConfigError> {
        wrong("demo", "Acme Web", settings)
    }

    #[test]
    fn each_setting_is_judged() {
        use ConfigError as E;
        let fixed = || {
            KeyPolicy::Fixed(
                SignSecret::from_bytes(&[1; 32]),
                BoxSecret::from_bytes(&[2; 32]),
            )
        };
        let appdata = |builder: KeyLockrBuilder| builder.family(Family::AppData);
        assert!(demo(|site| site).is_none());
        assert!(matches!(
            wrong("", "Acme", |site| site),
            Some(E::Service(_))
        ));
        assert!(matches!(
            wrong("demo", "\u{202e}", |site| site),
            Some(E::SiteTitle)
        ));
        assert!(matches!(
            demo(|site| site.app_tag("a\nb")),
            Some(E::AppTag(_))
        ));
        for origin in ["site.example", "https://site.example/path"] {
            assert!(matches!(
                demo(|site| site.public_origin(origin)),
                Some(E::PublicOrigin(_))
            ));
        }
        for (mount, is_fine) in [
            ("", true),
            ("/", true),
            ("/a/b/", true),
            ("a", false),
            ("//a", false),
            ("/a?b", false),
        ] {
            let found = demo(|site| site.mount(mount));
            assert_eq!(found.is_none(), is_fine, "{mount}");
            assert!(matches!(found, None | Some(E::Mount(_))), "{mount}");
        }
        for (millis, is_fine) in [
            (999, false),
            (1_000, true),
            (600_000, true),
            (600_001, false),
        ] {
            let found = demo(|site| site.attempt_life(Duration::from_millis(millis)));
            assert_eq!(found.is_none(), is_fine, "{millis}");
            assert!(matches!(found, None | Some(E::AttemptLife)), "{millis}");
        }
        assert!(matches!(
            demo(|site| site.keys(fixed())),
            Some(E::FixedKeys)
        ));
        assert!(matches!(
            demo(|site| appdata(site).keys(fixed())),
            Some(E::FixedKeys)
        ));
        let second = |site| appdata(site).minimum_revision(Revision::Two).keys(fixed());
        assert!(demo(second).is_none());
        let vault = |site: KeyLockrBuilder| site.vault(VaultConfig::new());
        assert!(matches!(demo(vault), Some(E::VaultWithoutAppData)));
        assert!(matches!(
            demo(|site| vault(appdata(site))),
            Some(E::VaultWithoutAppData)
        ));
        assert!(demo(|site| vault(site.app_tag("notes"))).is_none());
        assert!(demo(|site| vault(appdata(site)).ask_app_data(true)).is_none());
    }
}
