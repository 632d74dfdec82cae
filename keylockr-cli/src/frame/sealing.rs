//! `keylockr frame seal`.

use std::sync::Arc;

use keylockr_client::{
    OsEntropy,
    proto::{
        Channel, ClientKeys, ClientPublic, Entropy, EntropyError, Identity, KeyLifetime,
        ServerChannel, ServerKeys, UnixTime, Value,
    },
};
use serde_json::{Value as Json, json};

use super::{
    keys::{KeyOptions, Keys, missing},
    tagged,
};
use crate::{
    clock,
    console::Console,
    outcome::{Failure, Outcome, Trouble},
    source::Source,
};

#[derive(clap::Args)]
pub(super) struct Options {
    /// The message (`-`: stdin): `to` or `from`, `body`, and if need be `ts` (left out: now), `id`,
    /// `app_ver` and `raw`, an array of binaries that `name__` members of the body number.
    #[arg(default_value = "-", value_name = "FILE|-")]
    message: Source,
    #[command(flatten)]
    keys: KeyOptions,
    /// Use this nonce, 24 bytes in hexadecimal, to repeat a known frame. Two messages under one
    /// nonce give away both.
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    insecure_nonce: Option<[u8; 24]>,
    /// As `--output json`: on one line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, console: Console) -> Result<Outcome, Failure> {
    let console = console.or_json(options.json);
    if options.keys.source() == Some(&options.message) {
        return Err(Trouble::usage("keys and message cannot come from one place").into());
    }
    let keys = options.keys.read(console)?;
    let message = Message::read(&options.message)?;
    let mut entropy: Box<dyn Entropy> = match options.insecure_nonce {
        Some(nonce) => Box::new(Fixed(nonce)),
        None => Box::new(OsEntropy),
    };
    let frame = message.seal(keys, &mut *entropy)?;
    console.document(&json!({ "frame": tagged::bin(&frame) }))?;
    Ok(Outcome::Fine)
}

fn nonce(text: &str) -> Result<[u8; 24], &'static str> {
    let mut nonce = [0; 24];
    hex::decode_to_slice(text, &mut nonce).map_err(|_| "24 bytes in hexadecimal are expected")?;
    Ok(nonce)
}

/// Draws one nonce, and no other.
struct Fixed([u8; 24]);

impl Entropy for Fixed {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        if dest.len() != self.0.len() {
            return Err(EntropyError);
        }
        dest.copy_from_slice(&self.0);
        Ok(())
    }
}

/// Which way a message goes, and its name.
enum Name {
    To(String),
    From(String),
}

/// A message to be sealed.
struct Message {
    name: Name,
    ts: UnixTime,
    id: Option<String>,
    app_ver: Option<String>,
    body: Value,
    raw: Vec<Vec<u8>>,
}

impl Message {
    fn read(source: &Source) -> Result<Self, Trouble> {
        let bad = |what: String| {
            Trouble::usage(format!("{}: {what}", source.name())).with_fix(
                "write {\"to\":\"app_get_data\",\"id\":\"app.4711\",\"body\":{}}, or {\"from\":\"app_updated\",\"body\":{\"name\":\"…\"}}",
            )
        };
        let document: Json = serde_json::from_slice(&source.read()?)
            .map_err(|error| bad(format!("the message is no JSON ({error})")))?;
        let text = |name: &str| match document.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(bad(format!("`{name}` is no text"))),
        };
        let name = match (text("to")?, text("from")?) {
            (Some(to), None) => Name::To(to),
            (None, Some(from)) => Name::From(from),
            _ => return Err(bad("one of `to` and `from` is needed".to_owned())),
        };
        let ts = match document.get("ts") {
            None | Some(Json::Null) => clock::since_1970().as_secs(),
            Some(ts) => ts
                .as_u64()
                .ok_or_else(|| bad("`ts` is no time in seconds".to_owned()))?,
        };
        let body = document.get("body").cloned().unwrap_or_else(|| json!({}));
        let raw = match document.get("raw") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(items)) => items
                .iter()
                .map(|item| tagged::bytes(item.get("$bin").unwrap_or(&Json::Null)))
                .collect::<Result<_, _>>()
                .map_err(|error| bad(format!("`raw`: {error}")))?,
            Some(_) => return Err(bad("`raw` is no array".to_owned())),
        };
        Ok(Self {
            name,
            ts: UnixTime::from_secs(ts),
            id: text("id")?,
            app_ver: text("app_ver")?,
            body: tagged::from_json(&body).map_err(|error| bad(format!("`body`: {error}")))?,
            raw,
        })
    }

    fn seal(&self, keys: Keys, entropy: &mut dyn Entropy) -> Result<Vec<u8>, Trouble> {
        let raw: Vec<&[u8]> = self.raw.iter().map(Vec::as_slice).collect();
        let frame = match &self.name {
            Name::To(to) => {
                let channel = self.client(keys)?;
                channel.seal(to, self.ts, &self.body, &raw, entropy)
            }
            Name::From(from) => {
                let channel = server(keys)?;
                channel.seal(from, self.ts, &self.body, &raw, entropy)
            }
        };
        frame.map_err(|error| {
            Trouble::refused(format!("the message cannot be sealed ({})", error.kind()))
                .with_fix("the body is an object, and the whole frame has 65,536 bytes at most")
        })
    }

    fn client(&self, keys: Keys) -> Result<Channel, Trouble> {
        let id = self.id.as_deref().unwrap_or_default();
        let identity = Identity::parse(id)
            .map_err(|_| Trouble::usage("a client's message has an `id`, `tmp.…` or `app.…`"))?;
        let enc = keys.server.box_public();
        let reader = enc.ok_or_else(|| missing("the box", "server_enc_pk"))?;
        let service = keys.server.sign_public();
        let (sign, enc) = keys
            .client
            .secrets()
            .ok_or_else(|| missing("sealing", "client_sign_sk and client_enc_sk"))?;
        let server = ServerKeys {
            enc: reader,
            // For answers, of which there are none.
            sign: service.unwrap_or_else(|| sign.public()),
        };
        let own = Arc::new(ClientKeys::from_parts(sign, enc, KeyLifetime::Fresh));
        let channel = Channel::new(&own, &server, identity).map_err(|_| useless())?;
        Ok(channel.with_app_ver(self.app_ver.as_deref()))
    }
}

fn server(keys: Keys) -> Result<ServerChannel, Trouble> {
    let enc = keys.client.box_public();
    let reader = enc.ok_or_else(|| missing("the box", "client_enc_pk"))?;
    let client = keys.client.sign_public();
    let (sign, enc) = keys
        .server
        .secrets()
        .ok_or_else(|| missing("sealing", "server_sign_sk and server_enc_sk"))?;
    let public = ClientPublic {
        // For requests, of which there are none.
        sign: client.unwrap_or_else(|| sign.public()),
        enc: reader,
    };
    ServerChannel::new(&Arc::new(sign), &enc, &public, None).map_err(|_| useless())
}

fn useless() -> Trouble {
    Trouble::refused("the two box keys agree on nothing (E_KEY)")
}
