//! Secrets: what is refused at start, and how one follows another.

use unloq_webhooks::{
    ConfigError, Hook, Hooks, Logout, Secret, SecretSet, SecretWarning, UnixTime,
    VerifyErrorKind as Kind, sign,
};

use crate::given::{JSON, LOGOUT, NOW, Request, refused};

const BODY: &str = r#"{"sid":"s1","unloq_id":"9"}"#;

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn request(signed_by: &str) -> Request {
    let signature = sign(&secret(signed_by), LOGOUT, JSON, BODY.as_bytes()).unwrap();
    Request::with(LOGOUT, JSON, BODY.as_bytes(), &signature)
}

#[test]
fn rotation_window() {
    let end = NOW.saturating_add(60);
    let set = SecretSet::new([
        secret("the new secret, from today on"),
        secret("the old secret, for a minute").until(end),
    ]);
    let hooks = Hooks::builder(set.unwrap())
        .on::<Logout>(LOGOUT)
        .build()
        .unwrap();
    let verdict = |signed_by: &str, now: UnixTime| {
        let request = request(signed_by);
        let verified = hooks.verify::<Logout>(&request.head(), &request.body, now)?;
        Ok::<usize, unloq_webhooks::VerifyError>(verified.secret_index())
    };
    for now in [
        NOW,
        UnixTime::from_secs(end.as_secs() - 1),
        end,
        end.saturating_add(1),
    ] {
        assert_eq!(verdict("the new secret, from today on", now), Ok(0));
        let old = verdict("the old secret, for a minute", now);
        if now < end {
            assert_eq!(old, Ok(1));
        } else {
            assert_eq!(refused(old), Kind::Mismatch);
        }
        assert_eq!(refused(verdict("a third", now)), Kind::Mismatch);
    }
}

#[test]
fn each_of_four_secrets_is_reported() {
    let texts = [
        "first of the secrets",
        "second of the secrets",
        "third",
        "fourth",
    ];
    let set = SecretSet::new(texts.map(secret)).unwrap();
    let hooks = Hooks::builder(set).on::<Logout>(LOGOUT).build().unwrap();
    for (index, text) in texts.into_iter().enumerate() {
        let verified = request(text).verify::<Logout>(&hooks).unwrap();
        assert_eq!(verified.secret_index(), index);
    }
}

#[test]
fn secrets_of_one_hook_alone() {
    let hooks = Hooks::builder(secret("the application's"))
        .on_with_secrets::<Logout>(LOGOUT, secret("the hook's own"))
        .build()
        .unwrap();
    assert!(request("the hook's own").verify::<Logout>(&hooks).is_ok());
    assert!(
        request("the application's")
            .verify::<Logout>(&hooks)
            .is_err()
    );
}

#[test]
fn expired_at_start_refuses() {
    let on = |set: SecretSet| Hooks::builder(set).on::<Logout>(LOGOUT);
    let past = || SecretSet::new([secret("a").until(NOW), secret("b").until(NOW)]).unwrap();
    assert_eq!(
        on(past()).build_at(NOW).unwrap_err(),
        ConfigError::AllExpired(Hook::Logout)
    );
    // Without the time nobody can say, so nobody guesses.
    assert_eq!(
        on(past()).build().unwrap_err(),
        ConfigError::TimeNeeded(Hook::Logout)
    );
    let earlier = UnixTime::from_secs(NOW.as_secs() - 1);
    assert!(on(past()).build_at(earlier).is_ok());
    let one_left = SecretSet::new([secret("a").until(NOW), secret("b")]).unwrap();
    assert!(on(one_left).build_at(NOW).is_ok());
}

#[test]
fn secrets_that_cannot_be() {
    assert_eq!(Secret::new("").unwrap_err(), ConfigError::EmptySecret);
    assert_eq!(Secret::new("a\0").unwrap_err(), ConfigError::NulInSecret);
    assert_eq!(SecretSet::new([]).unwrap_err(), ConfigError::SecretCount(0));
    let five = ["a", "b", "c", "d", "e"].map(secret);
    assert_eq!(
        SecretSet::new(five).unwrap_err(),
        ConfigError::SecretCount(5)
    );
    let twice = ["a", "b", "a"].map(secret);
    assert_eq!(
        SecretSet::new(twice).unwrap_err(),
        ConfigError::RepeatedSecret
    );
}

#[test]
fn secrets_that_are_doubtful() {
    let warnings = |text: &str| secret(text).warnings().collect::<Vec<_>>();
    assert_eq!(warnings("0123456789abcdef"), []);
    assert_eq!(warnings("0123456789abcde"), [SecretWarning::Short]);
    for text in [
        " 0123456789abcdef",
        "0123456789abcdef\n",
        "\u{a0}0123456789abcdef",
    ] {
        assert_eq!(warnings(text), [SecretWarning::SurroundingSpace]);
    }
    assert_eq!(warnings(" x").len(), 2);
    // It is part of the key all the same.
    assert!(request(" x").verify::<Logout>(&one(" x")).is_ok());
    assert!(request("x").verify::<Logout>(&one(" x")).is_err());
}

fn one(text: &str) -> Hooks {
    Hooks::builder(secret(text))
        .on::<Logout>(LOGOUT)
        .build()
        .unwrap()
}
