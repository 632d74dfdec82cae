// What has to hold for every input. Included by the fuzz targets and by the replay of their corpus.

use unloq_webhooks::{
    Activate, Deactivate, Event, Head, Hooks, Link, Logout, Other, Secret, UnixTime, Unlink,
    VerifyError, VerifyErrorKind, explain, sign, string_to_sign,
};

const NOW: UnixTime = UnixTime::from_secs(1_785_000_000);

fn secret() -> Secret {
    Secret::new("7f3c1a9e5b2d48c6a0e4f1b8d2c37a65").unwrap()
}

/// The first byte says JSON or form; the rest is a body.
pub(crate) fn hook_params(input: &[u8]) {
    let Some((kind, body)) = input.split_first() else {
        return;
    };
    let content_type = match kind % 2 {
        0 => "application/json",
        _ => "application/x-www-form-urlencoded",
    };
    let Ok(text) = string_to_sign("/", content_type, body) else {
        return;
    };
    // What is read is read again from its own parameters, however they are written.
    let hooks = Hooks::builder(secret())
        .insecure_lenient_schema()
        .on::<Other>("/")
        .body_limit(1024 * 1024)
        .build()
        .unwrap();
    let signature = sign(&secret(), "/", content_type, body).unwrap();
    let head = Head::new("POST", "/").with_headers([
        ("content-type", content_type.as_bytes()),
        ("x-unloq-signature", signature.as_bytes()),
    ]);
    let event = hooks.verify::<Other>(&head, body, NOW).unwrap();
    let members: Vec<(&str, &str)> = event.iter().collect();
    let concatenated: String = members
        .iter()
        .flat_map(|(name, value)| [*name, *value])
        .collect();
    assert_eq!(text[1..], concatenated);
    assert!(
        members
            .windows(2)
            .all(|pair| pair[0].0.encode_utf16().lt(pair[1].0.encode_utf16()))
    );

    let json: Vec<String> = members
        .iter()
        .rev()
        .map(|(name, value)| format!("{} : {}", quoted(name), quoted(value)))
        .collect();
    let json = format!("{{{}}}", json.join(","));
    assert_eq!(
        string_to_sign("/", "application/json", json.as_bytes()).unwrap(),
        text
    );
    if members
        .iter()
        .all(|(name, _)| !name.is_empty() && !name.contains('['))
    {
        let form: Vec<String> = members
            .iter()
            .rev()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let form = form.join("&");
        let media_type = "application/x-www-form-urlencoded";
        assert_eq!(
            string_to_sign("/", media_type, form.as_bytes()).unwrap(),
            text
        );
    }
}

fn quoted(text: &str) -> String {
    let units: String = text
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    format!("\"{units}\"")
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A delivery: a byte that picks the event, then method, target and header lines up to an empty
/// line, then the body. A line `sign` is replaced by the right signature.
pub(crate) fn hook_verify(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    let end = rest.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&rest[..end], &rest[end + 2..]),
        None => (rest, &[][..]),
    };
    let Ok(head) = std::str::from_utf8(head) else {
        return;
    };
    let mut lines = head.lines();
    let method = lines.next().unwrap_or_default();
    let target = lines.next().unwrap_or_default();
    let mut fields: Vec<(&str, &[u8])> = Vec::new();
    let mut signs = false;
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) => fields.push((name, value.as_bytes())),
            None => signs |= line == "sign",
        }
    }
    match kind % 6 {
        0 => deliver::<Logout>("/logout", method, target, &fields, signs, body),
        1 => deliver::<Activate>("/activate", method, target, &fields, signs, body),
        2 => deliver::<Deactivate>("/deactivate", method, target, &fields, signs, body),
        3 => deliver::<Link>("/?link=1", method, target, &fields, signs, body),
        4 => deliver::<Unlink>("/unlink", method, target, &fields, signs, body),
        _ => deliver::<Other>("/other", method, target, &fields, signs, body),
    }
}

fn deliver<E: Event>(
    path: &str,
    method: &str,
    target: &str,
    fields: &[(&str, &[u8])],
    signs: bool,
    body: &[u8],
) {
    let builder = Hooks::builder(secret()).api_key(Secret::new("key").unwrap());
    let builder = match path {
        "/other" => builder.insecure_lenient_schema(),
        _ => builder,
    };
    let hooks = builder
        .on::<E>(path)
        .body_limit(1024 * 1024)
        .build()
        .unwrap();
    let content_type = fields
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .and_then(|(_, value)| std::str::from_utf8(value).ok())
        .unwrap_or_default();
    // The link hook's signature is over its query.
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let form = "application/x-www-form-urlencoded";
    let signature = match path {
        "/?link=1" => sign(&secret(), path, form, query.as_bytes()),
        _ => sign(&secret(), path, content_type, body),
    };
    let signature = signature.ok().filter(|_| signs);
    let signed = signature
        .iter()
        .map(|signature| ("X-Unloq-Signature", signature.as_bytes()));
    let head = Head::new(method, target).with_headers(fields.iter().copied().chain(signed));
    let verified = hooks.verify::<E>(&head, body, NOW);
    match &verified {
        Ok(event) => {
            assert!(signs && method == "POST", "nobody signed it");
            assert_eq!(event.secret_index(), 0);
            assert_eq!(event.digest(), event.arrival().digest);
        }
        Err(error) => {
            assert!(matches!(error.status(), 400 | 401 | 405 | 413 | 415));
            assert_eq!(error.body(), VerifyError::BODY);
            assert_ne!(error.kind(), VerifyErrorKind::NotConfigured);
        }
    }
    // The explainer agrees, and stands whatever it is given. It is slow: small bodies only.
    if body.len() < 200 && path == "/logout" {
        let explanation = explain(&secret().into(), path, &head, body, NOW);
        if verified.is_ok() {
            assert!(explanation.verifies());
        }
    }
}
