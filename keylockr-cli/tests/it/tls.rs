//! A service behind TLS, with certificates made for tests.

use keylockr_emulator::Emulator;
use tokio::net::TcpStream;

use crate::certificates::{self, Certificate, GOOD, OTHER, ROOT};
use crate::command::{Ran, run};

/// TLS before an emulator: its origin.
async fn front(emulator: &Emulator, certificate: Certificate) -> String {
    let behind = emulator.api().replace("http://", "");
    let port = certificates::serve(certificate, move |mut client| {
        let behind = behind.clone();
        async move {
            if let Ok(mut service) = TcpStream::connect(behind).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
            }
        }
    });
    format!("https://127.0.0.1:{}", port.await)
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
