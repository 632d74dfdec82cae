//! Which service of which API: the options that `login` and `doctor` share.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use keylockr_client::{
    Client, ConfigError, DEFAULT_BASE_URL,
    proto::{AppTag, Revision, Service, SvcId},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{outcome::Trouble, source::Source};

/// The dialect of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Family {
    /// Named by its service id.
    Seed,
    /// Named by its app tag.
    Appdata,
}

impl Family {
    /// The other one, as it is typed.
    pub(crate) fn other(self) -> &'static str {
        match self {
            Self::Seed => "appdata",
            Self::Appdata => "seed",
        }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServiceOptions {
    /// Base address of KeyLockr's API; a bare origin gets /v3 appended.
    #[arg(long, env = "KEYLOCKR_API", default_value = DEFAULT_BASE_URL, value_name = "URL")]
    pub(crate) api: String,
    /// The service as KeyLockr knows it: its id, or its app tag with `--family appdata`.
    #[arg(long, env = "KEYLOCKR_SERVICE", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) service: String,
    /// The service's dialect.
    #[arg(long, env = "KEYLOCKR_FAMILY", value_enum, default_value = "seed")]
    pub(crate) family: Family,
    /// Trust the certificates of this file (PEM or DER), too: for a KeyLockr of one's own.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl ServiceOptions {
    /// A client of the API.
    pub(crate) fn client(&self) -> Result<Client, Trouble> {
        if self.api.contains('@') {
            // Not repeated: what stands before it is a password.
            return Err(Trouble::usage(
                "--api: an API's address has no user and no password",
            ));
        }
        let mut builder = Client::builder(&self.api);
        for root in self.roots()? {
            builder = builder.root_certificate(root);
        }
        builder.build().map_err(|error| {
            let option = match error {
                ConfigError::Transport(_) => "--ca",
                _ => "--api",
            };
            Trouble::usage(format!("{option}: {error}"))
        })
    }

    /// What `--ca` adds to the trusted roots, DER each.
    pub(crate) fn roots(&self) -> Result<Vec<Vec<u8>>, Trouble> {
        let Some(path) = &self.ca else {
            return Ok(Vec::new());
        };
        let bytes = Source::File(path.clone()).read()?;
        if !bytes.starts_with(b"-----BEGIN") {
            return Ok(vec![bytes.to_vec()]);
        }
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let roots = roots.map_err(|_| Trouble::usage("--ca: the PEM cannot be read"))?;
        Ok(roots.into_iter().map(|root| root.to_vec()).collect())
    }

    /// The service, without app data: a command line has no use for a record.
    pub(crate) fn service(&self) -> Result<Service, Trouble> {
        let bad =
            |_| Trouble::usage("--service: 1 to 128 bytes without control characters are possible");
        Ok(match self.family {
            Family::Seed => Service::Seed {
                svc_id: SvcId::parse(&self.service).map_err(bad)?,
                app_tag: None,
            },
            Family::Appdata => Service::AppData {
                app_tag: AppTag::parse(&self.service).map_err(bad)?,
                app_data: false,
                minimum: Revision::One,
            },
        })
    }
}
