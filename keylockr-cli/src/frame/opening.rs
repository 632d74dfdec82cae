//! `keylockr frame open`.

use std::collections::BTreeSet;

use keylockr_client::proto::{
    Direction, ErrorKind, Frame, KpsHash, MAX_FRAME, SharedKey, SignPublic, UnixTime, View, Window,
};
use serde_json::{Map, Value as Json, json};

use super::{
    input,
    keys::{KeyOptions, missing},
    step::Step,
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
    /// The frames, a file each (`-`: stdin): bytes, hexadecimal, base64 or JSON. One that comes twice
    /// is a replay.
    #[arg(default_value = "-", value_name = "FILE|-")]
    frames: Vec<Source>,
    #[command(flatten)]
    keys: KeyOptions,
    /// Who wrote it.
    #[arg(long, value_enum, default_value = "server")]
    from: Writer,
    /// The connection that a client's frame has to name, such as `app.4711`.
    #[arg(long)]
    id: Option<String>,
    /// The reader's time, in seconds since 1970.
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// How old a frame may be, in seconds.
    #[arg(long, default_value_t = 600)]
    past: u64,
    /// How far ahead of the reader its writer's clock may be, in seconds.
    #[arg(long, default_value_t = 180)]
    future: u64,
    /// Do not look at the time.
    #[arg(long, conflicts_with = "now")]
    any_time: bool,
    /// As `--output json`: each frame on one line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Writer {
    Server,
    Client,
}

pub(super) fn run(options: &Options, console: Console) -> Result<Outcome, Failure> {
    let console = console.or_json(options.json);
    let clash = options.keys.source() == Some(&Source::Stdin);
    if clash && options.frames.contains(&Source::Stdin) {
        return Err(Trouble::usage("stdin cannot be both the keys and a frame").into());
    }
    let mut reader = Reader::new(options, console)?;
    let mut outcome = Outcome::Fine;
    for source in &options.frames {
        let frame = input::frame(source)?;
        match reader.open(&frame) {
            Ok(opened) => console.document(&opened)?,
            Err(Refusal { kind, hash }) => {
                let hash = hash.map(|hash| hex::encode(hash.as_bytes()));
                console.document(&Step::of(kind).to_json(hash.as_deref()))?;
                outcome = Outcome::Refused;
            }
        }
    }
    Ok(outcome)
}

/// Whoever the frames are for.
struct Reader<'a> {
    options: &'a Options,
    shared: SharedKey,
    writer: SignPublic,
    seen: BTreeSet<KpsHash>,
}

/// The first check that failed; the frame's hash, once that is known.
struct Refusal {
    kind: ErrorKind,
    hash: Option<KpsHash>,
}

impl<'a> Reader<'a> {
    fn new(options: &'a Options, console: Console) -> Result<Self, Trouble> {
        let keys = options.keys.read(console)?;
        let (writer, name) = match options.from {
            Writer::Server => (keys.server.sign_public(), "server_sign_pk"),
            Writer::Client => (keys.client.sign_public(), "client_sign_pk"),
        };
        Ok(Self {
            options,
            shared: keys.shared()?,
            writer: writer.ok_or_else(|| missing("the seal", name))?,
            seen: BTreeSet::new(),
        })
    }

    /// One check after the other, as keylockr.md 3.4 orders them.
    fn open(&mut self, bytes: &[u8]) -> Result<Json, Refusal> {
        let nameless = |error: keylockr_client::proto::Error| Refusal {
            kind: error.kind(),
            hash: None,
        };
        let direction = match self.options.from {
            Writer::Server => Direction::FromServer,
            Writer::Client => Direction::FromClient,
        };
        let frame = Frame::decode(bytes, MAX_FRAME, direction).map_err(nameless)?;
        let hash = frame.hash();
        let refused = |kind| Refusal {
            kind,
            hash: Some(hash),
        };
        let named = |error: keylockr_client::proto::Error| refused(error.kind());
        if let Some(id) = &self.options.id
            && self.options.from == Writer::Client
            && frame.claimed_id() != Some(id)
        {
            return Err(refused(ErrorKind::Identity));
        }
        let opened = frame
            .verify(&self.writer)
            .and_then(|frame| frame.open(&self.shared))
            .map_err(named)?;
        let now = match self.options.now {
            _ if self.options.any_time => opened.ts(),
            Some(now) => UnixTime::from_secs(now),
            None => UnixTime::from_secs(clock::since_1970().as_secs()),
        };
        let window = Window::new(self.options.past, self.options.future);
        let message = opened.fresh(now, window).map_err(named)?;
        if !self.seen.insert(hash) {
            return Err(refused(ErrorKind::Replay));
        }
        let mut document = Map::new();
        let name = match self.options.from {
            Writer::Server => "from",
            Writer::Client => "to",
        };
        document.insert("ok".to_owned(), true.into());
        document.insert(name.to_owned(), message.name().into());
        document.insert("ts".to_owned(), message.ts().as_secs().into());
        document.insert("id".to_owned(), json!(message.id()));
        document.insert("app_ver".to_owned(), json!(message.app_ver()));
        document.insert("kps_hash".to_owned(), hex::encode(hash.as_bytes()).into());
        document.insert(
            "body".to_owned(),
            tagged::to_json(View::Map(message.body())),
        );
        Ok(document.into())
    }
}
