//! Signing users in in your own application's tests.
//!
//! A [`Browser`] speaks HTTP to your application as a browser with its page's script does: it keeps
//! cookies, names its origin, starts a sign-in, lets a user of the emulator approve, and finishes.
//! From then on its requests are that user's.
//!
//! ```no_run
//! use keylockr_emulator::{Emulator, testing::Browser};
//! # async fn serve_my_app(_keylockr_api: &str) -> String { String::new() }
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder().seed(7).start().await?;
//! let origin = serve_my_app(&emulator.api()).await; // http://127.0.0.1:PORT
//!
//! let mut browser = Browser::new(&origin);
//! let user = browser.sign_in(&emulator, "alice").await?;
//! assert_eq!(browser.get("/private").await?.status(), 200);
//! # drop(user);
//! # Ok(())
//! # }
//! ```
//!
//! The [README](https://github.com/keylockr-rs/keylockr-rs/tree/main/keylockr-emulator#test-your-own-application)
//! has a whole test for axum and one for actix-web.
//!
//! # Without a network
//!
//! [`Browser::in_process`] takes a function from request to response. A tower service is one nearly:
//!
//! ```ignore
//! let mut browser = Browser::in_process(move |request| app.clone().oneshot(request));
//! ```
//!
//! # What your application has to say
//!
//! `KeyLockr::builder("demo", …).api(emulator.api())`, and nothing more: without a `public_origin`
//! loopback addresses can sign in. With one, tell the browser, too: [`Browser::from_origin`]. Where
//! the routes are not below `/login`, [`Browser::mounted_at`] says where they are.
//!
//! # Nothing is left to chance
//!
//! With [`Builder::seed`](crate::Builder::seed) every run has the same users, SafeIDs and connections.
//! Nothing is polled and nothing sleeps: the browser listens to the attempt's events, and gives up
//! after 30 seconds of tokio's clock.
//!
//! # Saying no, and other ends
//!
//! [`Browser::sign_in`] is four steps that can be taken one at a time:
//!
//! ```no_run
//! # use keylockr_emulator::{Emulator, testing::Browser};
//! # async fn test(emulator: Emulator, mut browser: Browser) -> Result<(), Box<dyn std::error::Error>> {
//! let attempt = browser.begin().await?;
//! emulator.deny(attempt.tmp_id())?; // or approve(), or nothing, or a fault
//! assert_eq!(browser.outcome(&attempt).await?, "denied");
//! assert!(browser.finish(&attempt).await.is_err());
//! # Ok(())
//! # }
//! ```

mod answer;
mod browser;
mod error;
mod jar;
mod site;

pub use self::{
    answer::Answer,
    browser::{Attempt, Browser, SignedIn},
    error::TestError,
    site::{InProcess, Network, Site, SiteError},
};
