//! Registered services.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    error::ControlError,
    line::BlobLayout,
    model::{Family, Mode, NewService, RecordScope, ServiceNames},
    wire::{crypto, envelope::Window, text},
};

/// Longest name, title or address of a service.
const MAX_TEXT: usize = 256;
const SWITCHES: [&str; 3] = ["omit_res", "embed_nonce", "user_id_differs"];

/// A registered service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) svc_id: String,
    pub(crate) app_tag: String,
    pub(crate) title: String,
    pub(crate) url: String,
    pub(crate) mode: Mode,
    pub(crate) family: Family,
    pub(crate) revision: u8,
    pub(crate) server_ips: Vec<IpAddr>,
    pub(crate) service_key: Option<[u8; 32]>,
    pub(crate) record_scope: RecordScope,
    pub(crate) switches: Vec<String>,
}

impl Service {
    /// `svc_id` (seed) or `app_tag` (appdata).
    pub(crate) fn name(&self) -> &str {
        match self.family {
            Family::Seed => &self.svc_id,
            Family::AppData => &self.app_tag,
        }
    }

    pub(crate) fn window(&self) -> Window {
        match self.family {
            Family::Seed => Window {
                past: 300,
                future: 5,
            },
            Family::AppData => Window {
                past: 600,
                future: 180,
            },
        }
    }

    pub(crate) fn layout(&self) -> BlobLayout {
        match (self.family, self.revision) {
            (Family::Seed, _) => BlobLayout::Short,
            (Family::AppData, 1) => BlobLayout::LongWithDataNonce,
            (Family::AppData, _) => BlobLayout::Long,
        }
    }

    pub(crate) fn is_revision_2(&self) -> bool {
        self.family == Family::AppData && self.revision != 1
    }

    pub(crate) fn switched(&self, switch: &str) -> bool {
        self.switches.iter().any(|known| known == switch)
    }

    /// The address may call `app_verify`; IPv4 inside IPv6 counts as IPv4.
    pub(crate) fn allows(&self, peer: IpAddr) -> bool {
        self.server_ips
            .iter()
            .any(|known| known.to_canonical() == peer.to_canonical())
    }
}

/// All services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Services(Vec<Arc<Service>>);

impl Services {
    /// `demo`, `demo-data` and `demo-app`, and `svc_acme`, which the front page's code is registered as.
    pub(crate) fn initial() -> Self {
        let mut services = Self::default();
        let demos = [
            NewService::seed("demo", "Demo", Mode::Auth),
            NewService::seed("demo-data", "Demo with data", Mode::Data),
            NewService::appdata("demo-app", "Demo with App Data", 2),
            NewService::seed("svc_acme", "Acme Web", Mode::Auth),
        ];
        for demo in demos {
            let demo = NewService {
                url: "http://127.0.0.1:3000".to_owned(),
                ..demo
            };
            // Distinct names of ours: nothing to refuse.
            let _ = services.add(demo);
        }
        services
    }

    pub(crate) fn restored(services: Vec<Service>) -> Self {
        Self(services.into_iter().map(Arc::new).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.0.iter()
    }

    /// By `svc_id`, whatever its family.
    pub(crate) fn by_svc_id(&self, svc_id: &str) -> Option<&Arc<Service>> {
        self.0.iter().find(|service| service.svc_id == svc_id)
    }

    /// An appdata service by `app_tag`.
    pub(crate) fn by_app_tag(&self, app_tag: &str) -> Option<&Arc<Service>> {
        self.0
            .iter()
            .find(|service| service.family == Family::AppData && service.app_tag == app_tag)
    }

    /// A seed service by what would be its `app_tag`.
    pub(crate) fn seed_by_tag(&self, app_tag: &str) -> Option<&Arc<Service>> {
        self.0.iter().find(|service| {
            service.family == Family::Seed
                && (service.app_tag == app_tag || service.svc_id == app_tag)
        })
    }

    pub(crate) fn add(&mut self, new: NewService) -> Result<ServiceNames, ControlError> {
        let svc_id = match new.svc_id {
            Some(svc_id) => name(svc_id, "svc_id")?,
            None => self.next_number(),
        };
        let app_tag = match new.app_tag {
            Some(app_tag) => name(app_tag, "app_tag")?,
            None => svc_id.clone(),
        };
        let revision = new.revision.unwrap_or(2);
        if !matches!(revision, 1 | 2) {
            return Err(ControlError::malformed("revision is 1 or 2"));
        }
        if new.title.chars().count() > MAX_TEXT || new.url.chars().count() > MAX_TEXT {
            return Err(ControlError::malformed("title or url is too long"));
        }
        if let Some(unknown) = new
            .switches
            .iter()
            .find(|name| !SWITCHES.contains(&name.as_str()))
        {
            return Err(ControlError::malformed(format!(
                "unknown switch: {unknown:.40}"
            )));
        }
        let service = Service {
            server_ips: addresses(new.server_ips)?,
            service_key: new.service_key.map(|key| service_key(&key)).transpose()?,
            svc_id,
            app_tag,
            title: new.title,
            url: new.url,
            mode: new.mode,
            family: new.family,
            revision,
            record_scope: new.record_scope,
            switches: new.switches,
        };
        let tag_taken =
            service.family == Family::AppData && self.by_app_tag(&service.app_tag).is_some();
        if tag_taken || self.by_svc_id(&service.svc_id).is_some() {
            return Err(ControlError::conflict("a service of this name exists"));
        }
        let names = ServiceNames {
            svc_id: service.svc_id.clone(),
            app_tag: service.app_tag.clone(),
        };
        self.0.push(Arc::new(service));
        Ok(names)
    }

    fn next_number(&self) -> String {
        let highest = self
            .0
            .iter()
            .filter_map(|service| service.svc_id.parse::<u64>().ok())
            .max();
        highest.unwrap_or(100).saturating_add(1).to_string()
    }
}

fn name(text: String, what: &str) -> Result<String, ControlError> {
    let good = !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control);
    if good {
        Ok(text)
    } else {
        Err(ControlError::malformed(format!("{what} is not a name")))
    }
}

fn addresses(given: Option<Vec<String>>) -> Result<Vec<IpAddr>, ControlError> {
    given
        .unwrap_or_else(|| vec!["127.0.0.1".to_owned(), "::1".to_owned()])
        .iter()
        .map(|address| address.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| ControlError::malformed("server_ips holds something else than addresses"))
}

fn service_key(base64: &str) -> Result<[u8; 32], ControlError> {
    text::from_base64(base64)
        .and_then(|bytes| crypto::box_public(&bytes).ok())
        .ok_or_else(|| ControlError::malformed("service_key is not a usable key"))
}
