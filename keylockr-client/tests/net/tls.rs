//! Certificates that are good, and those that are not.

use keylockr_client::proto::{ClientKeys, Family, KeyLifetime};
use keylockr_client::{NetTransport, SocketError, SocketTarget, Transport, TransportErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::certificates::{self, Certificate, GOOD, OTHER, ROOT};
use crate::http::{get, kind, serve};

/// A TLS server that answers every request and every upgrade alike.
async fn serve_tls(certificate: Certificate, host: &str) -> String {
    let port = certificates::serve(certificate, |mut stream| async move {
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        let _ = stream
            .write_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
            .await;
        let _ = stream.shutdown().await;
    });
    format!("https://{host}:{}/", port.await)
}

fn target(origin: &str) -> SocketTarget {
    use keylockr_client::proto::{Identity, TmpId, UnixTime, WsSig};
    let keys = ClientKeys::generate(&mut keylockr_client::OsEntropy, KeyLifetime::Fresh).unwrap();
    let id = Identity::Tmp(TmpId::parse(Family::Seed, "an-attempt").unwrap());
    let sig = WsSig::new(&id, UnixTime::from_secs(1_785_000_000), &keys);
    SocketTarget::new(Url::parse(origin).unwrap().join("v3").unwrap(), sig)
}

/// Both connections look at the certificate, and at the same roots.
#[tokio::test]
async fn wrong_certificates_are_refused() {
    for (name, certificate, roots, host, good) in [
        ("trusted", GOOD, &[ROOT.to_vec()][..], "127.0.0.1", true),
        ("trusted by name", GOOD, &[ROOT.to_vec()], "localhost", true),
        ("not trusted", GOOD, &[], "127.0.0.1", false),
        ("another name", OTHER, &[ROOT.to_vec()], "127.0.0.1", false),
        ("another name", OTHER, &[ROOT.to_vec()], "localhost", false),
    ] {
        let origin = serve_tls(certificate, host).await;
        let transport = NetTransport::new(roots).unwrap();
        let http = transport.http(get(&origin, 1024)).await;
        let socket = transport.open(target(&origin)).await;
        if good {
            assert_eq!(http.unwrap().status, 401, "{name}");
            assert!(matches!(socket, Err(SocketError::Refused(401))), "{name}");
        } else {
            assert_eq!(http.unwrap_err().kind(), TransportErrorKind::Tls, "{name}");
            match socket {
                Err(SocketError::Failed(error)) => {
                    assert_eq!(error.kind(), TransportErrorKind::Tls, "{name}");
                }
                Err(other) => panic!("{name}: {other}"),
                Ok(_) => panic!("{name}: accepted"),
            }
        }
    }
    assert!(NetTransport::new(&[b"no certificate".to_vec()]).is_err());
}

/// A plain server where TLS is expected.
#[tokio::test]
async fn no_tls_where_it_must_be() {
    let origin = serve(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await;
        let _ = stream.read_u8().await;
    })
    .await
    .replace("http:", "https:");
    assert_eq!(kind(&origin).await, TransportErrorKind::Tls);
}
