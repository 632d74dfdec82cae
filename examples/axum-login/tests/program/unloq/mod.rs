//! Signing in with UNLOQ, and what follows from it: the program beside an emulator of UNLOQ's
//! service, its widget and its devices.

mod hooks;
mod note;
mod off;
mod sign_in;

use keylockr_emulator::{
    Emulator,
    conformance::agent::{Browser, Reply},
    unloq::{AppSettings, Hook, HookEvent, Unloq},
};

use super::{SECRET, Site, start};

pub(super) const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";

/// The site, and an UNLOQ that knows where it is.
pub(super) struct Stage {
    pub(super) emulator: Emulator,
    pub(super) unloq: Unloq,
    pub(super) site: Site,
}

impl Stage {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With this in the environment, too.
    async fn with(environment: &[(&str, &str)]) -> Self {
        let emulator = Emulator::start().await.unwrap();
        Self::beside(emulator, environment).await
    }

    /// Beside this emulator.
    pub(super) async fn beside(emulator: Emulator, environment: &[(&str, &str)]) -> Self {
        let unloq = emulator.unloq();
        let settings = AppSettings::default();
        let widget = unloq.widget(&unloq.app(&settings.api_key).unwrap());
        let (api, unloq_api) = (emulator.api(), unloq.api());
        let mut all = vec![
            ("KEYLOCKR_API", api.as_str()),
            ("UNLOQ_API", &unloq_api),
            ("UNLOQ_KEY", &settings.api_key),
            ("UNLOQ_WIDGET", &widget),
            ("UNLOQ_SECRET", SECRET),
            ("LOGIN_LIMIT", "0"),
        ];
        all.extend(environment);
        let site = start(&all).await;
        let stage = Self {
            emulator,
            unloq,
            site,
        };
        stage.register(true);
        stage
    }

    /// Tells UNLOQ where the site is: with its hooks, or with none.
    fn register(&self, hooks: bool) {
        let events = [
            (HookEvent::Logout, "logout"),
            (HookEvent::Activate, "activate"),
            (HookEvent::Deactivate, "deactivate"),
        ];
        let origin = self.origin();
        let hook = |name| Hook::from(format!("{origin}/hooks/unloq/{name}"));
        let hooks = events.into_iter().filter(|_| hooks);
        let settings = AppSettings {
            secret: SECRET.to_owned(),
            return_url: Some(format!("{origin}/unloq/return")),
            hooks: hooks.map(|(event, name)| (event, hook(name))).collect(),
            ..AppSettings::default()
        };
        self.unloq.configure(settings).unwrap();
    }

    fn origin(&self) -> String {
        format!("http://{}", self.site.address)
    }

    /// A browser that says what it is, as all do.
    pub(super) fn browser(&self) -> Browser {
        Browser::new(&self.origin()).saying("user-agent", "the one")
    }

    /// Goes the way of the widget, up to the address that it leads back to.
    pub(super) async fn leads_back(&self, email: &str) -> String {
        let api = self.unloq.api();
        let origin = api.strip_suffix("/v1").unwrap();
        let widget = Browser::new(origin);
        let key = [("key", "demo-unloq-widget"), ("email", email)];
        let asked = widget.post("/widget").form(&key).send().await;
        let wait = asked.expect_see_other();
        self.unloq.approve_next(email).await.unwrap();
        let back = widget.get(&wait).page().send().await.expect_see_other();
        let path = back.strip_prefix(&self.origin()).expect("our own address");
        assert!(path.starts_with("/unloq/return?token="), "{path}");
        path.to_owned()
    }

    /// Signs in by the widget, to the answer of the return.
    async fn try_sign_in(&self, browser: &Browser, email: &str) -> Reply {
        browser.get("/unloq").page().send().await.expect(200);
        let back = self.leads_back(email).await;
        browser.get(&back).page().send().await
    }

    /// Signs in by the widget.
    async fn sign_in(&self, browser: &Browser, email: &str) {
        let reply = self.try_sign_in(browser, email).await;
        assert_eq!(reply.expect_see_other(), "/unloq/me");
        assert!(is_signed_in(browser, email).await);
    }

    fn unloq_id(&self, email: &str) -> String {
        let profiles = self.unloq.profiles().into_iter();
        let mut profiles = profiles.filter(|profile| profile.email == email);
        profiles.next().unwrap().unloq_id.to_string()
    }
}

/// Whether the member's page is this person's; strangers are sent to sign in.
async fn is_signed_in(browser: &Browser, email: &str) -> bool {
    let reply = browser.get("/unloq/me").page().send().await;
    if reply.status == 303 {
        assert_eq!(reply.expect_see_other(), "/unloq");
        return false;
    }
    let page = reply.expect_page(200);
    assert!(page.contains(email), "somebody else: {page}");
    true
}

async fn is_stranger(browser: &Browser) -> bool {
    let me = browser.get("/unloq/me").page().send().await;
    me.status == 303 && browser.get("/api/me").send().await.status == 401
}

/// The value of the session's cookie.
fn session(browser: &Browser) -> Option<String> {
    browser.cookies().remove("session")
}
