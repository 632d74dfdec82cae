//! Browsers that hold their own keys (K 7.8), under paused time and with two processes. What HTTP
//! shows of them is in the emulator's suite.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use keylockr_client::{
    OsEntropy,
    proto::{
        AppId, AppTag, ClientKeys, DisplayName, HandshakeRequest, KeyLifetime, Possession,
        Revision, SafeId, Service, SvcId, handshake_reply,
    },
};
use keylockr_login::{
    AttemptId, AttemptStore, Family, KeyLockrBuilder, Refusal, SessionRecord, SignInMethod,
};
use serde_json::{Value, json};

use crate::{
    altered::{Alteration, Altered},
    browser::{Browser, Got},
    network::Weather,
    stage::{Common, ORIGIN, Stage, State},
};

/// A page's keys, and its attempt here.
struct Page {
    service: Service,
    keys: ClientKeys,
    attempt: String,
    challenge: [u8; 32],
}

impl Page {
    async fn register(browser: &Browser, service: Service) -> Self {
        let keys = ClientKeys::generate(&mut OsEntropy, KeyLifetime::Fresh).unwrap();
        let body = json!({ "sign_pk": keys.sign_public().to_base64(), "next": "/private" });
        let got = browser.post("/challenge", &body).await;
        assert_eq!(got.status, 201, "{}", got.text);
        let answer = got.json();
        assert_eq!(answer["aud"], ORIGIN);
        assert_eq!(answer["svc_id"], service.name_on_wire());
        let challenge = answer["challenge"].as_str().unwrap();
        Self {
            service,
            keys,
            attempt: answer["attempt_id"].as_str().unwrap().to_owned(),
            challenge: BASE64_STANDARD
                .decode(challenge)
                .unwrap()
                .try_into()
                .unwrap(),
        }
    }

    /// The page's own handshake, and a phone that approves: connection and SafeID.
    async fn approved(&self, stage: &Stage, user: &str) -> (String, String) {
        let hello = HandshakeRequest {
            service: &self.service,
            name: &DisplayName::parse("Acme Web").unwrap(),
            sign: self.keys.sign_public(),
            enc: self.keys.box_public(),
        };
        let local = "127.0.0.1".parse().unwrap();
        let binary = Some("application/octet-stream".to_owned());
        let (status, _, body) = stage
            .emulator
            .http(
                "POST",
                "/v3/handshake",
                binary.as_deref(),
                hello.encode(),
                local,
            )
            .await;
        assert_eq!(status, 200);
        let tmp_id = handshake_reply(self.service.family(), &body).unwrap();
        let approved = stage.emulator.approve(keylockr_emulator::Approve {
            user: Some(user.to_owned()),
            ..keylockr_emulator::Approve::from(tmp_id.as_str())
        });
        let approved = approved.unwrap();
        (approved.app_id, approved.safe_id)
    }

    fn claim(&self, (app_id, safe_id): &(String, String)) -> Value {
        let family = self.service.family();
        let possession = Possession {
            audience: ORIGIN,
            challenge: &self.challenge,
            app_id: &AppId::parse(family, Revision::One, app_id).unwrap(),
            safe_id: &SafeId::parse(family, Revision::One, safe_id).unwrap(),
        };
        json!({
            "attempt_id": self.attempt, "app_id": app_id, "safe_id": safe_id,
            "signature": possession.sign(self.keys.sign_secret()).to_base64(),
        })
    }
}

fn demo() -> Service {
    Service::Seed {
        svc_id: SvcId::parse("demo").unwrap(),
        app_tag: None,
    }
}

async fn verify(browser: &Browser, claim: &Value) -> Got {
    browser.post("/verify", claim).await
}

#[tokio::test(start_paused = true)]
async fn the_session_says_how_and_for_which_key() {
    let stage = Stage::with(|builder| builder.keep_connection(true)).await;
    let browser = stage.browser();
    let page = Page::register(&browser, demo()).await;
    let ids = page.approved(&stage, "alice").await;
    let got = verify(&browser, &page.claim(&ids)).await;
    assert_eq!(got.json()["next"], "/private");
    let user = browser.user().await.unwrap().unwrap();
    assert_eq!(user.safe_id(), ids.1);
    let stored = stage.sessions.stored(&browser.session().unwrap()).unwrap();
    let stored = &stored["keylockr"];
    let record: SessionRecord = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(record.method(), SignInMethod::BrowserKeys);
    assert_eq!(record.app_id(), &*ids.0);
    let key = page.keys.sign_public().to_base64();
    assert!(stored.as_str().unwrap().contains(&key), "the browser's key");
    assert_eq!(stage.network.open_sockets(), 0, "no connection of ours");

    // K 9: without a socket, a definite no at a re-check ends it.
    stage.emulator.revoke(&ids.0).unwrap();
    assert!(browser.safe_id().await.is_some(), "not due yet");
    tokio::time::sleep(Duration::from_secs(15 * 60)).await;
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn every_family_and_its_ids() {
    let appdata = Service::AppData {
        app_tag: AppTag::parse("demo-app").unwrap(),
        app_data: false,
        minimum: Revision::Two,
    };
    let stage = Stage::of("demo-app", |builder| {
        builder
            .family(Family::AppData)
            .minimum_revision(Revision::Two)
    })
    .await;
    let browser = stage.browser();
    let page = Page::register(&browser, appdata).await;
    let ids = page.approved(&stage, "bob").await;
    let claim = page.claim(&ids);
    // What the revision does not allow as an id is malformed, whatever the proof.
    for wrong in ["0", "01", "2147483648", "abc", "-1"] {
        let mut claim = claim.clone();
        claim["app_id"] = json!(wrong);
        assert_eq!(verify(&browser, &claim).await.status, 400, "{wrong}");
    }
    assert_eq!(verify(&browser, &claim).await.status, 200);
    assert_eq!(browser.safe_id().await, Some(ids.1));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_nobody_proves_expires() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let page = Page::register(&browser, demo()).await;
    let ids = page.approved(&stage, "alice").await;
    tokio::time::sleep(Duration::from_secs(179)).await;
    let status = browser.get("/status").await.json();
    assert_eq!(
        (&status["status"], &status["expires_in"]),
        (&json!("waiting"), &json!(1))
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(browser.get("/status").await.json()["status"], "expired");
    assert_eq!(verify(&browser, &page.claim(&ids)).await.status, 410);
    assert_eq!(stage.sessions.signed_in(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_keylockr_that_does_not_answer_costs_nothing_but_time() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let page = Page::register(&browser, demo()).await;
    let ids = page.approved(&stage, "alice").await;
    let claim = page.claim(&ids);
    stage.network.set(Weather::Silent);
    // Whoever comes second waits for the first, and gives up in time as well.
    let asked = async {
        tokio::join!(
            verify(&browser, &claim),
            verify(&browser, &claim),
            verify(&browser, &claim)
        )
    };
    let (first, second, third) = tokio::time::timeout(Duration::from_secs(36), asked)
        .await
        .expect("a bounded wait");
    for got in [first, second, third] {
        assert_eq!(got.status, 502, "{}", got.text);
        assert_eq!(got.refusal, Some(Refusal::NotAsked));
    }
    assert_eq!(stage.network.asked("/app_verify"), 2, "one gave up waiting");
    stage.network.set(Weather::Fine);
    assert_eq!(browser.get("/status").await.json()["status"], "waiting");
    assert_eq!(verify(&browser, &claim).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_keylockr_is_asked() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let page = Page::register(&browser, demo()).await;
    let claim = page.claim(&page.approved(&stage, "alice").await);
    let fault = keylockr_emulator::FaultKind::VerifyTimeout { seconds: 5 };
    stage.emulator.fault(fault).unwrap();
    let asked = verify(&browser, &claim);
    let cancelled = async {
        while stage.network.asked("/app_verify") == 0 {
            tokio::task::yield_now().await;
        }
        let path = format!("/cancel?attempt={}", page.attempt);
        assert_eq!(browser.post(&path, &json!({})).await.status, 204);
        stage.emulator.clear_faults();
    };
    let (got, ()) = tokio::join!(asked, cancelled);
    assert!(matches!(got.status, 410 | 502), "{}", got.status);
    assert_eq!(verify(&browser, &claim).await.status, 410);
    assert_eq!(stage.sessions.signed_in(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_store_that_is_down_signs_nobody_in() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    browser.set_session(Some("old".to_owned()));
    for state in [State::Down, State::ReadOnly] {
        let page = Page::register(&browser, demo()).await;
        let claim = page.claim(&page.approved(&stage, "alice").await);
        stage.sessions.trouble.set(state);
        let got = verify(&browser, &claim).await;
        assert_eq!(got.status, 503, "{state:?}: {}", got.text);
        stage.sessions.trouble.set(State::Up);
        assert_eq!(browser.safe_id().await, None);
        // Before the claim nothing is lost by it; after it the approval is not used twice.
        let again = verify(&browser, &claim).await.status;
        let expected = if state == State::Down { 200 } else { 410 };
        assert_eq!(again, expected, "{state:?}");
        browser.logout().await;
    }
}

fn sharing(store: Arc<dyn AttemptStore>) -> impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder {
    move |builder| builder.attempts(store).seal_key([7; 32])
}

#[tokio::test(start_paused = true)]
async fn keys_at_rest_cannot_be_exchanged() {
    let store = Arc::new(Altered::default());
    let stage = Stage::with(sharing(Arc::clone(&store) as Arc<dyn AttemptStore>)).await;
    let victim = stage.browser();
    let page = Page::register(&victim, demo()).await;
    let claim = page.claim(&page.approved(&stage, "alice").await);
    let attacker = stage.browser();
    let theirs = Page::register(&attacker, demo()).await;
    let their_ids = theirs.approved(&stage, "bob").await;
    let id = AttemptId::parse(&theirs.attempt).unwrap();
    let their_record = serde_json::to_value(store.store.load(&id).await.unwrap().unwrap()).unwrap();
    let sealed = their_record["held_key"].clone();
    let text = their_record.to_string();
    for secret in [
        theirs.keys.sign_public().to_base64(),
        BASE64_STANDARD.encode(theirs.challenge),
    ] {
        assert!(!text.contains(&secret), "sealed: {text}");
    }

    // The attacker's key and challenge in the victim's attempt, and the proof that goes with them.
    let put = sealed.clone();
    let alteration: Alteration = Box::new(move |record| record["held_key"] = put.clone());
    *store.alter.lock().unwrap() = Some(alteration);
    let mut claims = theirs.claim(&their_ids);
    claims["attempt_id"] = json!(page.attempt);
    let got = verify(&victim, &claims).await;
    assert!(matches!(got.status, 401 | 410), "{}", got.status);
    // A damaged blob is no key at all.
    let alteration: Alteration = Box::new(|record| {
        let sealed = record["held_key"].as_str().unwrap().to_owned();
        let (head, last) = sealed.split_at(sealed.len() - 4);
        let other = if last.starts_with('A') {
            "BBBB"
        } else {
            "AAAA"
        };
        record["held_key"] = json!(format!("{head}{other}"));
    });
    *store.alter.lock().unwrap() = Some(alteration);
    assert_eq!(verify(&victim, &claim).await.status, 410);
    *store.alter.lock().unwrap() = None;
    assert_eq!(
        verify(&victim, &claim).await.status,
        200,
        "as it was stored"
    );
    assert_eq!(stage.sessions.signed_in(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_processes_give_one_session() {
    let store: Arc<dyn AttemptStore> = Arc::new(Common::default());
    let stage = Stage::with(sharing(Arc::clone(&store))).await;
    let other = stage.process("demo", sharing(store));
    let browser = stage.browser();
    let page = Page::register(&browser, demo()).await;
    let claim = page.claim(&page.approved(&stage, "alice").await);
    let there = Browser::new(other, stage.sessions.clone());
    there.set_binding(browser.binding());
    let (here, there) = tokio::join!(verify(&browser, &claim), verify(&there, &claim));
    let mut statuses = [here.status, there.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_eq!(stage.sessions.signed_in(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_proof_reaches_keylockr_never() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let page = Page::register(&browser, demo()).await;
    let ids = page.approved(&stage, "alice").await;
    let mut claim = page.claim(&ids);
    claim["signature"] = json!(BASE64_STANDARD.encode([0; 64]));
    assert_eq!(verify(&browser, &claim).await.status, 401);
    assert_eq!(stage.network.asked("/app_verify"), 0);
    for bit in [0, 255, 256, 511] {
        let page = Page::register(&browser, demo()).await;
        let mut claim = page.claim(&page.approved(&stage, "alice").await);
        let signature = claim["signature"].as_str().unwrap();
        let mut signature = BASE64_STANDARD.decode(signature).unwrap();
        signature[bit / 8] ^= 1 << (bit % 8);
        claim["signature"] = json!(BASE64_STANDARD.encode(signature));
        assert_eq!(verify(&browser, &claim).await.status, 401, "{bit}");
    }
    assert_eq!(stage.network.asked("/app_verify"), 0);
}
