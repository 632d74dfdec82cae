//! Mistakes that show at the start, in the one line that a program ends with.

use keylockr_emulator::{Emulator, FaultKind, testing::Browser};
use keylockr_tower::KeyLockr;

use crate::{
    log::Log,
    program::{Framework, Program},
};

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[tokio::test]
async fn wrong_base_url() {
    let emulator = Emulator::start().await.unwrap();
    // Nothing listens at port 9; the phone's page is no API.
    for (api, parts) in [
        (
            "http://127.0.0.1:9",
            &[
                "could not be reached: no connection to the service",
                "http://127.0.0.1:9/v3",
                "is .api(..) (or KEYLOCKR_API) right",
                "run `keylockr emulator` and set KEYLOCKR_API=http://127.0.0.1:4600",
            ][..],
        ),
        (
            &emulator.control(),
            &[
                "answered with status 404",
                "is .api(..) (or KEYLOCKR_API) the address of an API?",
                "https://api.keylockr.app/v3",
            ],
        ),
        (
            "127.0.0.1:4600",
            &["is not the address of an API: give an origin or a base"],
        ),
        (
            "http://keylockr.example",
            &["plain http is for loopback addresses only, use https"],
        ),
    ] {
        for framework in Framework::BOTH {
            let words = Program::start(framework, api).last_words().await;
            assert_says(&words, parts);
        }
    }
}

#[tokio::test]
async fn wrong_service_id() {
    let emulator = Emulator::start().await.unwrap();
    let typo = KeyLockr::builder("svc_acne", "Acme Web").api(emulator.api());
    // What `main` prints.
    assert_says(
        &format!("{:?}", typo.connect().await.unwrap_err()),
        &[
            "refuses the service \"svc_acne\" (sso_service_invalid)",
            "KeyLockr knows no such service: write the svc_id that its console shows",
        ],
    );
    // Nothing was begun by asking.
    assert!(emulator.pending().is_empty());

    let nothing = KeyLockr::builder("", "Acme Web").build().unwrap_err();
    assert_says(
        &format!("{nothing:?}"),
        &["\"\" is not the name of a service: give KeyLockr::builder the svc_id"],
    );
}

/// Built without asking first, the same is in the log.
#[tokio::test]
async fn wrong_service_id_at_the_first_sign_in() {
    let (log, _guard) = Log::capture();
    let emulator = Emulator::start().await.unwrap();
    let typo = KeyLockr::builder("svc_acne", "Acme Web").api(emulator.api());
    let origin = crate::layers::serve(crate::layers::site(typo.build().unwrap())).await;
    let mut browser = Browser::new(&origin);
    let page = browser.page("/login").await.unwrap();
    assert_eq!(page.status(), 503);
    assert!(page.text().contains("service_refused"), "{}", page.text());
    assert_says(
        &log.text(),
        &["the attempt failed: KeyLockr knows no such service: write the svc_id"],
    );
}

#[tokio::test]
async fn ip_not_allowed() {
    let emulator = Emulator::start().await.unwrap();
    emulator.fault(FaultKind::IpNotAllowed).unwrap();
    for framework in Framework::BOTH {
        let words = Program::start(framework, &emulator.api())
            .last_words()
            .await;
        assert_says(
            &words,
            &[
                "refuses the service \"svc_acme\" (ip_not_allowed)",
                "add the one from which this server reaches KeyLockr (IPv6 too) to the service's server IPs",
            ],
        );
    }
}

/// Taken from the list while the site runs: nobody can sign in, and the log says why.
#[tokio::test]
async fn ip_not_allowed_any_more() {
    let (log, _guard) = Log::capture();
    let emulator = Emulator::start().await.unwrap();
    let keylockr = KeyLockr::builder("svc_acme", "Acme Web").api(emulator.api());
    let keylockr = keylockr.connect().await.unwrap();
    let mut browser = Browser::new(&crate::layers::serve(crate::layers::site(keylockr)).await);
    emulator.fault(FaultKind::IpNotAllowed).unwrap();
    assert!(browser.sign_in(&emulator, "alice").await.is_err());
    assert_says(
        &log.text(),
        &[
            "KeyLockr refused to confirm anything: KeyLockr does not know this server's address: add the one",
            "the attempt failed: KeyLockr does not confirm anything to this server",
        ],
    );
}

#[tokio::test]
async fn clock_off_by_ten_minutes() {
    for (offset, words) in [
        (
            600,
            "s behind KeyLockr's: sign-ins allow for it, but set it by NTP",
        ),
        (
            -600,
            "s ahead of KeyLockr's: sign-ins allow for it, but set it by NTP",
        ),
    ] {
        let (log, _guard) = Log::capture();
        let emulator = Emulator::start().await.unwrap();
        emulator.set_clock_offset(offset);
        let keylockr = KeyLockr::builder("svc_acme", "Acme Web").api(emulator.api());
        let keylockr = keylockr.connect().await.unwrap();
        let mut browser = Browser::new(&crate::layers::serve(crate::layers::site(keylockr)).await);
        // It is no reason to keep people out.
        browser.sign_in(&emulator, "alice").await.unwrap();
        assert_says(&log.text(), &["this machine's clock is ", words]);
        assert_eq!(log.text().matches("this machine's clock").count(), 1);
    }
}
