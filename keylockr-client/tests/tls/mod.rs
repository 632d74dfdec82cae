//! TLS servers with certificates made for tests: `root` signs `good`, for localhost and 127.0.0.1, and
//! `other`, for another name. Their keys protect nothing.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
    server::TlsStream,
};

pub(crate) const ROOT: &[u8] = include_bytes!("root.der");

/// A certificate and its key.
pub(crate) type Certificate = (&'static [u8], &'static [u8]);

pub(crate) const GOOD: Certificate = (include_bytes!("good.der"), include_bytes!("good.key.der"));
pub(crate) const OTHER: Certificate =
    (include_bytes!("other.der"), include_bytes!("other.key.der"));

/// Answers whoever accepts the certificate, on this port of 127.0.0.1.
pub(crate) async fn serve<F: Future<Output = ()> + Send + 'static>(
    (certificate, key): Certificate,
    answer: impl Fn(TlsStream<TcpStream>) -> F + Send + Sync + 'static,
) -> u16 {
    let chain = [certificate, ROOT].map(CertificateDer::from);
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.to_vec(), PrivateKeyDer::Pkcs8(key.into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let answer = Arc::new(answer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream).await;
                }
            });
        }
    });
    port
}
