//! Reading values where they lie.

use keylockr_proto::{Document, Value, View};

use crate::given::{body, code};

fn view(bytes: &[u8]) -> View<'_> {
    Document::parse(bytes).unwrap().root()
}

/// The same value in two spellings is equal; a value with one thing changed is not.
#[test]
fn views_compare_by_value() {
    let values = [
        Value::Nil,
        Value::Bool(false),
        Value::Int(5),
        Value::UInt(u64::MAX),
        Value::F64(1.5),
        "text".into(),
        Value::Bin(b"text".to_vec()),
        Value::Array(vec![]),
        Value::Array(vec![Value::Int(1)]),
        Value::Array(vec![Value::Int(1), Value::Int(2)]),
        Value::Array(vec![Value::Int(2), Value::Int(1)]),
        Value::map(),
        body([("a", Value::Int(1))]),
        body([("a", Value::Int(2))]),
        body([("b", Value::Int(1))]),
        body([("a", Value::Int(1)), ("b", Value::Int(1))]),
        body([("a", Value::Array(vec![body([("a", Value::Nil)])]))]),
        body([("a", Value::Array(vec![body([("a", Value::map())])]))]),
    ];
    for (i, one) in values.iter().enumerate() {
        for (j, two) in values.iter().enumerate() {
            let (left, right) = (one.encode(), two.encode());
            assert_eq!(view(&left) == view(&right), i == j, "{one:?} and {two:?}");
        }
    }
    let turned = [
        0xde, 0, 2, 0xa1, b'b', 1, 0xd9, 1, b'a', 0xd3, 0, 0, 0, 0, 0, 0, 0, 1,
    ];
    assert_eq!(view(&turned), view(&values[15].encode()));
}

#[test]
fn views_reach_every_member() {
    let value = body([
        (
            "list",
            Value::Array(vec!["x".into(), Value::Array(vec![]), Value::map()]),
        ),
        ("map", body([("a", Value::Int(-1)), ("b", Value::Nil)])),
        ("text", "é".into()),
    ]);
    let bytes = value.encode();
    let View::Map(members) = view(&bytes) else {
        panic!("a map")
    };
    assert_eq!((members.len(), members.is_empty()), (3, false));
    let names: Vec<&str> = members.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["list", "map", "text"]);
    let Some(View::Array(list)) = members.get("list") else {
        panic!("a list")
    };
    assert_eq!(
        (list.len(), list.is_empty(), list.iter().count()),
        (3, false, 3)
    );
    assert!(matches!(list.iter().nth(1), Some(View::Array(empty)) if empty.is_empty()));
    assert!(matches!(list.iter().nth(2), Some(View::Map(empty)) if empty.is_empty()));
    let Some(View::Map(map)) = members.get("map") else {
        panic!("a map")
    };
    assert_eq!(map.get("a"), Some(View::Int(-1)));
    assert_eq!(map.get("b"), Some(View::Nil), "nil is there");
    assert_eq!(map.get("c"), None);
    assert_eq!(map.to_value(), *value.member("map").unwrap());
    assert_eq!(members.get("text"), Some(View::Text("é")));
}

/// A value is refused for what is wrong anywhere in it, also where the walk could go on.
#[test]
fn nothing_wrong_hides_in_a_container() {
    let twice = [0x82, 0xa1, b'a', 1, 0xa1, b'a', 2];
    let unsorted_twice = [0x83, 0xa1, b'b', 1, 0xa1, b'a', 2, 0xa1, b'b', 3];
    for wrong in [
        &twice[..],
        &unsorted_twice,
        &[0x81, 0x01, 0xc0],
        &[0xa1, 0xff],
        &[0xc1],
    ] {
        for wrapped in [
            wrong.to_vec(),
            [&[0x91], wrong].concat(),
            [&[0x92, 0xc0], wrong].concat(),
            [&[0x92], wrong, &[0xc0]].concat(),
            [&[0x91, 0x91], wrong].concat(),
            [&[0x81, 0xa1, b'm'], wrong].concat(),
            [&[0x82, 0xa1, b'm'], wrong, &[0xa1, b'n', 0xc0]].concat(),
            [&[0x91, 0x81, 0xa1, b'm', 0x91], wrong].concat(),
        ] {
            assert_eq!(
                code(&Document::parse(&wrapped)),
                "E_MSGPACK",
                "{wrapped:x?}"
            );
        }
    }
    let once = [0x91, 0x83, 0xa1, b'b', 1, 0xa1, b'a', 2, 0xa1, b'c', 3];
    assert_eq!(
        code(&Document::parse(&once)),
        "ok",
        "the same without the fault"
    );
}

/// Integers keep their value in every width, and floats of four bytes theirs.
#[test]
fn numbers_of_every_width() {
    for (bytes, value) in [
        (&[0xd0, 0x80][..], Value::Int(-128)),
        (&[0xd1, 0xff, 0x00], Value::Int(-256)),
        (&[0xd2, 0x80, 0, 0, 0], Value::Int(-2_147_483_648)),
        (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], Value::Int(i64::MIN)),
        (
            &[0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Value::Int(-1),
        ),
        (
            &[0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Value::Int(i64::MAX),
        ),
        (&[0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0], Value::UInt(1 << 63)),
        (&[0xe0], Value::Int(-32)),
        (&[0xca, 0x3f, 0xc0, 0, 0], Value::F64(1.5)),
        (&[0xca, 0x80, 0, 0, 0], Value::F64(-0.0)),
    ] {
        let document = Document::parse(bytes).unwrap();
        assert_eq!(document.to_value(), value);
        assert_eq!(document.canonical(), value.encode());
    }
    for (value, length) in [
        (-32, 1),
        (-33, 2),
        (-128, 2),
        (-129, 3),
        (-32_768, 3),
        (-32_769, 5),
        (-2_147_483_648, 5),
        (-2_147_483_649, 9),
        (127, 1),
        (128, 2),
        (256, 3),
        (65_536, 5),
        (4_294_967_296, 9),
    ] {
        assert_eq!(Value::Int(value).encode().len(), length, "{value}");
    }
}

/// The short form and the longest that fits it, the heads with one, two and four bytes, and content.
type Kind<'a> = (
    Option<(u8, usize)>,
    [Option<u8>; 3],
    &'a dyn Fn(usize) -> Vec<u8>,
);

/// A header is the shortest exactly when writing the value anew makes the same one: every header at
/// every length and number at which another one takes over.
#[test]
fn every_header_knows_whether_it_is_the_shortest() {
    fn assert_known(header: &[u8], content: &[u8]) {
        let input = [header, content].concat();
        let document = Document::parse(&input).unwrap();
        let shortest = document.to_value().encode();
        assert_eq!(
            document.is_canonical(),
            shortest == input,
            "{header:02x?} before {} bytes",
            content.len()
        );
        assert_eq!(document.canonical(), shortest);
        assert_eq!(view(&shortest), document.root());
    }

    let kinds: [Kind<'_>; 4] = [
        (None, [Some(0xc4), Some(0xc5), Some(0xc6)], &|length| {
            vec![7; length]
        }),
        (
            Some((0xa0, 31)),
            [Some(0xd9), Some(0xda), Some(0xdb)],
            &|length| vec![b'x'; length],
        ),
        (
            Some((0x90, 15)),
            [None, Some(0xdc), Some(0xdd)],
            &|length| vec![0xc0; length],
        ),
        (
            Some((0x80, 15)),
            [None, Some(0xde), Some(0xdf)],
            &|length| {
                let member = |n| [&[0xa4], format!("{n:04x}").as_bytes(), &[0xc0]].concat();
                (0..length).flat_map(member).collect()
            },
        ),
    ];
    for (short, wide, content) in kinds {
        for length in [
            0, 1, 15, 16, 17, 31, 32, 33, 254, 255, 256, 257, 65_535, 65_536, 65_537,
        ] {
            // Of values there may be 4096.
            if wide[0].is_none() && length > 300 {
                continue;
            }
            let content = content(length);
            let bytes = u32::try_from(length).unwrap().to_be_bytes();
            if let Some((head, most)) = short
                && length <= most
            {
                assert_known(&[head | bytes[3]], &content);
            }
            for (head, width) in wide.into_iter().zip([1, 2, 4]) {
                let (leading, digits) = bytes.split_at(4 - width);
                if let Some(head) = head
                    && leading.iter().all(|byte| *byte == 0)
                {
                    assert_known(&[&[head], digits].concat(), &content);
                }
            }
        }
    }

    // Numbers: those around every power of two at which a width ends, in every width.
    let edges = [5, 7, 8, 15, 16, 31, 32, 63, 64].map(|bits| 1_i128 << bits);
    let numbers = edges
        .iter()
        .flat_map(|edge| (-2..=2).flat_map(move |near| [edge + near, near - edge]));
    for number in numbers.chain(-2..=2) {
        let bytes = number.to_be_bytes();
        let low = |width: usize| &bytes[16 - width..];
        for (exponent, width) in [1, 2, 4, 8].into_iter().enumerate() {
            let head = u8::try_from(exponent).unwrap();
            let bits = 8 * width;
            if (0..1 << bits).contains(&number) {
                assert_known(&[&[0xcc + head], low(width)].concat(), &[]);
            }
            if (-(1 << (bits - 1))..1 << (bits - 1)).contains(&number) {
                assert_known(&[&[0xd0 + head], low(width)].concat(), &[]);
            }
        }
        if (-32..128).contains(&number) {
            assert_known(low(1), &[]);
        }
    }
    assert_known(&[0xca], &1.5_f32.to_be_bytes());
    assert_known(&[0xcb], &1.5_f64.to_be_bytes());
}
