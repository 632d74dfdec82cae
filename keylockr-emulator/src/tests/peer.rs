//! A client of the tests: just enough of one to drive the emulator frame by frame.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    Emulator, EmulatorSocket, Message,
    wire::{
        crypto::{self, SignPair},
        envelope::{Envelope, MAX_FRAME, Sealing, Window, Writer},
        error::WireError,
        reader,
        text::{from_base64, to_base64url},
        value::{Map, Value},
        writer,
    },
};

pub(crate) const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const WINDOW: Window = Window {
    past: 600,
    future: 180,
};

/// An emulator without ports.
pub(crate) async fn emulator() -> Emulator {
    Emulator::builder()
        .in_process()
        .seed(7)
        .start()
        .await
        .unwrap()
}

pub(crate) async fn get(emulator: &Emulator, path: &str) -> (u16, Vec<u8>) {
    let (status, _, body) = emulator.http("GET", path, None, Vec::new(), LOCAL).await;
    (status, body)
}

/// The time that the emulator serves.
pub(crate) async fn server_time(emulator: &Emulator) -> u64 {
    let (_, body) = get(emulator, "/v3/clock").await;
    let clock: serde_json::Value = serde_json::from_slice(&body).unwrap();
    clock["ts"].as_u64().unwrap()
}

/// Since the emulator's start.
pub(crate) fn elapsed(emulator: &Emulator) -> std::time::Duration {
    emulator.shared().world().server.clock.elapsed()
}

/// A client with its keys.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) sign: SignPair,
    pub(crate) enc_secret: [u8; 32],
    pub(crate) enc_public: [u8; 32],
}

impl Peer {
    pub(crate) fn new(number: u8) -> Self {
        let enc_secret = crypto::sha256(&[number, 1]);
        Self {
            sign: SignPair::from_seed(&crypto::sha256(&[number, 2])),
            enc_secret,
            enc_public: crypto::box_public_of(&enc_secret),
        }
    }

    /// The fields that every handshake has.
    pub(crate) fn hello(&self) -> Map {
        Map::new()
            .with("sign_pk", self.sign.public.as_slice())
            .with("enc_pk", self.enc_public.as_slice())
            .with("name", "Test client")
    }

    /// A handshake; the tmp id or the code.
    pub(crate) async fn handshake(
        &self,
        emulator: &Emulator,
        fields: Map,
    ) -> Result<String, String> {
        let body = writer::encode_map(&fields);
        let (status, _, body) = emulator
            .http("POST", "/v3/handshake", None, body, LOCAL)
            .await;
        assert_eq!(status, 200);
        let Value::Map(reply) = reader::decode(&body).unwrap() else {
            panic!("no map")
        };
        match reply.text("tmp_id") {
            Some(tmp_id) => Ok(tmp_id.to_owned()),
            None => Err(reply.text("code").unwrap().to_owned()),
        }
    }

    pub(crate) async fn seed(&self, emulator: &Emulator, svc_id: &str) -> String {
        let fields = self.hello().with("svc_id", svc_id).with("app_tag", "notes");
        self.handshake(emulator, fields).await.unwrap()
    }

    pub(crate) async fn appdata(&self, emulator: &Emulator, app_tag: &str) -> String {
        let fields = self.hello().with("app_tag", app_tag).with("app_data", true);
        self.handshake(emulator, fields).await.unwrap()
    }

    pub(crate) fn sig(&self, identity: &str, ts: u64) -> String {
        let signed = self.sign.sign(format!("{identity}.{ts}").as_bytes());
        format!("/v3/ws?sig={}", to_base64url(&signed))
    }

    /// A socket; the keys are fetched first.
    pub(crate) async fn connect(&self, emulator: &Emulator, identity: &str) -> PeerSocket {
        self.try_connect(emulator, identity).await.unwrap()
    }

    pub(crate) async fn try_connect(
        &self,
        emulator: &Emulator,
        identity: &str,
    ) -> Result<PeerSocket, u16> {
        let now = server_time(emulator).await;
        let socket = emulator.socket(&self.sig(identity, now), LOCAL)?;
        let key = |body: Vec<u8>| -> [u8; 32] {
            from_base64(std::str::from_utf8(&body).unwrap())
                .unwrap()
                .try_into()
                .unwrap()
        };
        let enc = key(get(emulator, "/v3/key_enc").await.1);
        let sign = key(get(emulator, "/v3/key_sign").await.1);
        Ok(PeerSocket {
            socket,
            identity: identity.to_owned(),
            shared: crypto::shared_key(&enc, &self.enc_secret).unwrap(),
            client_sign: self.sign.clone(),
            server_sign: sign,
            now,
            sent: 0,
            frame_nonce: [0; 24],
        })
    }
}

/// An open socket of a peer.
pub(crate) struct PeerSocket {
    pub(crate) socket: EmulatorSocket,
    identity: String,
    pub(crate) shared: [u8; 32],
    client_sign: SignPair,
    pub(crate) server_sign: [u8; 32],
    pub(crate) now: u64,
    sent: u64,
    /// Nonce of the last frame that was opened.
    pub(crate) frame_nonce: [u8; 24],
}

/// A frame as the peer sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) ts: u64,
    pub(crate) body: Map,
    pub(crate) hash: [u8; 32],
}

impl PeerSocket {
    pub(crate) fn sealing<'a>(&'a mut self, name: &'a str, body: Map) -> Sealing<'a> {
        self.sent += 1;
        let mut nonce = [0; 24];
        nonce[..8].copy_from_slice(&self.sent.to_be_bytes());
        Sealing {
            writer: Writer::Client,
            id: Some(&self.identity),
            app_ver: Some("klsso/test"),
            name,
            ts: self.now,
            body,
            raw: Vec::new(),
            nonce,
            embed_nonce: false,
        }
    }

    pub(crate) fn seal(&mut self, name: &str, body: Map) -> Vec<u8> {
        let (shared, sign) = (self.shared, self.client_sign.clone());
        self.sealing(name, body).seal(&shared, &sign)
    }

    pub(crate) async fn send(&mut self, name: &str, body: Map) {
        let frame = self.seal(name, body);
        self.socket.send(Message::Binary(frame)).await;
    }

    /// Opens a server frame in the order of 3.4, without a memory of frames.
    pub(crate) fn open(&self, bytes: &[u8]) -> Result<Seen, WireError> {
        let authentic =
            Envelope::decode(bytes, MAX_FRAME, Writer::Server)?.authenticate(&self.server_sign)?;
        let hash = *authentic.hash();
        let inner = authentic
            .open(&self.shared, Writer::Server)
            .map_err(|refused| refused.error)?
            .fresh(self.now, WINDOW)?;
        let (name, ts) = (inner.name.clone(), inner.ts);
        Ok(Seen {
            name,
            ts,
            body: inner.joined()?,
            hash,
        })
    }

    /// The next message as it came.
    pub(crate) async fn raw(&mut self) -> Message {
        self.socket.recv().await.unwrap()
    }

    pub(crate) async fn bytes(&mut self) -> Vec<u8> {
        match self.raw().await {
            Message::Binary(bytes) => bytes,
            other => panic!("{other:?} in place of a frame"),
        }
    }

    /// The next frame, which is a good one.
    pub(crate) async fn frame(&mut self) -> Seen {
        let bytes = self.bytes().await;
        let root = reader::decode(&bytes).unwrap();
        let kps = root
            .as_map()
            .and_then(|root| root.get("kps"))
            .and_then(Value::as_map)
            .unwrap();
        self.frame_nonce = kps
            .bin("n")
            .map_or([0; 24], |nonce| nonce.try_into().unwrap());
        self.open(&bytes).unwrap()
    }

    /// The next frame, which has this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Map {
        let seen = self.frame().await;
        assert_eq!(seen.name, name, "{:?}", seen.body);
        seen.body
    }

    /// Asks and gets the answer.
    pub(crate) async fn ask(&mut self, name: &str, body: Map) -> Map {
        self.send(name, body).await;
        self.expect(name).await
    }

    /// Nothing more is waiting.
    pub(crate) async fn quiet(&mut self) {
        let more = futures_util::FutureExt::now_or_never(self.socket.recv());
        assert!(more.is_none(), "{more:?}");
    }
}
