//! Answers that are no yes: of the phone, to the handshake, to `app_verify`.

use keylockr_client::proto::login::{LoginEnd, LoginFailure};
use keylockr_emulator::FaultKind;

use super::{Way, When, assert_alice, once, sign_in};

#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart() {
    for way in Way::ALL {
        for kind in [
            FaultKind::Deny,
            FaultKind::DenyAsErr,
            FaultKind::ErrorCode {
                code: "authorization_denied".into(),
            },
            FaultKind::ErrorCode {
                code: "app_auth_denied".into(),
            },
            FaultKind::ErrorCode {
                code: "safe_auth_denied".into(),
            },
            FaultKind::ErrorCode {
                code: "denied".into(),
            },
        ] {
            let (end, _) = sign_in(way, When::First, kind.clone()).await;
            assert!(
                matches!(end, LoginEnd::Denied { .. }),
                "{kind:?} {way:?}: {end:?}"
            );
            assert!(end.counts_for_lockout());
        }
        for code in ["app_auth_result_too_large", "something_new"] {
            let kind = FaultKind::ErrorCode { code: code.into() };
            let (end, _) = sign_in(way, When::First, kind).await;
            assert!(!end.counts_for_lockout());
            match end {
                LoginEnd::Failed(LoginFailure::Refused { code: got }) => assert_eq!(got, code),
                other => panic!("{code} {way:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn altered_results_sign_nobody_in() {
    let both = &Way::APPDATA[..];
    let second = &[Way::Appdata2][..];
    let all = &Way::ALL[..];
    for (kind, ways) in [
        (FaultKind::WrongTmpId, second),
        (FaultKind::MissingTmpId, second),
        (FaultKind::ExtraCapability, both),
        (FaultKind::MissingCapability, both),
        (FaultKind::BadId, all),
    ] {
        for way in ways {
            let (end, _) = sign_in(*way, When::First, kind.clone()).await;
            assert!(
                matches!(end, LoginEnd::Failed(_)),
                "{kind:?} {way:?}: {end:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn handshakes_are_refused_with_a_code() {
    for (kind, way, code) in [
        (
            FaultKind::SsoServiceInvalid,
            Way::Seed,
            "sso_service_invalid",
        ),
        (FaultKind::AppTagInvalid, Way::Appdata2, "app_tag_invalid"),
        (
            FaultKind::SsoDataNotApproved,
            Way::Appdata2,
            "sso_data_not_approved",
        ),
    ] {
        let (end, _) = sign_in(way, When::First, kind).await;
        match end {
            LoginEnd::Failed(LoginFailure::Refused { code: got }) => assert_eq!(got, code),
            other => panic!("{code}: {other:?}"),
        }
    }
}

/// No answer is neither a yes nor a no: asked again three times, then failed, never signed in.
#[tokio::test(start_paused = true)]
async fn app_verify_gives_no_answer() {
    for kind in [
        FaultKind::IpNotAllowed,
        FaultKind::VerifyGarbage,
        FaultKind::VerifyTimeout { seconds: 60 },
        FaultKind::Http500,
    ] {
        for way in Way::VERIFIED {
            let case = format!("{kind:?} {way:?}");
            let (end, world) = sign_in(way, When::Result, kind.clone()).await;
            assert!(!end.counts_for_lockout(), "{case}");
            assert!(
                matches!(end, LoginEnd::Failed(LoginFailure::VerifyUnavailable)),
                "{case}: {end:?}"
            );
            assert_eq!(world.wire.count("/app_verify"), 4, "{case}");

            let (end, world) = sign_in(way, When::Result, once(kind.clone())).await;
            assert_alice(end, &world, &case);
            assert_eq!(world.wire.count("/app_verify"), 2, "{case}");
        }
        let (end, world) = sign_in(Way::Appdata2, When::Result, kind.clone()).await;
        assert_alice(end, &world, "revision 2 does not ask");
    }
}

#[tokio::test(start_paused = true)]
async fn app_verify_says_no() {
    for kind in [FaultKind::VerifyFalse, FaultKind::ForeignService] {
        for way in Way::VERIFIED {
            let (end, world) = sign_in(way, When::First, kind.clone()).await;
            assert!(
                matches!(end, LoginEnd::Failed(LoginFailure::NotVerified)),
                "{kind:?} {way:?}: {end:?}"
            );
            assert_eq!(world.wire.count("/app_verify"), 1, "a no is a no");
            assert!(end.counts_for_lockout());
        }
    }
}
