//! TLS with an explicit provider: where ring and aws-lc-rs are both compiled in, reqwest's default
//! client panics.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::transport::{TransportError, TransportErrorKind};

/// TLS 1.2 and 1.3 over aws-lc-rs, trusting the Mozilla roots and `extra`.
pub(super) fn client_config<'a>(
    extra: impl Iterator<Item = CertificateDer<'a>>,
) -> Result<ClientConfig, TransportError> {
    let refused = |error| TransportError::with_source(TransportErrorKind::Tls, error);
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in extra {
        roots.add(certificate.into_owned()).map_err(refused)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether TLS is what failed: rustls hides inside I/O errors, and those inside reqwest's.
pub(super) fn is_tls(error: &(dyn core::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        next = match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}
