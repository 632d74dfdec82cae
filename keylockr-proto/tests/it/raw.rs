//! The raw side channel: references that lead somewhere, and those that do not.

use std::collections::BTreeSet;

use keylockr_proto::{Value, View, Window};

use crate::given::forge::{Forge, inner};
use crate::given::{NOW, Sequence, body, code, pair};

#[test]
fn raw_reference_matrix() {
    let pair = pair();
    let open = |content: Value, raw: Option<Value>| {
        let mut forge = Forge::from_server(&pair);
        forge.inner = inner("from", "app_get_data", NOW.as_secs().into(), content);
        forge.kps.extend(raw.map(|raw| ("raw".to_owned(), raw)));
        pair.client.open(&forge.bytes(), NOW, Window::CLIENT)
    };
    let two = || {
        let items = [&b"first"[..], b"second"].map(Value::from);
        Some(Value::Array(items.into()))
    };
    let read = |content: Value, raw: Option<Value>| open(content, raw).unwrap().body().to_value();
    let index = Value::Int;
    let first = || Value::from(&b"first"[..]);
    let second = || Value::from(&b"second"[..]);

    // Followed, at any depth, more than once, with items left over.
    assert_eq!(
        read(body([("x__", index(1))]), two()),
        body([("x", second())])
    );
    assert_eq!(
        read(body([("x__", index(0)), ("y__", index(0))]), two()),
        body([("x", first()), ("y", first())])
    );
    assert_eq!(
        read(
            body([("deep", Value::Array(vec![body([("x__", index(1))])]))]),
            two()
        ),
        body([("deep", Value::Array(vec![body([("x", second())])]))])
    );
    assert_eq!(
        read(
            body([("m", body([("x__", index(0)), ("z", index(3))]))]),
            two()
        ),
        body([("m", body([("x", first()), ("z", index(3))]))])
    );
    let joined = open(body([("x__", index(1))]), two()).unwrap();
    assert_eq!(joined.body().get("x"), Some(View::Bin(b"second")));
    assert_eq!(joined.body().get("x__"), None);

    // Refused: out of range, taken, without a name.
    for (content, why) in [
        (body([("x__", index(2))]), "behind the last"),
        (body([("x__", index(-1))]), "before the first"),
        (body([("x__", index(i64::MAX))]), "far away"),
        (body([("x__", index(i64::MIN))]), "far away"),
        (
            body([("x__", Value::UInt(u64::MAX))]),
            "further than any index",
        ),
        (body([("x__", index(0)), ("x", first())]), "taken"),
        (body([("x__", index(0)), ("x", Value::Nil)]), "taken by nil"),
        (
            body([("a", index(1)), ("x", index(1)), ("x__", index(0))]),
            "taken by a number",
        ),
        (body([("__", index(0))]), "no name"),
        (
            body([("x____", index(0)), ("x__", index(1))]),
            "taken by another reference",
        ),
        (body([("m", body([("x__", index(2))]))]), "in a map"),
        (
            body([(
                "l",
                Value::Array(vec![Value::Array(vec![body([("x__", index(9))])])]),
            )]),
            "in a list",
        ),
        (body([("ok__", index(0)), ("x__", index(2))]), "one of two"),
    ] {
        assert_eq!(code(&open(content, two())), "E_RAW", "{why}");
    }

    // Ordinary members: no integer, or nothing beside the box at all.
    for value in [
        Value::Nil,
        "0".into(),
        Value::F64(0.0),
        Value::Bool(true),
        Value::Bin(vec![0]),
    ] {
        let content = body([("x__", value)]);
        assert_eq!(read(content.clone(), two()), content);
    }
    for raw in [None, Some(Value::Array(vec![])), Some(Value::Nil)] {
        let content = body([("x__", index(7)), ("x", first()), ("__", index(0))]);
        assert_eq!(read(content.clone(), raw), content);
    }

    // The list itself.
    for raw in [
        Value::Array(vec![first(), "text".into()]),
        Value::Array(vec![Value::Nil]),
        Value::Array(vec![Value::Array(vec![first()])]),
        first(),
        body([("0", first())]),
        Value::Bool(true),
    ] {
        assert_eq!(code(&open(body([("x__", index(0))]), Some(raw))), "E_SHAPE");
    }
    // The header is no place for references.
    let mut forge = Forge::from_server(&pair);
    forge.kps.extend(two().map(|raw| ("raw".to_owned(), raw)));
    let header = body([("from__", index(0)), ("ts", NOW.as_secs().into())]);
    forge.inner = body([("body", Value::map()), ("header", header)]);
    let opened = pair.client.open(&forge.bytes(), NOW, Window::CLIENT);
    assert_eq!(code(&opened), "E_INNER");
}

/// One item that is referred to thousands of times stays one item.
#[test]
fn raw_references_do_not_multiply() {
    let pair = pair();
    let item = vec![7; 40_000];
    let names: Vec<String> = (0..1500).map(|n| format!("{n:04}__")).collect();
    let content = Value::from_members(names.iter().map(|name| (name.clone(), Value::Int(0))));
    let frame = pair
        .server
        .seal("app_get_data", NOW, &content, &[&item], &mut Sequence(1))
        .unwrap();
    let message = pair.client.open(&frame, NOW, Window::CLIENT).unwrap();
    assert_eq!(message.body().len(), 1500);
    let places: BTreeSet<*const u8> = message
        .body()
        .iter()
        .map(|(_, value)| match value {
            View::Bin(bytes) => bytes.as_ptr(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(places.len(), 1, "all of them are the same bytes");
}

/// The depth that K 2.2 allows is counted from the frame's outermost map, here as everywhere.
#[test]
fn raw_items_lie_three_deep() {
    let pair = pair();
    for (arrays, expected) in [(29, "E_SHAPE"), (30, "E_MSGPACK")] {
        let deep = (0..arrays).fold(Value::Nil, |value, _| Value::Array(vec![value]));
        let mut forge = Forge::from_server(&pair);
        forge.kps.insert("raw".to_owned(), Value::Array(vec![deep]));
        let opened = pair.client.open(&forge.bytes(), NOW, Window::CLIENT);
        assert_eq!(code(&opened), expected, "{arrays} arrays in an item");
    }
}
