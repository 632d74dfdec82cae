//! Envelopes, in both roles.

use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::{
    BoxPublic, BoxSecret, Channel, ClientKeys, ClientPublic, Direction, Document, Frame, Identity,
    KeyLifetime, Message, Replay, ReplayWindow, ServerChannel, ServerKeys, SharedKey, SignPublic,
    SignSecret, UnixTime, Value, View,
};
use sha2::{Digest, Sha256};

use super::{Case, Outcome, same, same_hex, untagged};
use crate::given::{self, Bytes};

pub(crate) fn open(case: Case<'_>) -> Outcome {
    let channel = client(case)?.with_frame_limit(limit(case));
    let opened = channel.open(&case.bytes("frame"), case.now(), case.window());
    match case.judge(opened)? {
        Some(message) => same_message(case, &message, "from"),
        None => Ok(()),
    }
}

pub(crate) fn open_server(case: Case<'_>) -> Outcome {
    let channel = server(case)?.with_frame_limit(limit(case));
    let opened = channel.open(&case.bytes("frame"), case.now(), case.window());
    match case.judge(opened)? {
        Some(message) => {
            same("id", message.id(), case.expect["id"].as_str())?;
            same(
                "app_ver",
                message.app_ver(),
                case.expect["app_ver"].as_str(),
            )?;
            same_message(case, &message, "to")
        }
        None => Ok(()),
    }
}

/// Both ends refuse the size before they look at anything.
pub(crate) fn open_size(case: Case<'_>) -> Outcome {
    let length = usize::try_from(case.number("frame_length")).expect("a length");
    let frame = vec![0; length];
    let limit = limit(case);
    let given::Pair { client, server, .. } = given::pair();
    let (client, server) = (
        client.with_frame_limit(limit),
        server.with_frame_limit(limit),
    );
    let window = keylockr_proto::Window::CLIENT;
    case.judge(client.open(&frame, given::NOW, window))?;
    case.judge(server.open(&frame, given::NOW, window))?;
    // One byte less than too much is judged by what is in it.
    let within = client.open(&frame[..limit.min(length)], given::NOW, window);
    same("at the limit", given::code(&within), "E_MSGPACK")
}

pub(crate) fn seal(case: Case<'_>) -> Outcome {
    let sign = SignSecret::from_bytes(&case.array("client_sign_seed"));
    let client_public = sign.public();
    let enc = BoxSecret::from_bytes(&case.array("client_enc_sk"));
    let server_enc = key(BoxPublic::from_bytes(&case.array("server_enc_pk")))?;
    let shared = key(SharedKey::agree(&enc, &server_enc))?;
    let channel = Channel::new(
        &Arc::new(ClientKeys::from_parts(sign, enc, KeyLifetime::Fresh)),
        &ServerKeys {
            enc: server_enc,
            sign: SignSecret::from_bytes(&[9; 32]).public(),
        },
        Identity::parse(case.text("identity")).map_err(|e| e.to_string())?,
    )
    .map_err(|e| e.to_string())?
    .with_app_ver(case.input["app_ver"].as_str())
    .with_embedded_nonce(case.input["omit_n"].as_bool().expect("omit_n"));
    let raw: Vec<Vec<u8>> = case.input["raw"]
        .as_array()
        .expect("raw")
        .iter()
        .map(|item| hex::decode(item.as_str().expect("raw item")).expect("hex"))
        .collect();
    let raw: Vec<&[u8]> = raw.iter().map(Vec::as_slice).collect();
    let ts = UnixTime::from_secs(case.number("ts"));
    let frame = channel
        .seal(
            case.text("action"),
            ts,
            &untagged(&case.input["body"]),
            &raw,
            &mut Bytes(case.bytes("nonce")),
        )
        .map_err(|e| e.to_string())?;
    same_hex("frame", &frame, &case.bytes_expected("frame"))?;
    intermediate_values(case, &frame, &shared)?;
    let frame =
        Frame::decode(&frame, frame.len(), Direction::FromClient).map_err(|e| e.to_string())?;
    same_hex(
        "kps_sha256",
        frame.hash().as_bytes(),
        &case.bytes_expected("kps_sha256"),
    )?;
    let message = frame
        .verify(&client_public)
        .and_then(|authentic| authentic.open(&shared))
        .and_then(|opened| opened.fresh(ts, keylockr_proto::Window::CLIENT))
        .map_err(|e| e.to_string())?;
    same("name", message.name(), case.text("action"))?;
    same("id", message.id(), Some(case.text("identity")))?;
    same(
        "body_after_join",
        message.body().to_value(),
        untagged(&case.expect["body_after_join"]),
    )
}

fn intermediate_values(case: Case<'_>, frame: &[u8], shared: &SharedKey) -> Outcome {
    let frame = Document::parse(frame)
        .map_err(|e| e.to_string())?
        .to_value();
    let kps = frame.member("kps").expect("kps");
    let bin = |value: Option<&Value>| match value {
        Some(Value::Bin(bytes)) => bytes.clone(),
        other => panic!("not binary: {other:?}"),
    };
    let boxed = bin(kps.member("box"));
    // The vector's box is the bare one; a nonce that travels in front of it is not part of it.
    let bare = &boxed[if kps.member("n").is_some() { 0 } else { 24 }..];
    same_hex("box", bare, &case.bytes_expected("box"))?;
    same_hex("kps", &kps.encode(), &case.bytes_expected("kps"))?;
    same_hex(
        "kps_sha256",
        &Sha256::digest(kps.encode()),
        &case.bytes_expected("kps_sha256"),
    )?;
    same_hex(
        "seal",
        &bin(frame.member("seal")),
        &case.bytes_expected("seal"),
    )?;
    let mut nonce_and_box = match kps.member("n") {
        Some(_) => bin(kps.member("n")),
        None => Vec::new(),
    };
    nonce_and_box.extend(boxed);
    let inner = shared.open(&nonce_and_box).map_err(|e| e.to_string())?;
    same_hex("inner", &inner, &case.bytes_expected("inner"))
}

pub(crate) fn replay(case: Case<'_>) -> Outcome {
    let channel = client(case)?;
    let mut memory = ReplayWindow::new(100, case.window());
    let frames = case.input["frames"].as_array().expect("frames");
    let results: Vec<&str> = frames
        .iter()
        .map(|frame| {
            let frame = hex::decode(frame.as_str().expect("a frame")).expect("hex");
            match channel.open(&frame, case.now(), case.window()) {
                Err(error) => error.kind().as_str(),
                Ok(message) => match memory.insert(message.kps_hash(), Duration::ZERO) {
                    Replay::Fresh => "ok",
                    Replay::Seen => "E_REPLAY",
                    Replay::Full => "full",
                },
            }
        })
        .collect();
    let expected: Vec<&str> = case.expect["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| result.as_str().expect("a result"))
        .collect();
    same("results", results, expected)
}

pub(crate) fn client(case: Case<'_>) -> Result<Channel, String> {
    let keys = ClientKeys::from_parts(
        SignSecret::from_bytes(&[8; 32]),
        BoxSecret::from_bytes(&case.array("client_enc_sk")),
        KeyLifetime::Fresh,
    );
    let server = ServerKeys {
        enc: key(BoxPublic::from_bytes(&case.array("server_enc_pk")))?,
        sign: key(SignPublic::from_bytes(&case.array("server_sign_pk")))?,
    };
    key(Channel::new(
        &Arc::new(keys),
        &server,
        given::tmp_identity(),
    ))
}

pub(crate) fn server(case: Case<'_>) -> Result<ServerChannel, String> {
    let client = ClientPublic {
        sign: key(SignPublic::from_bytes(&case.array("client_sign_pk")))?,
        enc: key(BoxPublic::from_bytes(&case.array("client_enc_pk")))?,
    };
    key(ServerChannel::new(
        &Arc::new(SignSecret::from_bytes(&[8; 32])),
        &BoxSecret::from_bytes(&case.array("server_enc_sk")),
        &client,
        None,
    ))
}

fn key<T>(result: Result<T, keylockr_proto::Error>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

pub(crate) fn limit(case: Case<'_>) -> usize {
    case.input["max_frame"]
        .as_u64()
        .map_or(65_536, |limit| usize::try_from(limit).expect("a limit"))
}

fn same_message(case: Case<'_>, message: &Message, name: &str) -> Outcome {
    same(name, message.name(), case.text_expected(name))?;
    same(
        "ts",
        message.ts().as_secs(),
        case.expect["ts"].as_u64().expect("ts"),
    )?;
    let expected = untagged(&case.expect["body"]);
    same("body", message.body().to_value(), expected.clone())?;
    // The view and the tree say the same.
    let Value::Map(members) = expected else {
        panic!("body is a map")
    };
    same("members", message.body().len(), members.len())?;
    members.iter().try_for_each(|(name, value)| {
        same(
            name,
            message.body().get(name).map(View::to_value).as_ref(),
            Some(value),
        )
    })
}
