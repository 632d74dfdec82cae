//! A service behind TLS, with certificates made for tests.
//!
//! `root` signs `good`, for localhost and 127.0.0.1, and `other`, for another name. Their keys protect
//! nothing.

use std::sync::Arc;

use keylockr_emulator::Emulator;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use crate::command::{Ran, run};

const ROOT: &[u8] = include_bytes!("../tls/root.der");
const GOOD: (&[u8], &[u8]) = (
    include_bytes!("../tls/good.der"),
    include_bytes!("../tls/good.key.der"),
);
const OTHER: (&[u8], &[u8]) = (
    include_bytes!("../tls/other.der"),
    include_bytes!("../tls/other.key.der"),
);

/// TLS before an emulator: its origin.
async fn front(emulator: &Emulator, (certificate, key): (&[u8], &[u8])) -> String {
    let certificates = [certificate, ROOT].map(|der| CertificateDer::from(der.to_vec()));
    let key = PrivateKeyDer::try_from(key.to_vec()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.to_vec(), key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let behind = emulator.api().replace("http://", "");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(stream).await.ok()?;
                let mut service = TcpStream::connect(behind).await.ok()?;
                tokio::io::copy_bidirectional(&mut client, &mut service)
                    .await
                    .ok()
            });
        }
    });
    origin
}

/// The root as a file, in both forms that it may have.
fn roots() -> [String; 2] {
    use base64::Engine as _;
    let place = |kind: &str| {
        let name = format!("keylockr-cli-root-{}.{kind}", std::process::id());
        std::env::temp_dir().join(name).to_str().unwrap().to_owned()
    };
    let text = base64::engine::general_purpose::STANDARD.encode(ROOT);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    );
    let paths = [place("der"), place("pem")];
    std::fs::write(&paths[0], ROOT).unwrap();
    std::fs::write(&paths[1], pem).unwrap();
    paths
}

async fn doctor(api: &str, more: &[&str]) -> Ran {
    run(&[&["doctor", "--api", api, "--service", "demo"], more].concat()).await
}

#[tokio::test]
async fn a_certificate_has_to_be_trusted_and_for_this_name() {
    let emulator = Emulator::start().await.unwrap();
    let good = front(&emulator, GOOD).await;
    let other = front(&emulator, OTHER).await;

    let ran = doctor(&good, &[]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("no TLS connection"), "{}", ran.out);
    assert!(ran.out.contains("UnknownIssuer"), "{}", ran.out);
    assert!(ran.out.contains("--ca trusts"), "{}", ran.out);

    for root in roots() {
        let ran = doctor(&good, &["--ca", &root]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let ran = doctor(&other, &["--ca", &root]).await;
        assert_eq!(ran.code, Some(1));
        assert!(ran.out.contains("not valid for"), "{}", ran.out);
        std::fs::remove_file(root).unwrap();
    }
}

#[tokio::test]
async fn a_file_without_a_certificate_is_usage() {
    let ran = doctor("https://127.0.0.1:9", &["--ca", "/dev/null"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.err.contains("--ca"), "{}", ran.err);
}
