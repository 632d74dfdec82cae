//! Bodies on which parsers disagree: what is not exactly one thing is refused.

use unloq_webhooks::{VerifyErrorKind as Kind, string_to_sign};

use crate::given::{FORM, JSON, refused};

fn json(body: &[u8]) -> Result<String, unloq_webhooks::VerifyError> {
    string_to_sign("/", JSON, body)
}

fn form(body: &[u8]) -> Result<String, unloq_webhooks::VerifyError> {
    string_to_sign("/", FORM, body)
}

#[test]
fn json_differentials() {
    let malformed: &[&[u8]] = &[
        // Not an object, or more than one.
        b"[]",
        b"null",
        b"true",
        b"1",
        b"\"sid\"",
        b"[{\"a\":1}]",
        b"{}{}",
        b"{} {}",
        b"{},",
        b"{}x",
        b"{}\0",
        b"\0{}",
        b" ",
        b"\n",
        b"{}//",
        b"/**/{}",
        b"#{}",
        // Other encodings, byte order marks, bytes that are no text.
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"{\0}\0",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc3\"}",
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":\"\xf4\x90\x80\x80\"}",
        b"{\"\xff\":1}",
        b"{\"a\":{\"b\":\"\xff\"}}",
        // White space that only some allow.
        b"\x0c{}",
        b"\x0b{}",
        b"{\xc2\xa0}",
        b"\xe2\x80\x8b{}",
        b"{\"a\"\x0c:1}",
        // Grammar that only some allow.
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":'1'}",
        b"{\"a\":1,}",
        b"{,\"a\":1}",
        b"{\"a\":1,,\"b\":2}",
        b"{\"a\":[1,]}",
        b"{\"a\":[,1]}",
        b"{\"a\":[1 2]}",
        b"{\"a\" 1}",
        b"{\"a\":}",
        b"{\"a\"}",
        b"{\"a\":1 \"b\":2}",
        b"{\"a\":undefined}",
        b"{\"a\":True}",
        b"{\"a\":nul}",
        b"{\"a\":nulls}",
        b"{\"a\":tru}",
        b"{\"a\":NaN}",
        b"{1:1}",
        b"{null:1}",
        b"{\"a\":1;}",
        b"{\"a\"=1}",
        // Cut short.
        b"{",
        b"{\"",
        b"{\"a",
        b"{\"a\"",
        b"{\"a\":",
        b"{\"a\":\"",
        b"{\"a\":\"x",
        b"{\"a\":[",
        b"{\"a\":[1",
        b"{\"a\":{",
        b"{\"a\":1",
        b"{\"a\":1,",
        b"{\"a\":\"\\",
        b"{\"a\":\"\\u00",
        b"{\"a\":t",
        b"{\"a\":-",
        b"{\"a\":1.",
        // Escapes.
        b"{\"a\":\"\\x41\"}",
        b"{\"a\":\"\\'\"}",
        b"{\"a\":\"\\0\"}",
        b"{\"a\":\"\\a\"}",
        b"{\"a\":\"\\U0041\"}",
        b"{\"a\":\"\\u004\"}",
        b"{\"a\":\"\\u004g\"}",
        b"{\"a\":\"\\u+041\"}",
        b"{\"a\":\"\\u{41}\"}",
        b"{\"a\":\"\\u 041\"}",
        b"{\"a\":\"\\\n\"}",
        b"{\"a\":\"\\u00\xc3\xa9\"}",
        // Halves of characters.
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\\udc00\"}",
        b"{\"a\":\"\\ud800x\"}",
        b"{\"a\":\"\\ud800\\n\"}",
        b"{\"a\":\"\\ud800\\ud800\"}",
        b"{\"a\":\"\\udc00\\ud800\"}",
        b"{\"a\":\"\\ud800\\u0041\"}",
        b"{\"\\ud83d\":1}",
        b"{\"a\":{\"b\":\"\\ud800\"}}",
        b"{\"a\":[\"\\udfff\"]}",
        b"{\"a\":{\"\\udfff\":1}}",
        // Control characters, raw.
        b"{\"a\":\"\n\"}",
        b"{\"a\":\"\t\"}",
        b"{\"a\":\"\0\"}",
        b"{\"a\":\"\x1f\"}",
        b"{\"a\n\":1}",
        b"{\"a\":\"0123456789\x01\"}",
    ];
    for body in malformed {
        let kind = refused(json(body));
        assert_eq!(kind, Kind::MalformedBody, "{}", body.escape_ascii());
    }

    // Names twice, in every spelling, at every depth.
    for body in [
        r#"{"sid":"good","sid":"evil"}"#,
        r#"{"sid":1,"\u0073id":1}"#,
        r#"{"\u0073\u0069\u0064":1,"sid":1}"#,
        r#"{"a/b":1,"a\/b":1}"#,
        r#"{"":1,"":1}"#,
        r#"{"é":1,"\u00e9":1}"#,
        r#"{"😀":1,"\ud83d\ude00":1}"#,
        r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"a":1}"#,
        r#"{"a_long_name_1":1,"a_long_name_2":1,"a_long_name_1":1}"#,
        r#"{"a":{"b":1,"b":1}}"#,
        r#"{"a":[{"b":1,"\u0062":1}]}"#,
        r#"{"a":{"x":[{"b":1,"b":1}]}}"#,
    ] {
        assert_eq!(refused(json(body.as_bytes())), Kind::DuplicateKey, "{body}");
    }
    // Names that are not equal, for all that some would say so.
    for body in [
        r#"{"sid":1,"Sid":1,"sid ":1," sid":1,"sid\u0000":1,"SID":1}"#,
        r#"{"\u00e9":1,"e\u0301":1}"#, // composed and not
        r#"{"a":1,"b":{"a":1},"c":{"a":1}}"#,
        r#"{"\u212a":1,"k":1,"K":1}"#,
    ] {
        assert!(json(body.as_bytes()).is_ok(), "{body}");
    }

    // Shapes that UNLOQ's own code cannot put into text.
    for body in [
        r#"{"hasOwnProperty":"x"}"#,
        r#"{"\u0068asOwnProperty":1}"#,
        r#"{"a":{"toString":1}}"#,
        r#"{"a":[{"toString":null}]}"#,
        r#"{"a":[[{"\u0074oString":1}]]}"#,
        r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"hasOwnProperty":null}"#,
    ] {
        assert_eq!(
            refused(json(body.as_bytes())),
            Kind::Unrepresentable,
            "{body}"
        );
    }

    for (body, expected) in [
        (r#"{}"#, "/"),
        ("\t\r\n {\t\r\n }\t\r\n ", "/"),
        (r#"{"toString":"x"}"#, "/toStringx"),
        (r#"{"a":{"b":{"toString":1}}}"#, "/a[object Object]"),
        (r#"{"a":{"hasOwnProperty":1}}"#, "/a[object Object]"),
        (
            r#"{"__proto__":"x","constructor":"y"}"#,
            "/__proto__xconstructory",
        ),
        (r#"{"a":""}"#, "/a"),
        (r#"{"a":null,"b":true,"c":false}"#, "/anullbtruecfalse"),
        (r#"{"a":[]}"#, "/a"),
        (r#"{"a":[null]}"#, "/a"),
        (r#"{"a":[null,null]}"#, "/a,"),
        (r#"{"a":[[],[[]],[null,[]]]}"#, "/a,,,"),
        (r#"{"a":[1,[2,"x",null],{}]}"#, "/a1,2,x,,[object Object]"),
        (r#"{"a":["\u0041","b\n",1.50,true]}"#, "/aA,b\n,1.5,true"),
        (r#"{"a":[{"b":"\u0041"},"\u0042"]}"#, "/a[object Object],B"),
        (r#"{"a":{}}"#, "/a[object Object]"),
        (
            r#"{"a":"\"\\\/\b\f\n\r\t\u0000"}"#,
            "/a\"\\/\u{8}\u{c}\n\r\t\0",
        ),
        (
            r#"{"a":"\u00E9\u00e9\uD83D\uDE00\uffff"}"#,
            "/aéé😀\u{ffff}",
        ),
        (
            r#"{"b":1,"a":2,"B":3,"_":4,"10":5,"9":6}"#,
            "/10596B3_4a2b1",
        ),
    ] {
        assert_eq!(json(body.as_bytes()).unwrap(), expected, "{body}");
    }
}

#[test]
fn form_differentials() {
    let malformed: &[&[u8]] = &[
        b"a=%",
        b"a=%4",
        b"a=%zz",
        b"a=%4z",
        b"%=1",
        b"a%=1",
        b"a=%%41",
        b"a=%u0041",
        b"a=% 41",
        b"a=%+1",
        b"a=%-1",
        b"a=%ff",
        b"a=%c3",
        b"a=%c0%af",
        b"a=%ed%a0%80",
        b"%ff=1",
        b"a=\xff",
        b"\xff=1",
        b"a=\xc3",
        b"a[b]=1",
        b"a[]=1",
        b"c%5B%5D=2",
        b"[=1",
        b"a%5b=1",
        b"x=1&a[0]=1",
        b"a=\xc3&b=\xa9",
        b"a=%c3&b=%a9",
    ];
    for body in malformed {
        let kind = refused(form(body));
        assert_eq!(kind, Kind::MalformedBody, "{}", body.escape_ascii());
    }
    for body in [
        "sid=good&sid=evil",
        "sid=1&%73id=1",
        "sid&sid",
        "a+b=1&a%20b=2",
        "a=1&b=2&c=3&d=4&e=5&a=6",
        "é=1&%C3%A9=1",
    ] {
        assert_eq!(refused(form(body.as_bytes())), Kind::DuplicateKey, "{body}");
    }
    assert_eq!(refused(form(b"hasOwnProperty=1")), Kind::Unrepresentable);
    for (body, expected) in [
        (&b"a=&b&&c=3&=x"[..], "/abc3"),
        (b"&&&", "/"),
        (b"=", "/"),
        (b"=%zz&a=1", "/a1"), // dropped unread: it has no name
        (b"a", "/a"),
        (b"a=b=c", "/ab=c"),
        (b"a==", "/a="),
        (b"a=%3D%26&b=1", "/a=&b1"),
        (b"a;b=1", "/a;b1"),
        (b"a=1;b=2", "/a1;b=2"),
        (b"a=+%2B+", "/a + "),
        (b"a%2Bb=1", "/a+b1"),
        (b" a = b ", "/ a  b "),
        (b"a.b=1&c%20d=2", "/a.b1c d2"),
        (b"a]=1", "/a]1"),
        (b"a=[1]", "/a[1]"),
        (b"a=%00", "/a\0"),
        (b"a=\0", "/a\0"),
        (b"a=%e9%9b%aa", "/a雪"),
        (b"a=\xc3%A9", "/aé"), // half as it stands, half escaped: together they are text
        (b"a=%c3\xa9&b=x", "/aébx"),
        (b"toString=1", "/toString1"),
        (b"10=ten&9=nine&1=one", "/1one10ten9nine"),
        (b"\xef\xbb\xbfa=1", "/\u{feff}a1"),
        (b"a=\r\n", "/a\r\n"),
        ("～=bmp&😀=astral".as_bytes(), "/😀astral～bmp"),
    ] {
        assert_eq!(form(body).unwrap(), expected, "{}", body.escape_ascii());
    }
}

#[test]
fn empty_bodies_are_the_empty_set() {
    for content_type in [JSON, FORM, "text/plain", "", "nonsense"] {
        assert_eq!(string_to_sign("/x", content_type, b"").unwrap(), "/x");
    }
    assert_eq!(
        refused(string_to_sign("/x", "text/plain", b" ")),
        Kind::UnsupportedMediaType
    );
}
