//! Every order of the events of a link, to a depth that `KEYLOCKR_Event::ALL` sets: each request is answered once, by an
//! answer to it, and sessions end for nothing but what has to end them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::link::{
    Link, LinkConfig, LinkEvent, LinkInput, LinkOutput, Reply, Request, RequestId,
};
use keylockr_proto::{
    AppId, ClientKeys, Family, KeyLifetime, Now, Revision, ServerKeys, UnixTime, Value, Ver,
};

use super::depth;
use crate::peer::{Peer, START, Seq, at, client_keys, events, greeting, map, ok, refusal, with};

events! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Event {
        Opened,
        Unauthorised,
        Connected,
        AskKey,
        AskRead,
        AskWrite,
        AskDelete,
        KeyLocked,
        KeyDenied,
        Data,
        Refused,
        Stored,
        /// The answer to a deletion.
        Removed,
        /// The user removed the connection.
        Deleted,
        Updated,
        /// Somebody else's connection was removed.
        OtherSession,
        Duplicate,
        Lost,
        Superseded,
        Deadline,
        Stop,
    }
}

use Event::*;

struct Stage {
    family: Family,
    keys: Arc<ClientKeys>,
    server: ServerKeys,
    frames: BTreeMap<Event, Vec<Vec<u8>>>,
}

impl Stage {
    fn new(family: Family) -> Self {
        let mut peer = Peer::new(1);
        let keys = client_keys(2, KeyLifetime::Fresh);
        let others = client_keys(77, KeyLifetime::Fresh);
        let stored = map([
            ("_res", "ok".into()),
            ("file_id", "f".into()),
            ("ver", "2".into()),
        ]);
        let locked = with(&ok(), "status", "safe_auth_required".into());
        let denied = with(&ok(), "status", "denied".into());
        let said: [(Event, &str, Value); 10] = [
            (Connected, "connected", greeting()),
            (KeyLocked, "app_req_filekey", locked),
            (KeyDenied, "app_filekey_result", denied),
            (Data, "app_get_data", with(&ok(), "ver", "1".into())),
            (Refused, "app_get_data", refusal("no_such_file")),
            (Stored, "app_set_data", stored),
            (Removed, "app_del", with(&ok(), "id_deleted", "41".into())),
            (Deleted, "app_deleted", ok()),
            (Updated, "app_updated", with(&ok(), "name", "x".into())),
            (OtherSession, "app_deleted", ok()),
        ];
        let mut frames = BTreeMap::new();
        for (event, name, body) in said {
            let to = if event == OtherSession {
                &others
            } else {
                &keys
            };
            let seal = |_| peer.seal(to, name, at(0).unix, &body);
            frames.insert(event, (0..3).map(seal).collect());
        }
        Self {
            family,
            server: peer.keys(),
            keys,
            frames,
        }
    }
}

struct Run<'a> {
    stage: &'a Stage,
    link: Link,
    entropy: Seq,
    now: Now,
    deadline: Option<Duration>,
    connecting: bool,
    open: bool,
    sent: BTreeMap<Event, usize>,
    last: Option<Vec<u8>>,
    asked: u64,
    unanswered: BTreeMap<u64, Event>,
    ends: usize,
}

impl<'a> Run<'a> {
    fn new(stage: &'a Stage) -> Self {
        let app_id = AppId::parse(stage.family, Revision::Two, "41").unwrap();
        let revision = (stage.family == Family::AppData).then_some(Revision::Two);
        let config = LinkConfig::new(stage.family, revision, app_id);
        let link = Link::new(config, Arc::clone(&stage.keys), stage.server.clone(), at(0));
        let mut run = Self {
            stage,
            link,
            entropy: Seq(3),
            now: at(0),
            deadline: None,
            connecting: false,
            open: false,
            sent: BTreeMap::new(),
            last: None,
            asked: 0,
            unanswered: BTreeMap::new(),
            ends: 0,
        };
        run.drain(None);
        run.take(Opened);
        run.take(Connected);
        run
    }

    fn can(&self, event: Event) -> bool {
        match event {
            Opened | Unauthorised => self.connecting,
            AskKey | AskRead | AskWrite | AskDelete | Stop => true,
            Deadline => self.deadline.is_some(),
            Duplicate => self.open && self.last.is_some(),
            _ => self.open,
        }
    }

    fn frame(&mut self, event: Event) -> Option<Vec<u8>> {
        if event == Duplicate {
            return self.last.clone();
        }
        let frames = self.stage.frames.get(&event)?;
        let count = self.sent.entry(event).or_default();
        *count += 1;
        let frame = frames[(*count - 1) % frames.len()].clone();
        self.last = Some(frame.clone());
        Some(frame)
    }

    fn take(&mut self, event: Event) {
        let frame = self.frame(event);
        match event {
            Deadline => {
                let elapsed = self.deadline.unwrap_or(self.now.elapsed);
                self.now = Now::new(elapsed, UnixTime::from_secs(START + elapsed.as_secs()));
            }
            Opened => (self.open, self.connecting) = (true, false),
            Unauthorised => self.connecting = false,
            Lost | Superseded => self.open = false,
            _ => {}
        }
        let input = match (event, &frame) {
            (_, Some(frame)) => LinkInput::SocketMessage(frame),
            (Opened, _) => LinkInput::SocketOpened,
            (Unauthorised, _) => LinkInput::SocketRefused,
            (Lost, _) => LinkInput::SocketClosed { code: Some(1006) },
            (Superseded, _) => LinkInput::SocketClosed { code: Some(4409) },
            (Stop, _) => LinkInput::Stop,
            (AskKey | AskRead | AskWrite | AskDelete, _) => {
                self.asked += 1;
                self.unanswered.insert(self.asked, event);
                LinkInput::Request(RequestId(self.asked), request(event))
            }
            _ => LinkInput::Tick,
        };
        self.link.handle_input(self.now, input, &mut self.entropy);
        self.drain(Some(event));
        assert!(!matches!(event, Stop | Superseded) || self.link.is_closed());
        if self.link.is_closed() {
            assert!(self.unanswered.is_empty(), "{:?}", self.unanswered);
        }
    }

    fn drain(&mut self, by: Option<Event>) {
        for outputs in 0.. {
            assert!(outputs < 60, "the outputs do not end");
            let input = match self.link.poll_output() {
                LinkOutput::Wait(deadline) => {
                    assert!(deadline.is_none() || !self.link.is_closed());
                    assert!(deadline.is_none_or(|deadline| deadline > self.now.elapsed));
                    self.deadline = deadline;
                    return;
                }
                LinkOutput::Answer(id, answer) => {
                    let asked = self.unanswered.remove(&id.0).expect("answered once");
                    if let Ok(reply) = &answer {
                        assert!(is_of(reply, asked, by), "{asked:?} by {by:?}: {reply:?}");
                    }
                    continue;
                }
                LinkOutput::Event(event) => {
                    assert_eq!(self.ends, 0, "{event:?} after the end");
                    self.judge(&event, by);
                    continue;
                }
                LinkOutput::Connect(_) => {
                    assert!(!self.open && !self.connecting, "two sockets");
                    self.connecting = true;
                    continue;
                }
                LinkOutput::Close { .. } => {
                    (self.open, self.connecting) = (false, false);
                    continue;
                }
                LinkOutput::RefetchKeys => LinkInput::ServerKeys(self.stage.server.clone()),
                LinkOutput::SyncClock => LinkInput::ClockSynced,
                _ => continue,
            };
            self.link.handle_input(self.now, input, &mut self.entropy);
        }
    }

    fn judge(&mut self, event: &LinkEvent, by: Option<Event>) {
        if event.ends_sessions() {
            let may = matches!(by, Some(Deleted | Removed | Unauthorised));
            assert!(may, "sessions ended by {by:?}");
        }
        let ends = matches!(
            event,
            LinkEvent::Deleted | LinkEvent::Revoked | LinkEvent::Superseded
        );
        self.ends += usize::from(ends);
        match event {
            LinkEvent::Updated { .. } => assert_eq!(by, Some(Updated)),
            LinkEvent::FilekeyResult(_) => assert_eq!(by, Some(KeyDenied)),
            LinkEvent::Superseded => assert_eq!(by, Some(Superseded)),
            _ => {}
        }
    }
}

fn request(event: Event) -> Request {
    match event {
        AskKey => Request::ReqFilekey,
        AskRead => Request::GetData,
        AskWrite => Request::SetData {
            data_enc: vec![1; 20],
            ver: Ver::parse("1").ok(),
        },
        _ => Request::Delete,
    }
}

/// Whether this is an answer to that request, and came with the frame that says so.
fn is_of(reply: &Reply, asked: Event, by: Option<Event>) -> bool {
    match reply {
        Reply::Filekey(_) => asked == AskKey && by == Some(KeyLocked),
        Reply::Data(_) => asked == AskRead && by == Some(Data),
        Reply::Stored(_) => asked == AskWrite && by == Some(Stored),
        Reply::Deleted => asked == AskDelete && by == Some(Removed),
        _ => false,
    }
}

fn explore(stage: &Stage, order: &mut Vec<Event>, left: usize, count: &mut u64) {
    let mut run = Run::new(stage);
    for event in order.iter() {
        run.take(*event);
    }
    *count += 1;
    let goes_on = left > 0 && !run.link.is_closed();
    let can: Vec<Event> = Event::ALL
        .into_iter()
        .filter(|event| goes_on && run.can(*event))
        .collect();
    // Whatever is open is answered at the end, and nothing has an effect after it.
    run.take(Stop);
    for event in Event::ALL {
        run.take(event);
    }
    for event in can {
        order.push(event);
        explore(stage, order, left - 1, count);
        order.pop();
    }
}

fn all_orders(family: Family) {
    let mut count = 0;
    explore(&Stage::new(family), &mut Vec::new(), depth(), &mut count);
    assert!(count > 2000, "{family:?}: {count} sequences");
}

#[test]
fn all_sequences_of_a_link_seed() {
    all_orders(Family::Seed);
}

#[test]
fn all_sequences_of_a_link_appdata() {
    all_orders(Family::AppData);
}
