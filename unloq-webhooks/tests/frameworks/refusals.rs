//! What is refused, and that nobody learns why.

use unloq_webhooks::{Deactivate, sign};

use crate::stage::{BODY, Delivery, FRONTS, JSON, PATH, SECRET, Stage, secret, signature};

/// Spellings of the header that are not the signature: none is a success, each is a 401.
fn wrong_spellings() -> Vec<(&'static str, Vec<u8>)> {
    let right = signature(BODY);
    let raw = right.trim_end_matches('=');
    let flip = |at: usize| {
        let mut text = right.clone().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        text
    };
    let swapped: String = right
        .chars()
        .map(|letter| match letter.is_ascii_lowercase() {
            true => letter.to_ascii_uppercase(),
            false => letter.to_ascii_lowercase(),
        })
        .collect();
    let url_safe = right.replace('+', "-").replace('/', "_");
    assert_ne!(url_safe, right, "the known signature has such letters");
    let hex: String = right.bytes().map(|byte| format!("{byte:02x}")).collect();
    let other = |body: &str| sign(&secret(), PATH, JSON, body.as_bytes()).unwrap();
    let text = |text: &str| text.as_bytes().to_vec();
    let mut high = right.clone().into_bytes();
    high[3] = 0xE9;
    vec![
        ("empty", text("")),
        ("spaces", text("   ")),
        ("one letter", text("A")),
        ("no padding", text(raw)),
        ("two paddings", text(&format!("{right}="))),
        ("padding twice", text(&format!("{raw}=="))),
        ("padding first", text(&format!("={raw}"))),
        (
            "padding in the middle",
            text(&format!("{}={}", &raw[..20], &raw[20..])),
        ),
        ("padding percent-encoded", text(&format!("{raw}%3D"))),
        ("padding as a dot", text(&format!("{raw}."))),
        ("url-safe letters", text(&url_safe)),
        ("url-safe, no padding", text(url_safe.trim_end_matches('='))),
        (
            "percent-encoded",
            text(&right.replace('+', "%2B").replace('/', "%2F")),
        ),
        ("plus as space", text(&right.replace('+', " "))),
        ("other case", text(&swapped)),
        ("lower case", text(&right.to_ascii_lowercase())),
        ("upper case", text(&right.to_ascii_uppercase())),
        ("hex", text(&hex)),
        ("hex of the right length", text(&hex[..44])),
        ("quoted", text(&format!("\"{right}\""))),
        ("single-quoted", text(&format!("'{right}'"))),
        ("in brackets", text(&format!("<{right}>"))),
        ("with a scheme", text(&format!("sha256={right}"))),
        ("with a version", text(&format!("v1,{right}"))),
        ("a bearer", text(&format!("Bearer {right}"))),
        (
            "base64 of it",
            text("anBYKzNnYVZyVEtyUGU0QlBPV1dFNEdYWXJncnd6SnU="),
        ),
        ("twice in one line", text(&format!("{right}, {right}"))),
        ("twice without a space", text(&format!("{right},{right}"))),
        ("twice, glued", text(&format!("{right}{right}"))),
        ("a comma at the end", text(&format!("{right},"))),
        ("a semicolon at the end", text(&format!("{right};"))),
        ("a word behind", text(&format!("{right} x"))),
        (
            "a space inside",
            text(&format!("{} {}", &right[..10], &right[10..])),
        ),
        (
            "a tab inside",
            text(&format!("{}\t{}", &right[..10], &right[10..])),
        ),
        ("shorter by the first", text(&right[1..])),
        ("shorter by the last", text(&right[..43])),
        ("a letter too many", text(&format!("A{right}"))),
        ("first letter flipped", flip(0)),
        ("middle letter flipped", flip(20)),
        ("last letter flipped", flip(42)),
        ("loose bits behind the last byte", {
            // The last letter carries two bits that belong to no byte.
            let mut text = right.clone().into_bytes();
            text[42] = match text[42] {
                b'z' => b'0',
                letter => letter + 1,
            };
            text
        }),
        (
            "all zero",
            text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ),
        (
            "all ones",
            text("//////////////////////////////////////////8="),
        ),
        ("the secret", text(SECRET)),
        ("a letter of no alphabet", high),
        (
            "of another body",
            text(&other(r#"{"unloq_id":"1234","sid":"x"}"#)),
        ),
        ("of an empty body", text(&other(""))),
        ("of another path", {
            let path = "/hooks/unloq/deactivate";
            text(&sign(&secret(), path, JSON, BODY.as_bytes()).unwrap())
        }),
        ("of the path with a slash", {
            let path = format!("{PATH}/");
            text(&sign(&secret(), &path, JSON, BODY.as_bytes()).unwrap())
        }),
    ]
}

#[tokio::test]
async fn signature_matrix() {
    let spellings = wrong_spellings();
    assert!(spellings.len() >= 40);
    for front in FRONTS {
        let stage = Stage::new(front);
        let bare = || Delivery::new(BODY).header("content-type", JSON);
        for (what, value) in &spellings {
            let sent = bare().header("x-unloq-signature", value.clone());
            stage.send(sent).await.assert(401, &(front, what));
        }
        let right = signature(BODY);
        for (what, headers) in [
            ("none at all", vec![]),
            ("another name", vec![("x-unloq-signatur", right.clone())]),
            ("underscores", vec![("x_unloq_signature", right.clone())]),
            (
                "the cookie",
                vec![("cookie", format!("x-unloq-signature={right}"))],
            ),
            (
                "two right ones",
                vec![("x-unloq-signature", right.clone()); 2],
            ),
            (
                "a right one and an empty one",
                vec![
                    ("x-unloq-signature", right.clone()),
                    ("x-unloq-signature", String::new()),
                ],
            ),
            (
                "two cases of the name",
                vec![
                    ("x-unloq-signature", right.clone()),
                    ("X-UNLOQ-Signature", right.clone()),
                ],
            ),
        ] {
            let sent = headers
                .into_iter()
                .fold(bare(), |sent, (name, value)| sent.header(name, value));
            stage.send(sent).await.assert(401, &(front, what));
        }
        assert_eq!(stage.handler.runs(), 0, "{front:?}");
        for (what, name, value) in [
            ("as UNLOQ sends it", "X-Unloq-Signature", right.clone()),
            ("in capitals", "X-UNLOQ-SIGNATURE", right.clone()),
            (
                "with spaces around",
                "x-unloq-signature",
                format!(" \t{right} "),
            ),
        ] {
            stage
                .send(bare().header(name, value))
                .await
                .assert(200, &(front, what));
        }
        assert_eq!(
            stage.handler.runs(),
            1,
            "{front:?}: the others are duplicates"
        );
    }
}

#[tokio::test]
async fn refusals_look_alike() {
    for front in FRONTS {
        let stage = Stage::new(front);
        let mut replies = Vec::new();
        for (_, value) in wrong_spellings() {
            let sent = Delivery::new(BODY).header("content-type", JSON);
            replies.push(stage.send(sent.header("x-unloq-signature", value)).await);
        }
        replies.push(stage.send(Delivery::new(BODY)).await);
        for reply in &replies {
            assert_eq!(reply, &replies[0], "{front:?}");
        }
        // Every status has the same short body, and nothing of it is the sender's, or ours.
        let right = signature(BODY);
        for sent in [
            Delivery::genuine().header("content-encoding", "gzip"),
            Delivery::signed(r#"{"unloq_id":"1234","sid":"s","nosuchname":"1"}"#),
            Delivery {
                method: "DELETE",
                ..Delivery::genuine()
            },
        ] {
            let reply = stage.send(sent).await;
            assert_eq!(reply.body, r#"{"status":false}"#, "{front:?}");
            let all = format!("{reply:?}");
            for secret in [SECRET, right.as_str(), "sess-0f1e2d3c", "nosuchname", PATH] {
                assert!(!all.contains(secret), "{front:?}: {all}");
            }
        }
    }
}

#[tokio::test]
async fn tampering_has_its_documented_status() {
    for front in FRONTS {
        let stage = Stage::new(front);
        let bare = |body: &'static str| {
            Delivery::new(body)
                .header("content-type", JSON)
                .header("x-unloq-signature", signature(BODY))
        };
        for (body, status) in [
            (r#"{"unloq_id":"1235","sid":"sess-0f1e2d3c"}"#, 401),
            (r#"{"unloq_id":"1234","sid":"sess-0f1e2d3d"}"#, 401),
            (r#"{"unloq_id":"1234"}"#, 401),
            // The same signed text, cut otherwise: only the schema stops it.
            (r#"{"sidsess-0f1e2d3cunloq_id":"1234"}"#, 400),
            (r#"{"sid":"sess-0f1e2d3cunloq_id1234"}"#, 400),
            // The same text again, members swapped: the same delivery.
            (r#"{"sid":"sess-0f1e2d3c","unloq_id":"1234"}"#, 200),
            (r#"{"unloq_id":1234,"sid":"sess-0f1e2d3c"}"#, 200),
            (r#"{"unloq_id":"1234","unloq_id":"1234","sid":"x"}"#, 400),
            ("unloq_id=1234&sid=sess-0f1e2d3c", 400),
            ("", 401),
            ("{", 400),
            ("[]", 400),
        ] {
            stage.send(bare(body)).await.assert(status, &(front, body));
        }
        let form = Delivery::genuine()
            .without("content-type")
            .header("content-type", "application/x-www-form-urlencoded");
        let form = form.body(futures_util::stream::iter([Ok(
            "unloq_id=1234&sid=sess-0f1e2d3c".into(),
        )]));
        stage.send(form).await.assert(200, &(front, "a form"));
        assert_eq!(stage.handler.runs(), 1, "{front:?}: all the same delivery");
    }
}

#[tokio::test]
async fn another_routes_signature_is_refused() {
    for front in FRONTS {
        let stage = Stage::with(front, |hooks| {
            hooks.on::<Deactivate>("/hooks/unloq/deactivate")
        });
        let elsewhere = sign(&secret(), "/hooks/unloq/deactivate", JSON, BODY.as_bytes()).unwrap();
        let sent = Delivery::new(BODY)
            .header("content-type", JSON)
            .header("x-unloq-signature", elsewhere);
        stage.send(sent).await.assert(401, &front);
    }
}

#[tokio::test]
async fn the_received_path_has_no_say() {
    for front in FRONTS {
        let stage = Stage::new(front);
        for target in [
            format!("{PATH}?next=1"),
            format!("{PATH}?"),
            format!("{PATH}?sid=other&unloq_id=9"),
        ] {
            let sent = Delivery {
                target: target.clone(),
                ..Delivery::genuine()
            };
            let sent = sent
                .header("x-forwarded-prefix", "/evil")
                .header("x-original-url", "/hooks/unloq/deactivate");
            stage.send(sent).await.assert(200, &(front, target));
        }
    }
}
