//! What is taken to be sealed, in whatever form, and the buffers that it goes into.

use keylockr_proto::{Document, Error, Value, View, Window};

use crate::given::{NOW, Sequence, body, code, pair};

/// As deep, and as many values, as a reader takes: what is sealed opens. It makes no difference as
/// what a body is handed in.
#[test]
fn bodies_are_as_deep_and_as_many_as_readers_take() {
    let pair = pair();
    let verdict = |content: &Value| {
        let bytes = content.encode();
        let document = Document::parse(&bytes).unwrap();
        let View::Map(map) = document.root() else {
            panic!("a body is a map")
        };
        let members: Vec<_> = map.iter().collect();
        let seal = |body: &dyn Fn(&mut Sequence) -> Result<Vec<u8>, Error>| {
            let frame = body(&mut Sequence(1));
            if let Ok(frame) = &frame {
                let opened = pair.server.open(frame, NOW, Window::CLIENT).unwrap();
                assert_eq!(opened.body().to_value(), *content);
            }
            code(&frame)
        };
        let verdicts = [
            seal(&|entropy| pair.client.seal("x", NOW, content, &[], entropy)),
            seal(&|entropy| pair.client.seal("x", NOW, &map, &[], entropy)),
            seal(&|entropy| pair.client.seal("x", NOW, &members[..], &[], entropy)),
        ];
        assert_eq!(verdicts, [verdicts[0]; 3]);
        verdicts[0]
    };
    let arrays =
        |depth: usize| (1..depth).fold(Value::Int(1), |value, _| Value::Array(vec![value]));
    let maps = |depth: usize| (1..depth).fold(Value::Int(1), |value, _| body([("a", value)]));
    for depth in 1..=31 {
        assert_eq!(verdict(&body([("d", arrays(depth))])), "ok", "{depth}");
        assert_eq!(verdict(&body([("d", maps(depth))])), "ok", "{depth}");
    }
    assert_eq!(verdict(&body([("d", arrays(32))])), "E_SHAPE");
    assert_eq!(verdict(&body([("d", maps(32))])), "E_SHAPE");

    let nils = |count: usize| Value::Array(vec![Value::Nil; count]);
    // Beside them: the body and the header with its six; a list and its name; a map and its name.
    let most = 4096 - 8;
    assert_eq!(verdict(&body([("l", nils(most - 3))])), "ok");
    assert_eq!(verdict(&body([("l", nils(most - 2))])), "E_SHAPE");
    let inside = |count: usize| body([("m", body([("l", nils(count))]))]);
    assert_eq!(verdict(&inside(most - 5)), "ok");
    assert_eq!(verdict(&inside(most - 4)), "E_SHAPE");
    // Two members, so that a sum over them is none of one.
    let beside = |count: usize| body([("k", nils(5)), ("l", nils(count))]);
    assert_eq!(verdict(&beside(most - 10)), "ok");
    assert_eq!(verdict(&beside(most - 9)), "E_SHAPE");
    let lists = |count: usize| body([("l", Value::Array(vec![nils(5), nils(count)]))]);
    assert_eq!(verdict(&lists(most - 10)), "ok");
    assert_eq!(verdict(&lists(most - 9)), "E_SHAPE");
}

/// A buffer is made large enough at once: one that grew later would leave plaintext behind. And not
/// much larger.
#[test]
fn buffers_never_grow_while_they_are_written() {
    let channel = pair().client.with_app_ver(Some(&"v".repeat(64)));
    let (large, small): (&[u8], &[u8]) = (&[7; 5_000], &[7; 3]);
    let raw: [&[&[u8]]; 4] = [&[], &[large], &[small; 100], &[large; 4]];
    for size in [200, 1_000, 30_000] {
        for raw in raw {
            let content = body([("b", Value::Bin(vec![7; size]))]);
            let frame = channel
                .seal("x", NOW, &content, raw, &mut Sequence(1))
                .unwrap();
            let spare = frame.capacity() - frame.len();
            assert!(spare <= 256 + 4 * raw.len(), "{spare} of {}", frame.len());
        }
    }
}

/// What a buffer held before does not count.
#[test]
fn the_limit_is_that_of_the_frame() {
    let frame = pair()
        .client
        .seal("x", NOW, &Value::map(), &[], &mut Sequence(1))
        .unwrap();
    for (limit, expected) in [(frame.len(), "ok"), (frame.len() - 1, "E_SIZE")] {
        let channel = pair().client.with_frame_limit(limit);
        for before in [0, 1, 1_000] {
            let mut buffer = vec![0; before];
            let sealed =
                channel.seal_into(&mut buffer, "x", NOW, &Value::map(), &[], &mut Sequence(1));
            assert_eq!(code(&sealed), expected, "after {before} bytes");
        }
    }
}
