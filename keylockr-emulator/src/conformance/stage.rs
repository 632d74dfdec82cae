//! The scene of a check: the service with its phones, the application, and what people do there.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use super::agent::{Browser, Reply};
use super::service::Service;
use super::setup::{Adapter, Running, Setup, StoreState};

/// Where the suite's applications mount the routes.
pub const MOUNT: &str = "/login";

/// An emulator and an application that signs in with it.
#[derive(Debug)]
pub struct Stage {
    /// The service and its phones.
    pub service: Service,
    /// The application.
    pub app: Running,
    /// What the application was built from.
    pub setup: Setup,
}

/// One attempt, as `start` answered it.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The public handle.
    pub id: String,
    /// What its QR code names at the service.
    pub tmp_id: String,
    /// The whole answer.
    pub answer: Value,
}

impl Stage {
    /// Everything at its defaults.
    pub async fn new(adapter: &impl Adapter) -> Self {
        Self::with(adapter, |_| {}).await
    }

    /// With a changed setup.
    pub async fn with(adapter: &impl Adapter, change: impl FnOnce(&mut Setup)) -> Self {
        Self::of(adapter, Service::start().await, change).await
    }

    /// With a service of the check's own.
    pub async fn of(
        adapter: &impl Adapter,
        service: Service,
        change: impl FnOnce(&mut Setup),
    ) -> Self {
        let mut setup = Setup::new(service.api(), "demo");
        change(&mut setup);
        let app = adapter.serve(setup.clone()).await;
        Self {
            service,
            app,
            setup,
        }
    }

    /// A fresh browser.
    #[must_use]
    pub fn browser(&self) -> Browser {
        let browser = Browser::new(self.app.origin());
        match &self.setup.public_origin {
            Some(origin) => browser.from_origin(origin),
            None => browser,
        }
    }

    /// A fresh browser that alice's or bob's phone has signed in.
    pub async fn signed_in(&self, user: &str) -> Browser {
        let browser = self.browser();
        self.sign_in(&browser, user).await;
        browser
    }

    /// Signs this browser in, as a page with script does, and gives the answer of `finish`.
    pub async fn sign_in(&self, browser: &Browser, user: &str) -> Reply {
        let attempt = self.approved(browser, user).await;
        browser.finish(&attempt).await.expect(200)
    }

    /// An attempt that a phone has approved and that is ready to be exchanged.
    pub async fn approved(&self, browser: &Browser, user: &str) -> Attempt {
        let attempt = browser.start().await;
        self.service.approve(&attempt.tmp_id, user);
        browser.reach(&attempt, "done").await;
        attempt
    }

    /// Gives the store of attempts back. Of those who met one that hangs the first is to hear that: the
    /// attempt's own task may be asking, and meanwhile the others are told 503 at once.
    pub async fn attempts_back(&self, browser: &Browser, attempt: &Attempt) {
        self.setup.attempt_store.set(StoreState::Up);
        let status = &attempt.at("/status");
        eventually(|| async move { browser.get(status).send().await.status != 503 }).await;
    }
}

impl Attempt {
    /// From the answer of `start`.
    #[track_caller]
    #[must_use]
    pub fn of(answer: Value) -> Self {
        let member = |name: &str| match answer[name].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("start answers `{name}`: {answer}"),
        };
        Self {
            id: member("attempt"),
            tmp_id: tmp_id_of(&member("qr")),
            answer,
        }
    }

    /// A route below the mount, with this attempt.
    #[must_use]
    pub fn at(&self, route: &str) -> String {
        format!("{MOUNT}{route}?attempt={}", self.id)
    }
}

/// The `tmp_id` of a QR code's text.
#[track_caller]
#[must_use]
pub fn tmp_id_of(uri: &str) -> String {
    let tmp_id = uri
        .strip_prefix("keylockr://sso?tmp_id=")
        .expect("a KeyLockr URI");
    tmp_id.split('&').next().unwrap_or_default().to_owned()
}

impl Browser {
    /// Starts an attempt as the page's script does.
    pub async fn start(&self) -> Attempt {
        self.start_for(None).await
    }

    /// Starts an attempt that leads to `next`.
    pub async fn start_for(&self, next: Option<&str>) -> Attempt {
        let call = self.post("/login/start");
        let call = match next {
            Some(next) => call.json(&json!({ "next": next })),
            None => call,
        };
        Attempt::of(call.send().await.expect(201).json())
    }

    /// The status object.
    pub async fn status(&self, attempt: &Attempt) -> Value {
        self.get(&attempt.at("/status"))
            .send()
            .await
            .expect(200)
            .json()
    }

    /// The status word.
    pub async fn status_word(&self, attempt: &Attempt) -> String {
        self.status(attempt).await["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Exchanges the attempt for a session, whatever comes.
    pub async fn finish(&self, attempt: &Attempt) -> Reply {
        self.post(&attempt.at("/finish")).send().await
    }

    /// Follows the attempt's events up to the first with this status.
    pub async fn reach(&self, attempt: &Attempt, status: &str) -> Value {
        self.until(attempt, |word| word == status).await
    }

    /// Follows the attempt's events up to a status that ends it, or that `finish` can use.
    pub async fn settled(&self, attempt: &Attempt) -> Value {
        self.until(attempt, is_final).await
    }

    async fn until(&self, attempt: &Attempt, wanted: impl Fn(&str) -> bool) -> Value {
        loop {
            let opened = self.get(&attempt.at("/events")).open().await;
            let mut events = opened.events();
            while let Some(status) = events.status().await {
                let word = status["status"].as_str().unwrap_or_default();
                if wanted(word) {
                    return status;
                }
                assert!(!is_final(word), "the attempt ended instead: {status}");
            }
        }
    }

    /// The `safe_id` of whom the guarded JSON route sees in this browser, or the refusal's status.
    pub async fn me(&self) -> Result<String, u16> {
        let reply = self.get("/api/me").send().await;
        match reply.status {
            200 => Ok(reply.json()["safe_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned()),
            status => Err(status),
        }
    }
}

/// Where the guard's redirect to the sign-in page leads afterwards.
#[track_caller]
#[must_use]
pub fn next_of(target: &str) -> String {
    let next = target
        .strip_prefix("/login?next=")
        .expect("the sign-in page, with a next");
    let mut bytes = next.bytes();
    let mut path = Vec::new();
    while let Some(byte) = bytes.next() {
        assert!(!b"&#+ ".contains(&byte), "an encoded value: {target}");
        path.push(match byte {
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two digits")
            }
            byte => byte,
        });
    }
    String::from_utf8(path).expect("a path in UTF-8")
}

/// Whether nothing can follow this status but a `finish`.
#[must_use]
pub fn is_final(status: &str) -> bool {
    matches!(
        status,
        "none" | "done" | "denied" | "expired" | "failed" | "cancelled"
    )
}

/// Asks again and again until the answer is yes.
pub async fn eventually<F: Future<Output = bool>>(mut question: impl FnMut() -> F) {
    while !question().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
