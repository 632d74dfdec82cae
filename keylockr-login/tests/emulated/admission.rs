//! The application's hook.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use keylockr_login::{AccountUnavailable, Admit, NotAdmitted, Refusal, SignIn, User};

use crate::{sign_in::sign_in, stage::Stage};

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    safe_id: String,
    address: Option<IpAddr>,
    started_from: Option<IpAddr>,
    agent: Option<String>,
}

/// Admits everybody but bob, and knows nobody's account but alice's.
#[derive(Clone, Default)]
struct Door {
    seen: Arc<Mutex<Vec<Seen>>>,
    bob: String,
    hangs: bool,
    unavailable: bool,
}

impl Admit for Door {
    type Account = String;

    async fn admit(&self, sign_in: SignIn<'_>) -> Result<String, NotAdmitted> {
        let safe_id = sign_in.principal().safe_id().to_owned();
        self.seen.lock().unwrap().push(Seen {
            safe_id: safe_id.clone(),
            address: sign_in.address(),
            started_from: sign_in.started_from(),
            agent: sign_in.agent().map(str::to_owned),
        });
        if self.hangs {
            std::future::pending::<()>().await;
        }
        if self.unavailable {
            return Err(NotAdmitted::Unavailable);
        }
        if safe_id == self.bob {
            return Err(NotAdmitted::Refused);
        }
        Ok(format!("account of {safe_id}"))
    }

    async fn load(&self, user: &User) -> Result<Option<String>, AccountUnavailable> {
        if self.unavailable {
            return Err(AccountUnavailable);
        }
        Ok(Some(format!("account of {}", user.safe_id())))
    }
}

async fn stage_with(door: &Door) -> Stage {
    let bob = Stage::new().await.safe_id("bob");
    let door = Door {
        bob,
        ..door.clone()
    };
    Stage::with(|builder| builder.admit(door)).await
}

#[tokio::test(start_paused = true)]
async fn admit_hook_can_refuse() {
    let door = Door::default();
    let stage = stage_with(&door).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve_as(&attempt.code, "bob");
    browser.until(&attempt, "done").await;
    browser.move_to("198.51.100.9");
    let got = browser.finish(&attempt).await;
    assert_eq!((got.status, got.refusal), (403, Some(Refusal::NotAdmitted)));
    assert_eq!(browser.safe_id().await, None);
    assert_eq!(stage.sessions.len(), 0);
    let status = browser.status(&attempt).await;
    assert_eq!(status["status"], "failed");
    assert_eq!(status["error"]["code"], "not_admitted");
    assert_eq!(
        browser.finish(&attempt).await.status,
        410,
        "the attempt is over"
    );
    let seen = door.seen.lock().unwrap().clone();
    let expected = Seen {
        safe_id: stage.safe_id("bob"),
        address: "198.51.100.9".parse().ok(),
        started_from: "192.0.2.1".parse().ok(),
        agent: Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0".to_owned()),
    };
    assert_eq!(seen, [expected], "asked once, and told all");
    sign_in(&stage, &browser, "alice").await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_form_leads_back_to_the_page() {
    let stage = stage_with(&Door::default()).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve_as(&attempt.code, "bob");
    browser.until(&attempt, "done").await;
    let finished = browser
        .submit(&format!("/finish?attempt={}", attempt.id), "")
        .await;
    assert_eq!(
        finished.location(),
        format!("/login?attempt={}", attempt.id)
    );
    let page = browser.open(&format!("/?attempt={}", attempt.id)).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("data-status=\"failed"), "{}", page.text);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_cannot_tell_signs_nobody_in() {
    for door in [
        Door {
            hangs: true,
            ..Door::default()
        },
        Door {
            unavailable: true,
            ..Door::default()
        },
    ] {
        let stage = stage_with(&door).await;
        let browser = stage.browser();
        let attempt = stage.approved(&browser).await;
        let finish = tokio::time::timeout(Duration::from_secs(6), browser.finish(&attempt));
        let got = finish.await.expect("a bounded wait");
        assert_eq!((got.status, got.refusal), (503, Some(Refusal::CannotTell)));
        assert!(got.header("retry-after").is_some());
        assert_eq!(browser.safe_id().await, None);
        assert_eq!(browser.status(&attempt).await["error"]["code"], "site");
    }
}

#[tokio::test(start_paused = true)]
async fn the_account_is_loaded_by_the_hook() {
    let stage = stage_with(&Door::default()).await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let user = browser.user().await.unwrap().unwrap();
    let account = stage.keylockr.account(&user).await.unwrap().unwrap();
    let expected = format!("account of {}", stage.safe_id("alice"));
    assert_eq!(account.downcast_ref::<String>(), Some(&expected));
    // Without a hook there is none.
    let plain = Stage::new().await;
    let other = plain.browser();
    sign_in(&plain, &other, "alice").await;
    let user = other.user().await.unwrap().unwrap();
    assert!(plain.keylockr.account(&user).await.unwrap().is_none());
}
