//! The application's own say, addresses behind proxies, and floods.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::future::join_all;

use super::setup::{Adapter, AdmitMode};
use super::stage::{MOUNT, Stage};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The hook sees who, from where, with what and when; its no makes no session.
pub async fn admit_hook_can_refuse(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.admit = AdmitMode::Nobody).await;
    let browser = stage.browser().saying("user-agent", "Conformance/1.0");
    let attempt = browser.start().await;
    let (_, safe_id) = stage.service.approve(&attempt.tmp_id, "alice");
    browser.settled(&attempt).await;
    let reply = browser.finish(&attempt).await;
    reply.expect_problem(403);
    assert!(
        reply.session_cookie().is_none(),
        "no session comes with a refusal"
    );
    assert_eq!(browser.me().await, Err(401));
    let again = browser.finish(&attempt).await;
    assert!(matches!(again.status, 403 | 410), "{}", again.status);
    assert_eq!(browser.me().await, Err(401));
    let seen = stage.setup.admissions.all();
    let first = seen.first().expect("the hook was asked");
    assert_eq!(first.safe_id, safe_id);
    assert_eq!(first.address, Some(LOOPBACK));
    assert_eq!(first.agent.as_deref(), Some("Conformance/1.0"));
    assert!(first.time > 1_700_000_000, "{}", first.time);

    // As a form, a page says so: at once, or where the attempt's page is.
    let attempt = stage.approved(&browser, "bob").await;
    let page = browser.post(&attempt.at("/finish")).form(&[]).send().await;
    assert!(
        page.session_cookie().is_none(),
        "no session comes with a refusal"
    );
    if page.status == 303 {
        let target = page.expect_see_other();
        assert_eq!(target, attempt.at(""));
        browser.get(&target).page().send().await.expect_page(200);
    } else {
        page.expect_page(403);
    }
    assert_eq!(browser.me().await, Err(401));

    // Whoever was signed in before stays so.
    let stage = Stage::new(&adapter).await;
    let browser = stage.signed_in("alice").await;
    assert_eq!(
        stage.setup.admissions.all().len(),
        1,
        "asked once for a sign-in"
    );
    browser.me().await.expect("alice");
}

/// The application cannot tell: 503, no session.
pub async fn admit_hook_may_be_unable_to_tell(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.admit = AdmitMode::Unavailable).await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser, "alice").await;
    let reply = browser.finish(&attempt).await;
    reply.expect_problem(503);
    assert!(reply.session_cookie().is_none());
    assert_eq!(browser.me().await, Err(401));
}

/// The account that the hook made is the application's to use.
pub async fn account_of_the_admit_hook(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.signed_in("alice").await;
    let me = browser.me().await.expect("alice");
    let account = browser.get("/account").send().await.expect(200);
    assert_eq!(account.text(), format!("account of {me}"));
    stage
        .browser()
        .get("/account")
        .send()
        .await
        .expect_problem(401);
}

/// Headers as a browser's request arrives, and the address that must come out.
type Forwarded = (&'static [(&'static str, &'static str)], &'static str);

/// Believed proxies only, right-most hop that is none of ours; anything unreadable is the proxy itself.
pub async fn trusted_proxy_parsing(adapter: impl Adapter) {
    const BEHIND: [Forwarded; 16] = [
        (&[], "127.0.0.1"),
        (&[("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
        (
            &[("x-forwarded-for", "1.1.1.1, 203.0.113.7")],
            "203.0.113.7",
        ),
        (
            &[("x-forwarded-for", "1.1.1.1,203.0.113.7 , 127.0.0.1")],
            "203.0.113.7",
        ),
        (
            &[("x-forwarded-for", "203.0.113.7, 10.9.8.7")],
            "203.0.113.7",
        ),
        (
            &[(
                "x-forwarded-for",
                "1.1.1.1, 203.0.113.7, 10.9.8.7, 127.0.0.1",
            )],
            "203.0.113.7",
        ),
        (&[("x-forwarded-for", "2001:db8::7")], "2001:db8::7"),
        (&[("x-forwarded-for", "::ffff:203.0.113.7")], "203.0.113.7"),
        (
            &[
                ("x-forwarded-for", "1.1.1.1"),
                ("x-forwarded-for", "203.0.113.7"),
            ],
            "203.0.113.7",
        ),
        (&[("x-forwarded-for", "10.9.8.7, 127.0.0.1")], "10.9.8.7"),
        (&[("x-forwarded-for", "unknown")], "127.0.0.1"),
        (&[("x-forwarded-for", "")], "127.0.0.1"),
        (&[("x-forwarded-for", "203.0.113.7, nonsense")], "127.0.0.1"),
        (&[("x-forwarded-for", "999.1.1.1")], "127.0.0.1"),
        (&[("x-real-ip", "203.0.113.7")], "127.0.0.1"),
        (
            &[
                ("client-ip", "203.0.113.7"),
                ("true-client-ip", "203.0.113.7"),
            ],
            "127.0.0.1",
        ),
    ];
    let proxy = "10.9.8.7".parse().expect("an address");
    let stage = Stage::with(&adapter, |setup| {
        setup.trusted_proxies = vec![LOOPBACK, proxy];
    })
    .await;
    for (headers, wanted) in BEHIND {
        let address = admitted_from(&stage, headers).await;
        assert_eq!(address, wanted.parse().ok(), "{headers:?}");
    }
    // Nobody is trusted: the socket's own address, whatever is claimed.
    let stage = Stage::new(&adapter).await;
    for (headers, _) in BEHIND {
        assert_eq!(
            admitted_from(&stage, headers).await,
            Some(LOOPBACK),
            "{headers:?}"
        );
    }
}

async fn admitted_from(stage: &Stage, headers: &[(&'static str, &str)]) -> Option<IpAddr> {
    let mut browser = stage.browser();
    for (name, value) in headers {
        browser = browser.saying(name, value);
    }
    stage.sign_in(&browser, "alice").await;
    stage
        .setup
        .admissions
        .all()
        .last()
        .and_then(|admission| admission.address)
}

/// A flood from one address: it gets 429, nobody else notices.
pub async fn flood_leaves_honest_login_working(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| {
        setup.start_limit = 10;
        setup.trusted_proxies = vec![LOOPBACK];
        setup.live_attempts = Some(200);
    })
    .await;
    let honest = stage.browser().saying("x-forwarded-for", "198.51.100.1");
    stage.sign_in(&honest, "alice").await;
    let flood = |address: String| {
        let browser = stage.browser();
        async move {
            let call = browser
                .post("/login/start")
                .header("x-forwarded-for", &address);
            call.send().await
        }
    };
    let replies = join_all((0..100).map(|_| flood("203.0.113.66".to_owned()))).await;
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 201).count(),
        10
    );
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        reply.expect_problem(429);
        reply.expect_retry_after();
    }
    assert!(
        honest.me().await.is_ok(),
        "a signed-in user notices nothing"
    );
    let newcomer = stage.browser().saying("x-forwarded-for", "198.51.100.2");
    let page = newcomer.get(MOUNT).page().send().await;
    page.expect_page(200);
    let attempt = newcomer.start().await;

    // From many addresses, until all places are taken.
    let replies = join_all((0..300).map(|index| flood(format!("203.0.113.{}", index % 60)))).await;
    assert!(
        replies.iter().any(|reply| reply.status == 503),
        "all places are taken"
    );
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        // On a machine that does all of this at once a body may come too late.
        assert!(matches!(reply.status, 408 | 429 | 503), "{}", reply.status);
        if reply.status != 408 {
            reply.expect_retry_after();
        }
    }
    assert!(
        honest.me().await.is_ok(),
        "a signed-in user notices nothing"
    );
    stage.service.approve(&attempt.tmp_id, "bob");
    newcomer.reach(&attempt, "done").await;
    newcomer.finish(&attempt).await.expect(200);
    assert!(
        newcomer.me().await.is_ok(),
        "a login that had begun is finished"
    );
}

/// Polling faster than anybody must is slowed down, and costs the attempt nothing.
pub async fn status_polls_are_limited(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    browser.reach(&attempt, "connected").await;
    let path = attempt.at("/status");
    let replies = join_all((0..50).map(|_| browser.get(&path).send())).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 200).collect();
    assert!(!refused.is_empty(), "50 polls at once were all answered");
    for reply in refused {
        reply.expect_problem(429);
        reply.expect_retry_after();
    }
    assert!(replies.iter().any(|reply| reply.status == 200));
    stage.service.approve(&attempt.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    browser.finish(&attempt).await.expect(200);
}
