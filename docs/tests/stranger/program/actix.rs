use actix_session::{SessionMiddleware, storage::CookieSessionStore}; // demo only: use a server-side store
use actix_web::{App, HttpServer, cookie::Key, get, web};
use keylockr_actix::{KeyLockr, KeyLockrMiddleware, RequireUser, User, routes};

#[get("")]
async fn vault(user: User) -> String {
    format!("Only {} can read this.", user.safe_id())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keylockr = KeyLockr::builder("svc_acme", "Acme Web").connect().await?;
    let cookie_key = Key::generate();
    HttpServer::new(move || {
        let sessions = SessionMiddleware::new(CookieSessionStore::default(), cookie_key.clone());
        App::new()
            .service(
                web::scope("/vault")
                    .wrap(RequireUser::redirect_to("/login"))
                    .service(vault),
            )
            .service(web::scope("/login").configure(routes))
            .wrap(KeyLockrMiddleware::new(keylockr.clone(), sessions))
    })
    .bind(std::env::var("BIND")?)?
    .run()
    .await?;
    Ok(())
}
