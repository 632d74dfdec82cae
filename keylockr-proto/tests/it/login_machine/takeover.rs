//! Another process takes an attempt over.

use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::login::{Input, Login, LoginConfig, Phase, ResumeError};
use keylockr_proto::{AppTag, KeyLifetime, Now, ReplayVerdict, Revision, Service, UnixTime};

use super::attempt::{Attempt, Seen};
use crate::peer::{Dialect, Peer, TMP, name};

/// The same attempt in a process whose monotonic clock has another origin.
fn take_over(attempt: &Attempt, elapsed: Duration, later: u64) -> Result<Attempt, ResumeError> {
    let suspended = attempt.login.suspend(attempt.now).unwrap();
    let unix = attempt.now.unix.saturating_add(later);
    let now = Now::new(elapsed, unix);
    let config = LoginConfig::new(attempt.dialect.service(), name());
    let login = Login::resume(config, suspended.as_bytes(), now)?;
    let keys = Arc::clone(login.keys());
    Ok(Attempt::around(
        login,
        Peer::new(1),
        keys,
        attempt.dialect,
        now,
    ))
}

#[test]
fn the_code_stays_good_and_the_result_is_told_again() {
    for dialect in Dialect::ALL {
        let first = Attempt::new(dialect).waiting();
        let mut second = take_over(&first, Duration::from_secs(3), 10).unwrap();
        assert_eq!(
            second.seen,
            [
                Seen::Waiting,
                Seen::Connected(format!("keylockr://sso?tmp_id={TMP}")),
                Seen::Connect(format!("tmp.{TMP}")),
            ],
            "{dialect:?}: the same code, the same identity"
        );
        assert_ne!(second.sigs, first.sigs, "a fresh address");
        assert_eq!(second.keys.sign_public(), first.keys.sign_public());
        assert_eq!(second.login.server_keys(), first.login.server_keys());
        second.feed(Input::SocketOpened);
        assert_eq!(second.greet(), [], "the code is shown already");
        second.approve("41", "7");
        if dialect == Dialect::SeedData {
            second.push("app_connect_req", &super::attempt::polled("41", "7"));
        }
        second.verify_yes();
        assert_eq!(
            second.end(),
            Some(&Seen::Done("41".into(), "7".into())),
            "{dialect:?}"
        );
    }
}

#[test]
fn the_poll_tells_as_well() {
    let first = Attempt::new(Dialect::Seed).waiting();
    let mut second = take_over(&first, Duration::from_secs(3), 10).unwrap();
    second.feed(Input::SocketOpened);
    assert_eq!(second.pass_secs(4), [Seen::Send("app_connect_req".into())]);
    second.push("app_connect_req", &super::attempt::polled("41", "7"));
    second.verify_yes();
    assert_eq!(second.end(), Some(&Seen::Done("41".into(), "7".into())));
}

#[test]
fn the_life_goes_on_where_it_was() {
    let mut first = Attempt::new(Dialect::Two).waiting();
    first.pass_secs(30);
    let suspended = first.login.suspend(first.now).unwrap();
    assert_eq!(
        suspended.expires(),
        UnixTime::from_secs(first.now.unix.as_secs() + 150)
    );
    let second = take_over(&first, Duration::from_secs(77), 50).unwrap();
    assert_eq!(second.login.expires(), Duration::from_secs(177));
    assert!(matches!(
        take_over(&first, Duration::ZERO, 150),
        Err(ResumeError::Expired)
    ));
    // A clock that was set back lengthens nothing beyond what any attempt may have.
    let config = LoginConfig::new(Dialect::Two.service(), name());
    let early = Now::new(Duration::ZERO, UnixTime::from_secs(1));
    let login = Login::resume(config, suspended.as_bytes(), early).unwrap();
    assert_eq!(login.expires(), Duration::from_secs(600));
}

#[test]
fn a_result_that_comes_back_finds_the_taken_over_attempt() {
    let first = Attempt::new(Dialect::Two).waiting();
    let mut second = take_over(&first, Duration::from_secs(3), 10).unwrap();
    let frame = second.frame("app_auth_result", &Dialect::Two.approval(TMP, "41", "7"));
    second.feed(Input::Returned(&frame));
    assert_eq!(second.end(), Some(&Seen::Done("41".into(), "7".into())));
}

#[test]
fn before_the_greeting_the_code_is_not_shown() {
    let first = Attempt::new(Dialect::Two).handshaken();
    let mut second = take_over(&first, Duration::from_secs(3), 1).unwrap();
    assert_eq!(
        second.seen,
        [Seen::Waiting, Seen::Connect(format!("tmp.{TMP}"))]
    );
    assert_eq!(second.login.phase(), Phase::TmpConnecting);
    second.feed(Input::SocketOpened);
    assert_eq!(second.greet().len(), 1);
}

#[test]
fn nothing_to_suspend() {
    let attempt = Attempt::new(Dialect::Two);
    assert!(attempt.login.suspend(attempt.now).is_none(), "no id yet");
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.feed(Input::Cancel);
    assert!(attempt.login.suspend(attempt.now).is_none(), "over");
}

#[test]
fn fixed_keys_survive_and_still_ask_the_shared_memory() {
    let mut first = Attempt::with(Dialect::Two, KeyLifetime::Fixed, |config| config).opened();
    first.greet();
    first.feed(Input::ReplayVerdict(ReplayVerdict::Fresh));
    let mut second = take_over(&first, Duration::from_secs(3), 10).unwrap();
    assert_eq!(second.keys.lifetime(), KeyLifetime::Fixed);
    second.feed(Input::SocketOpened);
    assert_eq!(second.greet(), [Seen::CheckReplay]);
    // And they still need revision 2.
    let suspended = first.login.suspend(first.now).unwrap();
    let config = LoginConfig::new(Dialect::One.service(), name());
    let resumed = Login::resume(config, suspended.as_bytes(), first.now);
    assert!(matches!(resumed, Err(ResumeError::Config(_))));
}

#[test]
fn bytes_that_are_no_attempt() {
    let first = Attempt::new(Dialect::Two).waiting();
    let suspended = first.login.suspend(first.now).unwrap();
    let resume = |bytes: &[u8], service: Service| {
        Login::resume(LoginConfig::new(service, name()), bytes, first.now).map(|_| ())
    };
    let good = suspended.as_bytes();
    assert_eq!(resume(good, Dialect::Two.service()), Ok(()));
    for cut in 0..good.len() {
        let error = resume(&good[..cut], Dialect::Two.service());
        assert_eq!(error, Err(ResumeError::Malformed), "{cut}");
    }
    let mut long = good.to_vec();
    long.push(0);
    assert_eq!(
        resume(&long, Dialect::Two.service()),
        Err(ResumeError::Malformed)
    );
    // Version, family, lifetime, shown, a weak key of the service.
    for (place, byte) in [(0, 0), (4, 2), (5, 0), (5, 3), (6, 0), (6, 4), (7, 2)] {
        let mut bad = good.to_vec();
        bad[place] = byte;
        let error = resume(&bad, Dialect::Two.service());
        assert_eq!(error, Err(ResumeError::Malformed), "{place}");
    }
    let mut weak = good.to_vec();
    weak[80..112].fill(0);
    assert_eq!(
        resume(&weak, Dialect::Two.service()),
        Err(ResumeError::Malformed)
    );
    // Somebody else's.
    let other = Service::AppData {
        app_tag: AppTag::parse("other").unwrap(),
        app_data: true,
        minimum: Revision::Two,
    };
    assert_eq!(resume(good, other), Err(ResumeError::OtherService));
    assert_eq!(
        resume(good, Dialect::Seed.service()),
        Err(ResumeError::OtherService)
    );
    // It prints nothing of what it holds.
    let printed = format!("{suspended:?}");
    assert!(printed.len() < 100 && !printed.contains(TMP), "{printed}");
}

#[test]
fn a_login_prints_no_secret() {
    let mut attempt = Attempt::new(Dialect::Two).waiting();
    attempt.feed(Input::SocketClosed { code: None });
    // The address is put out, and not taken yet.
    let late = Now::new(attempt.deadline.unwrap(), attempt.now.unix);
    attempt
        .login
        .handle_input(late, Input::Tick, &mut attempt.entropy);
    let printed = format!(
        "{:?} {:?}",
        attempt.login,
        attempt.login.suspend(attempt.now)
    );
    assert!(printed.contains("WsSig"), "{printed}");
    for secret in [
        attempt.keys.sign_secret().as_bytes(),
        attempt.keys.box_secret().as_bytes(),
    ] {
        assert!(!printed.contains(&format!("{secret:?}")));
        assert!(!printed.contains(&format!("{:?}", &secret[..8]).replace(['[', ']'], "")));
    }
    let keylockr_proto::login::Output::Connect(sig) = attempt.login.poll_output() else {
        panic!()
    };
    assert!(!printed.contains(sig.as_str()));
}
