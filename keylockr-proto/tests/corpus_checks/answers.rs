// What has to hold for every answer to `app_verify`. Included by the fuzz target and by the replay of its corpus.

use keylockr_proto::VerifyOutcome;

/// Two bytes of status, then the body. Whatever reads the body more loosely than we do has to find in it what we
/// found.
pub(crate) fn app_verify(input: &[u8]) {
    let Some((status, body)) = input.split_first_chunk::<2>() else {
        return;
    };
    let status = u16::from_be_bytes(*status);
    let outcome = VerifyOutcome::from_response(status, body);
    assert_eq!(outcome, VerifyOutcome::from_response(status, body));
    if !(200..300).contains(&status) {
        assert_eq!(outcome, VerifyOutcome::Failed { refusal: None });
        return;
    }
    // One status of a kind is as good as another.
    assert_eq!(outcome, VerifyOutcome::from_response(200, body));
    let loosely: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = |name: &str| loosely.as_ref().and_then(|value| value.get(name));
    match outcome {
        VerifyOutcome::Valid { nickname } => {
            assert_eq!(said("_res"), Some(&"ok".into()));
            assert_eq!(said("valid"), Some(&true.into()));
            if let Some(name) = nickname {
                let given = said("nickname").and_then(serde_json::Value::as_str);
                assert!(given.is_some(), "a name that nobody gave");
                let name = name.as_str();
                assert!(!name.is_empty() && name.chars().count() <= 64);
                assert!(!name.chars().any(char::is_control), "{name:?}");
            }
            assert!(once(body, b"\"valid\"") <= 1, "said twice");
        }
        VerifyOutcome::Invalid => {
            assert_eq!(said("_res"), Some(&"ok".into()));
            assert_eq!(said("valid"), Some(&false.into()));
        }
        VerifyOutcome::Failed {
            refusal: Some(said_no),
        } => {
            assert_eq!(said("_res"), Some(&"err".into()));
            assert!(!format!("{said_no}").chars().any(char::is_control));
        }
        VerifyOutcome::Failed { refusal: None } => {}
    }
}

/// How often the answer has a member of this name at its top, as far as a reader of nothing but braces can tell.
fn once(body: &[u8], name: &[u8]) -> usize {
    let (mut depth, mut text, mut count) = (0_usize, false, 0);
    let mut place = 0;
    while let Some(byte) = body.get(place) {
        match byte {
            b'"' if !text => {
                let rest = body.get(place..).unwrap_or_default();
                let after = rest.strip_prefix(name).unwrap_or_default();
                if depth == 1 && after.trim_ascii_start().first() == Some(&b':') {
                    count += 1;
                }
                text = true;
            }
            b'"' => text = false,
            b'\\' if text => place += 1,
            b'{' | b'[' if !text => depth += 1,
            b'}' | b']' if !text => depth = depth.saturating_sub(1),
            _ => {}
        }
        place += 1;
    }
    count
}
