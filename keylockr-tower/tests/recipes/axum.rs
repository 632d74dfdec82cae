use axum::{Router, routing::get};
use keylockr_emulator::{Emulator, testing::Browser};
use keylockr_tower::{KeyLockr, KeyLockrLayer, RequireUser, User, routes};
use tower::ServiceExt as _;
use tower_sessions::{MemoryStore, SessionManagerLayer};

async fn vault(user: User) -> String {
    format!("Only {} can read this.", user.safe_id())
}

// Your application, as its `main` makes it.
fn application(keylockr: KeyLockr) -> Router {
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    Router::new()
        .route("/vault", get(vault))
        .route_layer(RequireUser::redirect_to("/login"))
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr, sessions))
}

#[tokio::test]
async fn alice_reads_the_vault() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::builder().seed(7).start().await?;
    let keylockr = KeyLockr::builder("demo", "Acme Web").api(emulator.api());
    let app = application(keylockr.connect().await?);
    let mut browser = Browser::in_process(move |request| app.clone().oneshot(request));
    assert_eq!(browser.page("/vault").await?.status(), 303);

    let alice = browser.sign_in(&emulator, "alice").await?;
    assert!(browser.get("/vault").await?.text().contains(&alice.safe_id));
    Ok(())
}
