//! The signed-in person's encrypted record, as programs meet it at `/api/notes`.

use serde_json::{Value, json};

use super::agent::{Browser, Call, Reply};
use super::setup::{Adapter, Setup};
use super::stage::{Stage, eventually};
use crate::{FaultKind, Mode, NewService, RecordScope};

const NOTES: &str = "/api/notes";

fn seed(setup: &mut Setup) {
    setup.service = "demo-data".to_owned();
    setup.app_tag = Some("notes".to_owned());
    setup.vault = true;
}

fn app_data(setup: &mut Setup) {
    setup.service = "demo-app".to_owned();
    setup.family = "appdata";
    setup.ask_app_data = true;
    setup.vault = true;
}

const FAMILIES: [fn(&mut Setup); 2] = [seed, app_data];

impl Browser {
    async fn note(&self) -> Reply {
        self.get(NOTES).send().await
    }

    fn put_note(&self, note: &Value) -> Call<'_> {
        self.put(NOTES).json(note)
    }
}

impl Reply {
    #[track_caller]
    fn etag(&self) -> String {
        let etag = self.header("etag").expect("an ETag");
        assert!(
            etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'),
            "{etag}"
        );
        etag.to_owned()
    }
}

/// Strangers get no note, and change none.
pub async fn notes_are_guarded(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, seed).await;
    let browser = stage.browser();
    let problem = browser.note().await.expect_problem(401);
    assert_eq!(problem["login"], "/login");
    browser
        .put_note(&json!("x"))
        .send()
        .await
        .expect_problem(401);
    // Somebody who is signed in where there is no vault: not signed out.
    let stage = Stage::new(&adapter).await;
    let browser = stage.signed_in("alice").await;
    browser.note().await.expect_problem(500);
    assert!(browser.me().await.is_ok());
}

/// No note, a note, another note: as they were sent, and encrypted at the service.
pub async fn notes_round_trip(adapter: impl Adapter) {
    for family in FAMILIES {
        let stage = Stage::with(&adapter, family).await;
        let browser = stage.signed_in("alice").await;
        let none = browser.note().await.expect(200);
        assert_eq!(none.media_type(), "application/json");
        assert_eq!(none.json(), Value::Null);
        let no_store = none.header("cache-control").unwrap_or_default();
        assert!(no_store.contains("no-store"), "{no_store}");
        let mut tags = vec![none.etag()];
        for note in [
            json!({ "text": "milk \u{1f95b}", "numbers": [1, -2.5, 1e300], "none": null }),
            json!("x".repeat(50_000)),
            json!(null),
            json!([]),
        ] {
            let reply = browser.put_note(&note).send().await.expect(204);
            assert!(reply.body.is_empty());
            let read = browser.note().await.expect(200);
            assert_eq!(read.json(), note);
            tags.push(read.etag());
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 5, "each state has a tag of its own");
        let bob = stage.signed_in("bob").await;
        assert_eq!(bob.note().await.expect(200).json(), Value::Null, "his own");
    }
}

/// `If-Match` replaces the state it names and no other.
pub async fn notes_by_version(adapter: impl Adapter) {
    for family in FAMILIES {
        let stage = Stage::with(&adapter, family).await;
        let browser = stage.signed_in("alice").await;
        let first = browser.note().await.etag();
        let write = |note: &str, tag: &str| browser.put_note(&json!(note)).header("if-match", tag);
        write("x", "*").send().await.expect_problem(409);
        write("one", &first).send().await.expect(204);
        let second = browser.note().await.etag();
        assert_ne!(first, second);
        for stale in [
            &first,
            "\"never\"",
            "W/\"v-1\"",
            "garbage",
            "\"\"",
            "\"a b\"",
            &format!("{first}, \"never\""),
            &format!("W/{second}"),
        ] {
            let problem = write("x", stale).send().await.expect_problem(409);
            assert_eq!(problem["code"], "vault_conflict", "{stale}");
        }
        let read = browser.note().await.expect(200);
        assert_eq!((read.json(), read.etag()), (json!("one"), second.clone()));
        write("two", &format!("\"never\", {second}"))
            .send()
            .await
            .expect(204);
        write("three", "*").send().await.expect(204);
        browser.put_note(&json!("four")).send().await.expect(204);
        assert_eq!(browser.note().await.json(), json!("four"));
    }
}

/// 423 while the phone is locked, which is asked once; then it works.
pub async fn notes_while_the_phone_is_locked(adapter: impl Adapter) {
    for family in FAMILIES {
        let stage = Stage::with(&adapter, family).await;
        stage.service.lock("alice");
        let (browser, app_id) = with_connection(&stage, "alice").await;
        for _ in 0..2 {
            let reply = browser.note().await;
            let seconds = reply.header("retry-after").expect("when to try again");
            assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0));
            let problem = reply.expect_problem(423);
            assert_eq!(problem["code"], "vault_locked");
            browser
                .put_note(&json!("x"))
                .send()
                .await
                .expect_problem(423);
        }
        let service = &stage.service;
        let connections = service.connections();
        let own = connections.iter().find(|own| own.app_id == app_id);
        assert!(own.is_some_and(|own| own.filekey_asked), "the request asks");
        assert_eq!(service.actions(&app_id), ["app_req_filekey"]);
        assert!(browser.me().await.is_ok(), "and is signed in all the while");
        service.unlock("alice");
        let alice = &browser;
        eventually(|| async move { alice.note().await.status == 200 }).await;
        browser.put_note(&json!("milk")).send().await.expect(204);
        // The key is here: the phone may be locked again.
        service.lock("alice");
        assert_eq!(browser.note().await.expect(200).json(), json!("milk"));
    }
}

/// The person says no: 403, still signed in; asked again by the next request.
pub async fn notes_denied_on_the_phone(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, seed).await;
    stage.service.standing("alice", false);
    let (browser, app_id) = with_connection(&stage, "alice").await;
    browser.note().await.expect_problem(423);
    stage.service.filekey_deny(&app_id);
    let alice = &browser;
    eventually(|| async move { alice.note().await.status == 403 }).await;
    browser.note().await.expect_problem(423);
    assert!(browser.me().await.is_ok());
}

/// Only our own pages write, by the rule of the sign-in routes.
pub async fn notes_from_another_origin(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, seed).await;
    let browser = stage.signed_in("alice").await;
    browser.put_note(&json!("mine")).send().await.expect(204);
    let theirs = || browser.put_note(&json!("theirs"));
    let origin = browser.origin().to_owned();
    for call in [
        theirs().with("origin", "https://evil.example"),
        theirs().with("origin", "null"),
        theirs().with("origin", &format!("{origin}.evil.example")),
        theirs().header("origin", "https://evil.example"),
        theirs().without("origin"),
        theirs()
            .without("origin")
            .header("sec-fetch-site", "cross-site"),
        theirs()
            .without("origin")
            .header("sec-fetch-site", "same-site"),
    ] {
        let problem = call.send().await.expect_problem(403);
        assert_eq!(problem["code"], "cross_origin");
    }
    assert_eq!(browser.note().await.json(), json!("mine"));
    let ours = browser.put_note(&json!("ours")).without("origin");
    ours.header("sec-fetch-site", "same-origin")
        .send()
        .await
        .expect(204);
    assert_eq!(browser.note().await.json(), json!("ours"));
}

/// What is no JSON document, or does not fit, changes nothing.
pub async fn notes_that_are_none(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, seed).await;
    let browser = stage.signed_in("alice").await;
    browser.put_note(&json!("mine")).send().await.expect(204);
    let put = || browser.put_note(&Value::Null);
    let json = "application/json";
    for body in ["", "{", "{} {}", "\u{feff}{}", "'x'", "{\"a\":}"] {
        put().body(json, body).send().await.expect_problem(400);
    }
    put()
        .body(json, vec![b'"', 0xff, b'"'])
        .send()
        .await
        .expect_problem(400);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        put().body(kind, "{}").send().await.expect_problem(415);
    }
    // More than a record takes, and more than a request may hold.
    for length in [62_000, 65_536, 70_000] {
        let long = format!("\"{}\"", "x".repeat(length));
        put().body(json, long).send().await.expect_problem(413);
    }
    put().chunked(json, 70_000).send().await.expect_problem(413);
    assert_eq!(browser.note().await.json(), json!("mine"));
    put()
        .body("Application/JSON; charset=utf-8", " \"new\" ")
        .send()
        .await
        .expect(204);
    assert_eq!(browser.note().await.json(), json!("new"));
}

/// Whose own browser holds the keys is signed in, and has no note on the server: 403, and no 401.
pub async fn notes_of_browser_keys(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, seed).await;
    let browser = stage.browser();
    let approved = stage.approved_keys(&browser, "alice").await;
    browser.verify(&approved.claim()).send().await.expect(200);
    let problem = browser.note().await.expect_problem(403);
    assert_eq!(problem["code"], "vault_with_browser");
    let write = browser.put_note(&json!("x")).send().await;
    write.expect_problem(403);
    assert!(browser.me().await.is_ok());
}

/// The person removes the connection: 401 from then on, with or without a permanent connection.
pub async fn notes_end_with_the_connection(adapter: impl Adapter) {
    for keep in [false, true] {
        let stage = Stage::with(&adapter, |setup| {
            seed(setup);
            setup.keep_connection = keep;
        })
        .await;
        let (browser, app_id) = with_connection(&stage, "alice").await;
        browser.put_note(&json!("milk")).send().await.expect(204);
        stage.service.revoke(&app_id);
        let alice = &browser;
        eventually(|| async move { alice.note().await.status == 401 }).await;
        browser
            .put_note(&json!("x"))
            .send()
            .await
            .expect_problem(401);
        assert_eq!(browser.me().await, Err(401));
        let again = stage.signed_in("alice").await;
        assert_eq!(again.note().await.expect(200).json(), json!("milk"));
    }
}

/// A guarded request that does not touch the vault costs no round trip; a read costs one.
pub async fn notes_cost_what_they_must(adapter: impl Adapter) {
    for family in FAMILIES {
        let stage = Stage::with(&adapter, |setup| {
            family(setup);
            setup.keep_connection = true;
        })
        .await;
        let (browser, app_id) = with_connection(&stage, "alice").await;
        for _ in 0..3 {
            assert!(browser.me().await.is_ok());
            browser.get("/private").send().await.expect(200);
        }
        let service = &stage.service;
        assert_eq!(service.actions(&app_id), [""; 0]);
        browser.note().await.expect(200);
        assert_eq!(
            service.actions(&app_id),
            ["app_req_filekey", "app_get_data"]
        );
        for _ in 0..3 {
            let before = service.actions(&app_id).len();
            browser.note().await.expect(200);
            assert_eq!(service.actions(&app_id)[before..], ["app_get_data"]);
        }
    }
}

/// KeyLockr refuses for a while: 5xx with what to do, never "signed out"; afterwards all is there.
pub async fn notes_without_keylockr(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, seed).await;
    let browser = stage.signed_in("alice").await;
    browser.put_note(&json!("milk")).send().await.expect(204);
    stage.service.fault(FaultKind::AppFileNotFound);
    browser.note().await.expect_problem(500);
    browser
        .put_note(&json!("x"))
        .send()
        .await
        .expect_problem(500);
    assert!(browser.me().await.is_ok());
    stage.service.clear_faults();
    assert_eq!(browser.note().await.expect(200).json(), json!("milk"));
}

/// Many write at once, each to the state it has read: every line is there in the end.
pub async fn concurrent_writers_no_loss(adapter: impl Adapter) {
    // One session in several tabs, in both families; and two connections to one record.
    for family in FAMILIES {
        let stage = Stage::with(&adapter, family).await;
        let browser = stage.signed_in("alice").await;
        write_at_once(&[&browser, &browser.twin(), &browser.twin()]).await;
    }
    let stage = Stage::with(&adapter, |setup| {
        app_data(setup);
        setup.service = "shared".to_owned();
    })
    .await;
    let mut shared = NewService::seed("shared", "Shared", Mode::Data);
    shared.family = crate::Family::AppData;
    shared.app_tag = Some("shared".to_owned());
    shared.record_scope = RecordScope::Service;
    stage.service.create_service(shared);
    let (one, two) = (
        stage.signed_in("alice").await,
        stage.signed_in("alice").await,
    );
    write_at_once(&[&one, &two]).await;
}

async fn write_at_once(writers: &[&Browser]) {
    const LINES: usize = 6;
    let write = |writer: usize| async move {
        for line in 0..LINES {
            loop {
                let read = writers[writer].note().await.expect(200);
                let tag = read.etag();
                let mut lines = read.json().as_array().cloned().unwrap_or_default();
                lines.push(json!([writer, line]));
                let put = writers[writer]
                    .put_note(&json!(lines))
                    .header("if-match", &tag);
                match put.send().await.status {
                    204 => break,
                    409 => {}
                    status => panic!("{status}"),
                }
            }
        }
    };
    futures_util::future::join_all((0..writers.len()).map(write)).await;
    let lines = writers[0].note().await.json();
    let lines = lines.as_array().expect("a list of lines");
    assert_eq!(lines.len(), writers.len() * LINES, "{lines:?}");
    for writer in 0..writers.len() {
        let own = lines.iter().filter(|line| line[0] == json!(writer));
        let expected: Vec<Value> = (0..LINES).map(|line| json!([writer, line])).collect();
        assert_eq!(own.cloned().collect::<Vec<_>>(), expected);
    }
}

/// Where the site wants the filekey first: `unlock` until the phone released it, then `done`.
pub async fn unlock_before_the_session(adapter: impl Adapter) {
    for family in FAMILIES {
        let stage = Stage::with(&adapter, |setup| {
            family(setup);
            setup.filekey_at_sign_in = true;
        })
        .await;
        stage.service.lock("alice");
        let browser = stage.browser();
        let attempt = browser.start().await;
        stage.service.approve(&attempt.tmp_id, "alice");
        browser.reach(&attempt, "unlock").await;
        browser.finish(&attempt).await.expect_problem(409);
        assert_eq!(browser.me().await, Err(401));
        stage.service.unlock("alice");
        browser.reach(&attempt, "done").await;
        browser.finish(&attempt).await.expect(200);
        assert_eq!(browser.note().await.expect(200).json(), Value::Null);
    }
}

/// A browser that this user's phone has signed in, and the connection's id.
async fn with_connection(stage: &Stage, user: &str) -> (Browser, String) {
    let browser = stage.browser();
    let attempt = browser.start().await;
    let (app_id, _) = stage.service.approve(&attempt.tmp_id, user);
    browser.reach(&attempt, "done").await;
    browser.finish(&attempt).await.expect(200);
    (browser, app_id)
}
