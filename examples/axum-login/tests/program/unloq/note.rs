//! The note that only the phone opens.

use keylockr_emulator::{
    conformance::agent::{Browser, Reply},
    unloq::{ApprovalKind, Fault, FaultKind},
};

use super::{ALICE, BOB, Stage};

const WORDS: &str = "milk & <eggs>\nand the good bread";
const SHOWN: &str = "milk &amp; &lt;eggs&gt;\nand the good bread";

/// The text between two others.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).expect(before);
    rest.split_once(after).expect(after).0
}

fn kept(page: &str) -> &str {
    between(page, "<pre id=\"kept\" tabindex=\"0\">", "</pre>")
}

async fn page(browser: &Browser) -> String {
    let page = browser.get("/unloq/note").page().send().await;
    assert_eq!(page.header("cache-control"), Some("no-store"));
    page.expect_page(200).to_owned()
}

/// Presses a button of the page as it is now.
async fn press(browser: &Browser, what: &str, text: &str) -> Reply {
    let page = page(browser).await;
    let version = between(&page, "name=\"version\" value=\"", "\"");
    post(browser, what, version, text).await
}

async fn post(browser: &Browser, what: &str, version: &str, text: &str) -> Reply {
    let form = [("what", what), ("version", version), ("text", text)];
    browser.post("/unloq/note").form(&form).send().await
}

async fn save(stage: &Stage, browser: &Browser, text: &str) {
    let (saved, approved) = tokio::join!(
        press(browser, "save", text),
        stage.unloq.approve_next(ALICE)
    );
    approved.unwrap();
    assert_eq!(saved.expect_see_other(), "/unloq/note");
}

#[tokio::test]
async fn a_note_is_kept_sealed_and_opens_when_the_phone_approves() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    let stranger = browser.get("/unloq/note").page().send().await;
    assert_eq!(stranger.expect_see_other(), "/unloq");
    stage.sign_in(&browser, ALICE).await;
    assert_eq!(kept(&page(&browser).await), "Nothing yet.");
    press(&browser, "show", "").await.expect_page(404);
    assert!(
        stage.unloq.approvals().is_empty(),
        "there is nothing to ask for"
    );

    let (saved, asked) = tokio::join!(press(&browser, "save", WORDS), async {
        let asked = stage.unloq.next_approval(ALICE).await.unwrap();
        stage.unloq.approve(&asked.id).unwrap();
        asked
    });
    assert_eq!(saved.expect_see_other(), "/unloq/note");
    assert_eq!(asked.kind, ApprovalKind::EncryptionKey);
    assert!(asked.encrypted && asked.message.unwrap().contains("to lock your new note"));
    let sealed = page(&browser).await;
    assert!(
        kept(&sealed).len() > 60 && !sealed.contains("bread"),
        "{sealed}"
    );

    let (opened, asked) = tokio::join!(press(&browser, "show", ""), async {
        let asked = stage.unloq.next_approval(ALICE).await.unwrap();
        stage.unloq.approve(&asked.id).unwrap();
        asked
    });
    assert!(opened.expect_page(200).contains(SHOWN), "{}", opened.text());
    assert_eq!(opened.header("cache-control"), Some("no-store"));
    assert!(asked.message.unwrap().contains("to show your note"));
    assert!(
        !page(&browser).await.contains("bread"),
        "for one answer only"
    );

    // Other words are other bytes, and the same words are, too.
    save(&stage, &browser, WORDS).await;
    let again = page(&browser).await;
    assert_ne!(kept(&again), kept(&sealed));
    // What was typed on a page of before replaces nothing, and rings nobody.
    let old = between(&sealed, "name=\"version\" value=\"", "\"");
    let conflict = post(&browser, "save", old, "lost?").await;
    assert!(conflict.expect_page(409).contains("lost?"));
    assert!(stage.unloq.approvals().is_empty());
    assert_eq!(kept(&page(&browser).await), kept(&again));

    // It is nobody else's.
    let bob = stage.browser();
    stage.sign_in(&bob, BOB).await;
    assert_eq!(kept(&page(&bob).await), "Nothing yet.");
}

#[tokio::test]
async fn without_a_yes_it_stays_closed() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    stage.sign_in(&browser, ALICE).await;
    save(&stage, &browser, WORDS).await;
    let before = page(&browser).await;

    for what in ["show", "save"] {
        let (reply, denied) = tokio::join!(
            press(&browser, what, "other words"),
            stage.unloq.deny_next(ALICE)
        );
        denied.unwrap();
        assert!(reply.expect_page(403).contains("refused on your phone"));
        assert!(!reply.text().contains("bread"));
        assert_eq!(reply.text().contains("other words"), what == "save");
    }
    let faults = [
        (FaultKind::Timeout, 423, "did not answer in time", false),
        (FaultKind::Status(503), 503, "cannot be reached", false),
        (FaultKind::SwappedKey, 502, "not the key", true),
        (
            FaultKind::KeyInClear,
            502,
            "did not arrive as it must",
            true,
        ),
        (FaultKind::WrongUser, 502, "did not arrive as it must", true),
        (
            FaultKind::OtherPadding,
            502,
            "did not arrive as it must",
            true,
        ),
    ];
    for (fault, status, words, approves) in faults {
        for what in ["show", "save"] {
            stage.unloq.fault(Fault::from(fault).times(1)).unwrap();
            let reply = if approves {
                let (reply, approved) = tokio::join!(
                    press(&browser, what, "other words"),
                    stage.unloq.approve_next(ALICE)
                );
                approved.unwrap();
                reply
            } else {
                press(&browser, what, "other words").await
            };
            assert!(reply.expect_page(status).contains(words), "{fault:?}");
            assert!(!reply.text().contains("bread"), "{fault:?}");
            stage.unloq.clear_faults();
        }
    }
    assert_eq!(kept(&page(&browser).await), kept(&before));
    let (opened, approved) =
        tokio::join!(press(&browser, "show", ""), stage.unloq.approve_next(ALICE));
    approved.unwrap();
    assert!(opened.expect_page(200).contains(SHOWN), "as it was");
}

#[tokio::test]
async fn only_its_owner_and_only_from_our_page() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    stage.sign_in(&browser, ALICE).await;
    save(&stage, &browser, WORDS).await;
    let elsewhere = browser.twin().from_origin("http://evil.example");
    post(&elsewhere, "show", "", "").await.expect_page(403);
    post(&stage.browser(), "show", "", "")
        .await
        .expect_page(401);
    post(&browser, "burn", "", "").await.expect_page(400);
    let long = "x".repeat(20_001);
    press(&browser, "save", &long).await.expect_page(413);
    assert!(stage.unloq.approvals().is_empty(), "nobody's phone rang");

    // One question at a time.
    let asks = async {
        let asked = stage.unloq.next_approval(ALICE).await.unwrap();
        post(&browser, "show", "", "").await.expect_page(429);
        stage.unloq.approve(&asked.id).unwrap();
    };
    let (opened, ()) = tokio::join!(press(&browser, "show", ""), asks);
    opened.expect_page(200);
}
