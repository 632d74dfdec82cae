//! Two processes of the site, one book.

#[allow(dead_code, reason = "others let it come back")]
#[path = "../../../unloq-webhooks/tests/redis/server.rs"]
mod server;

use unloq_client::Email;
use unloq_webhooks::UnloqId;

use super::{Book, Unavailable};
use crate::shared::Shelf;

#[tokio::test]
async fn who_is_closed_on_one_server_is_closed_on_all() {
    let Some(mut redis) = server::Server::start().await else {
        return;
    };
    let book = || Book::on(Some(Shelf::new(&redis.url(), "books").unwrap()));
    let (one, two) = (book(), book());
    let ada = UnloqId::parse("1815").unwrap();
    let email = Email::parse("ada@example.test").unwrap();

    assert!(
        !one.find(&ada).await.unwrap().closed,
        "a stranger's is open"
    );
    one.remember(&ada, &email).await.unwrap();
    let known = two.find(&ada).await.unwrap();
    assert_eq!(
        known
            .email
            .map(|email| email.as_str().to_owned())
            .as_deref(),
        Some("ada@example.test")
    );

    one.shut(&ada).await.unwrap();
    let closed = two.find(&ada).await.unwrap();
    assert!(closed.closed);
    // Closed once more while the other server asks whether it may be opened.
    one.shut(&ada).await.unwrap();
    assert!(!two.open(&ada, closed.turn).await.unwrap());
    assert!(one.find(&ada).await.unwrap().closed);
    let turn = two.find(&ada).await.unwrap().turn;
    assert!(two.open(&ada, turn).await.unwrap());
    assert!(!one.find(&ada).await.unwrap().closed);

    redis.kill();
    assert!(matches!(one.find(&ada).await, Err(Unavailable)));
    assert!(matches!(two.shut(&ada).await, Err(Unavailable)));
}
