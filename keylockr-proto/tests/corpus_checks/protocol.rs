// What has to hold for every input. Included by the fuzz targets and by the replay of their corpus.

use std::sync::{Arc, LazyLock};

use keylockr_proto::{
    AppId, BoxSecret, Channel, ClientKeys, ClientPublic, Document, Entropy, EntropyError, Error,
    ErrorKind, Family, FilekeyBlob, Identity, KeyLifetime, Message, Refused, Revision,
    ServerChannel, ServerKeys, SharedKey, SignSecret, UnixTime, Value, Window, WsSig,
    handshake_reply,
};
use sha2::{Digest as _, Sha256};

const NOW: UnixTime = UnixTime::from_secs(1_785_000_000);

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        dest.fill(7);
        Ok(())
    }
}

/// One connection, seen from both ends.
struct Ends {
    client: Channel,
    server: ServerChannel,
    shared: SharedKey,
    keys: Arc<ClientKeys>,
    server_sign: Arc<SignSecret>,
}

static ENDS: LazyLock<Ends> = LazyLock::new(|| {
    let keys = Arc::new(ClientKeys::from_parts(
        SignSecret::from_bytes(&[3; 32]),
        BoxSecret::from_bytes(&[1; 32]),
        KeyLifetime::Fresh,
    ));
    let server_sign = Arc::new(SignSecret::from_bytes(&[4; 32]));
    let server_enc = BoxSecret::from_bytes(&[2; 32]);
    let server = ServerKeys {
        enc: server_enc.public(),
        sign: server_sign.public(),
    };
    // Otherwise one of the first inputs pays for the table.
    server.prepare();
    let public = ClientPublic {
        sign: keys.sign_public().clone(),
        enc: keys.box_public().clone(),
    };
    let identity = Identity::App(AppId::parse(Family::AppData, Revision::Two, "4711").unwrap());
    Ends {
        client: Channel::new(&keys, &server, identity.clone()).unwrap(),
        server: ServerChannel::new(&server_sign, &server_enc, &public, Some(&identity)).unwrap(),
        shared: SharedKey::agree(keys.box_secret(), &server.enc).unwrap(),
        keys,
        server_sign,
    }
});

/// One document.
pub(crate) fn msgpack(input: &[u8]) {
    let Ok(document) = Document::parse(input) else {
        return;
    };
    let canonical = document.canonical();
    assert_eq!(document.is_canonical(), canonical == input);
    let tree = document.to_value();
    assert_eq!(tree.encode(), canonical, "as a tree and as a view");
    let again = Document::parse(&canonical).unwrap();
    assert!(again.is_canonical());
    assert_eq!(again.to_value().encode(), canonical);
}

type Opened = Result<Message, Error>;

/// What a frame is opened with, beside the plain way. A signature is checked for each, and nearly
/// all the time goes there: a fuzzer gets further with one at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ways {
    All,
    InPlace,
    Quietly,
}

impl Ways {
    /// By the input, so that the same input always does the same.
    pub(crate) fn one_for(input: &[u8]) -> Self {
        match input.iter().fold(0, |sum, byte| sum ^ byte) % 2 {
            0 => Self::InPlace,
            _ => Self::Quietly,
        }
    }
}

/// All ways to open a frame agree.
fn agree(
    ways: Ways,
    opened: Opened,
    frame: &[u8],
    in_place: impl Fn(&mut [u8]) -> Result<Vec<u8>, Error>,
    quietly: impl Fn(&[u8]) -> Result<Vec<u8>, Refused>,
) -> Opened {
    let told = opened.as_ref().map(tell).map_err(Error::kind);
    if ways != Ways::Quietly {
        assert_eq!(
            in_place(&mut frame.to_vec()).map_err(|error| error.kind()),
            told
        );
    }
    if ways != Ways::InPlace {
        assert_eq!(quietly(frame).ok(), told.ok());
    }
    opened
}

fn tell<B: AsRef<[u8]>>(message: &Message<B>) -> Vec<u8> {
    Value::from_members([
        ("name", message.name().into()),
        ("ts", message.ts().as_secs().into()),
        ("id", message.id().unwrap_or_default().into()),
        ("app_ver", message.app_ver().unwrap_or_default().into()),
        ("hash", message.kps_hash().as_bytes().as_slice().into()),
        ("body", message.body().to_value()),
    ])
    .encode()
}

fn from_server(frame: &[u8], ways: Ways) -> Opened {
    let client = &ENDS.client;
    agree(
        ways,
        client.open(frame, NOW, Window::CLIENT),
        frame,
        |frame| {
            let message = client.open_in_place(frame, NOW, Window::CLIENT)?;
            Ok(tell(&message))
        },
        |frame| {
            let mut scratch = Vec::new();
            let message = client.open_or_refuse(frame, &mut scratch, NOW, Window::CLIENT)?;
            Ok(tell(&message))
        },
    )
}

fn from_client(frame: &[u8], ways: Ways) -> Opened {
    let server = &ENDS.server;
    agree(
        ways,
        server.open(frame, NOW, Window::CLIENT),
        frame,
        |frame| {
            let message = server.open_in_place(frame, NOW, Window::CLIENT)?;
            Ok(tell(&message))
        },
        |frame| {
            let mut scratch = Vec::new();
            let message = server.open_or_refuse(frame, &mut scratch, NOW, Window::CLIENT)?;
            Ok(tell(&message))
        },
    )
}

/// A frame around a `kps` in any spelling, sealed over its canonical form.
fn sealed(kps: &[u8], sign: &SignSecret) -> Option<Vec<u8>> {
    let canonical = Document::parse(kps).ok()?.canonical();
    let seal = Value::from(sign.sign_message(&Sha256::digest(canonical)));
    Some([&[0x82, 0xa3], &b"kps"[..], kps, b"\xa4seal", &seal.encode()].concat())
}

/// A frame for a client, and then a `kps` in a frame that is sealed as it should be.
pub(crate) fn frame_open_client(input: &[u8], ways: Ways) {
    let _ = from_server(input, ways);
    if let Some(frame) = sealed(input, &ENDS.server_sign) {
        let refusal = from_server(&frame, ways).err().map(|error| error.kind());
        assert!(!matches!(
            refusal,
            Some(ErrorKind::Seal | ErrorKind::Hash | ErrorKind::Identity)
        ));
    }
}

/// The same for a service.
pub(crate) fn frame_open_server(input: &[u8], ways: Ways) {
    let _ = from_client(input, ways);
    if let Some(frame) = sealed(input, ENDS.keys.sign_secret()) {
        let refusal = from_client(&frame, ways).err().map(|error| error.kind());
        assert!(!matches!(refusal, Some(ErrorKind::Seal | ErrorKind::Hash)));
    }
}

/// What is in a box that opens, in a frame that is good in every other way. The first byte says how
/// many raw items there are, and at which end.
pub(crate) fn inner(input: &[u8], ways: Ways) {
    let Some(frame) = around(input) else {
        return;
    };
    let opened = match at_service(input) {
        false => from_server(&frame, ways),
        true => from_client(&frame, ways),
    };
    match opened {
        Ok(message) => assert!(!message.name().is_empty()),
        Err(error) => assert!(matches!(
            error.kind(),
            ErrorKind::Inner | ErrorKind::Time | ErrorKind::Raw | ErrorKind::Size
        )),
    }
}

/// The frame that an input of `inner` goes into.
pub(crate) fn around(input: &[u8]) -> Option<Vec<u8>> {
    let (first, text) = input.split_first()?;
    let boxed = ENDS.shared.seal(text, &mut Fixed).unwrap();
    let items = vec![Value::Bin(vec![1, 2, 3]); usize::from(first % 8)];
    let mut members = vec![("box", Value::from(boxed)), ("id", "app.4711".into())];
    if !items.is_empty() {
        members.push(("raw", Value::Array(items)));
    }
    let sign = match at_service(input) {
        false => &*ENDS.server_sign,
        true => ENDS.keys.sign_secret(),
    };
    sealed(&Value::from_members(members).encode(), sign)
}

fn at_service(input: &[u8]) -> bool {
    input.first().is_some_and(|first| first & AT_SERVICE != 0)
}

/// The bit in the first byte of an `inner` that sends it to the service.
pub(crate) const AT_SERVICE: u8 = 0x80;

/// A phone's filekey.
pub(crate) fn filekey(input: &[u8]) {
    if let Ok(blob) = FilekeyBlob::from_bytes(input) {
        let sender = ENDS.keys.box_public();
        for sender in [None, Some(sender)] {
            if let Err(error) = blob.open(ENDS.keys.box_secret(), sender) {
                assert!(error.refusal().is_none());
            }
        }
    }
}

/// The signature of an address, and then the text in one that is signed as it should be.
pub(crate) fn ws_sig(input: &[u8]) {
    let keys = &ENDS.keys;
    let lookup = |_: &Identity| Some(keys.sign_public().clone());
    address(input);
    use base64::Engine as _;
    let signed = keys.sign_secret().sign_message(input);
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signed);
    if let Err(error) = WsSig::open(&text, NOW, Window::CLIENT, lookup) {
        assert!(matches!(
            error.kind(),
            ErrorKind::Identity | ErrorKind::Time
        ));
    }
}

/// The answer to a handshake, of either family.
pub(crate) fn handshake_answer(input: &[u8]) {
    for family in [Family::Seed, Family::AppData] {
        if let Ok(id) = handshake_reply(family, input) {
            assert!(!id.to_string().is_empty());
        }
    }
}

/// Reads the signature of an address, and nothing else.
pub(crate) fn address(input: &[u8]) {
    if let Ok(text) = core::str::from_utf8(input) {
        let key = ENDS.keys.sign_public();
        let _ = WsSig::open(text, NOW, Window::CLIENT, |_| Some(key.clone()));
    }
}

/// Opens a frame at both ends, and nothing else.
pub(crate) fn open_both(frame: &[u8], window: Window) {
    let _ = ENDS.client.open(frame, NOW, window);
    let _ = ENDS.server.open(frame, NOW, window);
}
