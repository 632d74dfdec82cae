//! UNLOQ's own client, the npm package `unloq` 0.9.4, as a second opinion.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value as Json, json};
use unloq_webhooks::{Hooks, Logout, Secret, sign};

use crate::given::{FORM, JSON, LOGOUT, Request, Sequence};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/unloq.js");

/// Says loudly that something is missing, or fails where everything has to be there.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn missing(what: &str) {
    if env::var_os("KEYLOCKR_REQUIRE_SYSTEM").is_some_and(|value| value == "1") {
        panic!("{what} is missing");
    }
    println!("SKIPPED: {what} is missing");
}

/// Node, if it is on the path.
pub(crate) fn node() -> Option<PathBuf> {
    let works = Command::new("node").arg("--version").output();
    if works.is_ok_and(|output| output.status.success()) {
        return Some("node".into());
    }
    missing("node");
    None
}

/// The folder with the package: `UNLOQ_NODE_MODULES`, or where `.ci/run` puts it.
fn node_modules() -> Option<PathBuf> {
    let default =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/unloq-node/node_modules");
    let folder = env::var_os("UNLOQ_NODE_MODULES").map_or(default, PathBuf::from);
    if folder.join("unloq/package.json").is_file() {
        return Some(folder);
    }
    missing("the npm package unloq");
    None
}

/// What a program writes, given this to read.
pub(crate) fn run(program: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    output.stdout
}

/// A text of all kinds of characters, none of them a lone surrogate.
fn text(sequence: &mut Sequence) -> String {
    const ODD: &[char] = &[
        '"',
        '\\',
        '/',
        '\n',
        '\t',
        '\0',
        '\u{1f}',
        '\u{7f}',
        ' ',
        '+',
        '&',
        '=',
        '%',
        '.',
        '-',
        '_',
        '[',
        'é',
        'ß',
        '\u{ad}',
        '\u{2028}',
        '\u{d7ff}',
        '\u{e000}',
        '\u{feff}',
        '\u{ff5e}',
        '\u{fffd}',
        '\u{ffff}',
        '\u{10000}',
        '\u{1f600}',
        '\u{10ffff}',
    ];
    (0..sequence.below(20))
        .map(|_| match sequence.below(3) {
            0 => *sequence.pick(ODD),
            1 => char::from(b'a' + u8::try_from(sequence.below(26)).unwrap()),
            _ => char::from(b'0' + u8::try_from(sequence.below(10)).unwrap()),
        })
        .collect()
}

/// 1,000 random payloads with string values: the client makes the signature that we make, says yes
/// to ours and no to a changed one; and we say yes to its.
#[test]
fn npm_client_signs_and_verifies_the_same() {
    let (Some(node), Some(modules)) = (node(), node_modules()) else {
        return;
    };
    let mut sequence = Sequence(0x756e_6c6f);
    let mut cases = Vec::new();
    while cases.len() < 1_000 {
        let mut params = serde_json::Map::new();
        for _ in 0..sequence.below(12) {
            let name = match sequence.below(4) {
                0 => ["unloq_id", "sid", "email", "ip", "id", "key"][sequence.below(6)].to_owned(),
                _ => text(&mut sequence),
            };
            // An integer-like name is no different here, for the client sorts before it signs.
            params.insert(name, text(&mut sequence).into());
        }
        let secret: String = text(&mut sequence).replace('\0', "0") + "secret";
        let path = [
            "/hooks/unloq/logout",
            "hooks/logout",
            "/?unloq_uauth=logout",
            "https://a.example/b?c=1",
        ];
        let path = *sequence.pick(&path);
        let body = Json::Object(params).to_string();
        let ours = sign(
            &Secret::new(secret.as_str()).unwrap(),
            path,
            JSON,
            body.as_bytes(),
        )
        .unwrap();
        cases.push(json!({"secret": secret, "path": path, "body": body, "signature": ours}));
    }
    let input = serde_json::to_vec(&cases).unwrap();
    let output = run(&node, &[SCRIPT, modules.to_str().unwrap()], &input);
    let answers: Vec<Json> = serde_json::from_slice(&output).unwrap();
    assert_eq!(answers.len(), cases.len());
    for (case, answer) in cases.iter().zip(&answers) {
        assert_eq!(answer["signature"], case["signature"], "{case}");
        assert_eq!(answer["accepts"], true, "{case}");
        assert_eq!(answer["accepts_changed"], false, "{case}");
        let of = |member: &str| case[member].as_str().unwrap();
        let secret = Secret::new(of("secret")).unwrap();
        let hooks = Hooks::builder(secret)
            .on::<Logout>(of("path"))
            .build()
            .unwrap();
        let theirs = answer["signature"].as_str().unwrap();
        let request = Request::with(LOGOUT, JSON, of("body").as_bytes(), theirs);
        assert_eq!(request.authenticate::<Logout>(&hooks), Ok(0), "{case}");
        let form = Request::with(LOGOUT, FORM, form(of("body")).as_bytes(), theirs);
        match form.authenticate::<Logout>(&hooks) {
            Ok(index) => assert_eq!(index, 0),
            // A form drops an empty name, and refuses one with a bracket.
            Err(_) => assert!(has_unwritable_name(of("body")), "{case}"),
        }
    }
}

fn has_unwritable_name(body: &str) -> bool {
    let params: serde_json::Map<String, Json> = serde_json::from_str(body).unwrap();
    params
        .keys()
        .any(|name| name.is_empty() || name.contains('['))
}

/// The same parameters as a form, every byte escaped.
fn form(body: &str) -> String {
    let escaped =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let params: serde_json::Map<String, Json> = serde_json::from_str(body).unwrap();
    let pieces: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value.as_str().unwrap())))
        .collect();
    pieces.join("&")
}
