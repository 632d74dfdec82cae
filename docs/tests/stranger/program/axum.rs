use axum::{Router, routing::get};
use keylockr_tower::{KeyLockr, KeyLockrLayer, RequireUser, User, routes};
use tower_sessions::{MemoryStore, SessionManagerLayer};

async fn home(user: Option<User>) -> String {
    let name = user.as_ref().and_then(|user| user.nickname());
    format!("Hello, {}!", name.unwrap_or("stranger"))
}

async fn vault(user: User) -> String {
    format!("Only {} can read this.", user.safe_id())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keylockr = KeyLockr::builder("svc_acme", "Acme Web").connect().await?;
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let app = Router::new()
        .route("/vault", get(vault))
        .route_layer(RequireUser::redirect_to("/login"))
        .route("/", get(home))
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr, sessions));
    let listener = tokio::net::TcpListener::bind(std::env::var("BIND")?).await?;
    Ok(axum::serve(listener, app).await?)
}
