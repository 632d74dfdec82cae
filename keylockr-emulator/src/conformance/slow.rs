//! Clients that take their time, as far as an adapter has to do with them: heads and writes are the server's to time.

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::agent::Browser;
use super::setup::Adapter;
use super::stage::Stage;

/// Silent and half-open connections, bodies that stop, event streams that nobody reads: others sign in meanwhile,
/// and a body that does not come is answered within its time.
pub async fn slow_peer_matrix(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.start_limit = 0).await;
    let origin = stage.app.origin();
    let address = origin.strip_prefix("http://").expect("an address");
    let head = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nhost: {address}\r\norigin: {origin}\r\n{headers}\r\n")
    };
    let say = |text: String| async move {
        let stream = TcpStream::connect(address).await;
        let mut stream = stream.expect("a connection");
        stream
            .write_all(text.as_bytes())
            .await
            .expect("a way to the site");
        stream
    };
    let silent = join_all((0..200).map(|_| say(String::new()))).await;
    let halves = join_all((0..100).map(|_| say("GET /login HTTP/1.1\r\nho".to_owned()))).await;
    let shut = join_all((0..50).map(|_| async {
        let mut stream = say(head("GET /login/status", "")).await;
        stream.shutdown().await.expect("half a connection");
        stream
    }));
    let shut = shut.await;
    let unread = join_all((0..10).map(|_| async {
        let browser = stage.browser();
        let attempt = browser.start().await;
        let cookie = cookie_of(&browser);
        say(head(&format!("GET {}", attempt.at("/events")), &cookie)).await
    }));
    let unread = unread.await;
    let large = "content-type: application/json\r\ncontent-length: 65537\r\n";
    let large = join_all((0..10).map(|_| say(head("POST /login/start", large)))).await;
    let short = "content-type: application/json\r\ncontent-length: 100\r\n";
    let short = join_all((0..20).map(|_| say(head("POST /login/start", short) + "{"))).await;

    for user in ["alice", "bob"] {
        let browser = stage.browser();
        stage.sign_in(&browser, user).await;
        assert!(
            browser.me().await.is_ok(),
            "an honest person is kept waiting"
        );
    }
    for stream in large {
        // What is too long by its own account is not waited for.
        assert_eq!(status_of(stream).await, "413");
    }
    for stream in short {
        assert_eq!(status_of(stream).await, "408");
    }
    drop((silent, halves, shut, unread));
    let browser = stage.browser();
    stage.sign_in(&browser, "alice").await;
    assert!(browser.me().await.is_ok());
}

fn cookie_of(browser: &Browser) -> String {
    let (name, value) = browser.binding().expect("a cookie");
    format!("cookie: {name}={value}\r\n")
}

/// The status of the answer that comes without anything more being said.
async fn status_of(mut stream: TcpStream) -> String {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    answer.strip_prefix("HTTP/1.1 ").expect("HTTP").to_owned()
}
