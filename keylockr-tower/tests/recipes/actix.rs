use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpServer, cookie::Key, get, rt, web};
use keylockr_actix::{KeyLockr, KeyLockrMiddleware, RequireUser, User, routes};
use keylockr_emulator::{Emulator, testing::Browser};

#[get("")]
async fn vault(user: User) -> String {
    format!("Only {} can read this.", user.safe_id())
}

// Your application, as its `main` makes it; the test asks for a free port. Its origin.
fn serve(keylockr: KeyLockr) -> std::io::Result<String> {
    let cookie_key = Key::generate();
    let server = HttpServer::new(move || {
        let sessions = SessionMiddleware::new(CookieSessionStore::default(), cookie_key.clone());
        App::new()
            .service(
                web::scope("/vault")
                    .wrap(RequireUser::redirect_to("/login"))
                    .service(vault),
            )
            .service(web::scope("/login").configure(routes))
            .wrap(KeyLockrMiddleware::new(keylockr.clone(), sessions))
    });
    let server = server.workers(1).bind(("127.0.0.1", 0))?;
    let origin = format!("http://{}", server.addrs()[0]);
    rt::spawn(server.run());
    Ok(origin)
}

#[actix_web::test]
async fn alice_reads_the_vault() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::builder().seed(7).start().await?;
    let keylockr = KeyLockr::builder("demo", "Acme Web").api(emulator.api());
    let origin = serve(keylockr.connect().await?)?;
    let mut browser = Browser::new(&origin);
    assert_eq!(browser.page("/vault").await?.status(), 303);

    let alice = browser.sign_in(&emulator, "alice").await?;
    assert!(browser.get("/vault").await?.text().contains(&alice.safe_id));
    Ok(())
}
