//! Reports in no order at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::link::{
    Link, LinkConfig, LinkEvent, LinkInput, LinkOutput, Request, RequestId,
};
use keylockr_proto::{
    AppId, Family, KeyLifetime, Now, ReplayVerdict, Revision, UnixTime, Value, Ver,
};
use proptest::prelude::*;

use crate::peer::{Peer, START, Seq, client_keys, greeting, map, ok, refusal, with};

#[derive(Clone, Debug)]
enum Report {
    Opened,
    Refused,
    Failed,
    Frame(usize, bool),
    Junk(Vec<u8>),
    Oversized,
    Closed(Option<u16>),
    Keys(u64),
    NoKeys,
    Clock(bool),
    Verdict(u8),
    Ask(u8),
    Stop,
    Tick,
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        8 => Just(Report::Opened),
        1 => Just(Report::Refused),
        1 => Just(Report::Failed),
        20 => (0..FRAMES.len(), proptest::bool::weighted(0.1))
            .prop_map(|(which, old)| Report::Frame(which, old)),
        1 => proptest::collection::vec(any::<u8>(), 0..64).prop_map(Report::Junk),
        1 => Just(Report::Oversized),
        1 => proptest::option::of(prop_oneof![Just(1008_u16), Just(4401), Just(4409)])
            .prop_map(Report::Closed),
        1 => (0..2_u64).prop_map(Report::Keys),
        1 => Just(Report::NoKeys),
        2 => any::<bool>().prop_map(Report::Clock),
        8 => any::<u8>().prop_map(Report::Verdict),
        12 => any::<u8>().prop_map(Report::Ask),
        1 => Just(Report::Stop),
        4 => Just(Report::Tick),
    ]
}

const FRAMES: [&str; 11] = [
    "connected",
    "ping",
    "app_updated",
    "app_deleted",
    "app_filekey_result",
    "app_req_filekey",
    "app_get_data",
    "app_set_data",
    "app_update",
    "app_del",
    "app_auth_result",
];

fn body(event: &str, old: bool) -> Value {
    if old {
        return refusal("ts_invalid");
    }
    match event {
        "connected" => greeting(),
        "app_filekey_result" => with(&ok(), "status", "denied".into()),
        "app_req_filekey" => with(&ok(), "status", "safe_auth_required".into()),
        "app_get_data" => with(&ok(), "ver", "1".into()),
        "app_set_data" => map([
            ("_res", "ok".into()),
            ("file_id", "f".into()),
            ("ver", "2".into()),
        ]),
        "app_del" => with(&ok(), "id_deleted", "41".into()),
        _ => with(&ok(), "name", "x".into()),
    }
}

fn request(which: u8) -> Request {
    match which % 6 {
        0 => Request::ReqFilekey,
        1 => Request::GetData,
        2 => Request::SetData {
            data_enc: vec![1; 20],
            ver: Ver::parse("1").ok(),
        },
        3 => Request::SetData {
            data_enc: vec![1; 20],
            ver: None,
        },
        4 => Request::Update {
            name: crate::peer::name(),
        },
        _ => Request::Delete,
    }
}

fn drive(fixed: bool, family: Family, reports: &[(Report, u64)]) {
    let lifetime = if fixed {
        KeyLifetime::Fixed
    } else {
        KeyLifetime::Fresh
    };
    let keys = client_keys(2, lifetime);
    let mut peer = Peer::new(0);
    let app_id = AppId::parse(family, Revision::Two, "41").unwrap();
    let config = LinkConfig::new(family, None, app_id);
    let start = Now::new(Duration::from_secs(1), UnixTime::from_secs(START));
    let mut link = Link::new(config, Arc::clone(&keys), peer.keys(), start);
    let mut entropy = Seq(3);
    let mut millis: u64 = 1000;
    let mut open: BTreeMap<u64, ()> = BTreeMap::new();
    let mut ended = 0;
    let all = reports.iter().cloned().chain([(Report::Stop, 0)]);
    for (number, (report, pause)) in (0_u64..).zip(all) {
        millis = if pause == 13 {
            millis.saturating_sub(5_000)
        } else {
            millis + pause
        };
        let unix = UnixTime::from_secs(START + millis / 1000);
        let now = Now::new(Duration::from_millis(millis), unix);
        let frame = match &report {
            Report::Frame(which, old) => {
                peer.seal(&keys, FRAMES[*which], unix, &body(FRAMES[*which], *old))
            }
            Report::Junk(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        let input = match report {
            Report::Opened => LinkInput::SocketOpened,
            Report::Refused => LinkInput::SocketRefused,
            Report::Failed => LinkInput::SocketFailed,
            Report::Frame(..) | Report::Junk(_) => LinkInput::SocketMessage(&frame),
            Report::Oversized => LinkInput::SocketOversized,
            Report::Closed(code) => LinkInput::SocketClosed { code },
            Report::Keys(seed) => LinkInput::ServerKeys(Peer::new(seed).keys()),
            Report::NoKeys => LinkInput::ServerKeysUnavailable,
            Report::Clock(true) => LinkInput::ClockSynced,
            Report::Clock(false) => LinkInput::ClockUnavailable,
            Report::Verdict(0..=9) => LinkInput::ReplayVerdict(ReplayVerdict::Seen),
            Report::Verdict(10..=12) => LinkInput::ReplayVerdict(ReplayVerdict::Unavailable),
            Report::Verdict(_) => LinkInput::ReplayVerdict(ReplayVerdict::Fresh),
            Report::Ask(which) => {
                open.insert(number, ());
                LinkInput::Request(RequestId(number), request(which))
            }
            Report::Stop => LinkInput::Stop,
            Report::Tick => LinkInput::Tick,
        };
        let was_closed = link.is_closed();
        link.handle_input(now, input, &mut entropy);
        for outputs in 0.. {
            assert!(outputs < 200, "too many outputs for one input");
            match link.poll_output() {
                LinkOutput::Wait(deadline) => {
                    assert!(deadline.is_none() || !link.is_closed());
                    break;
                }
                LinkOutput::Answer(id, _) => {
                    assert!(open.remove(&id.0).is_some(), "{id:?} answered twice");
                }
                other => {
                    assert!(!was_closed, "{other:?} after the end");
                    if let LinkOutput::Event(
                        LinkEvent::Deleted | LinkEvent::Revoked | LinkEvent::Superseded,
                    ) = other
                    {
                        ended += 1;
                    }
                }
            }
        }
        assert!(ended <= 1);
    }
    assert!(link.is_closed() && open.is_empty(), "unanswered: {open:?}");
}

proptest! {
    /// Never a panic, every request answered once, one end at most, nothing after it.
    #[test]
    fn any_sequence_of_reports(
        fixed in any::<bool>(),
        seed in any::<bool>(),
        reports in proptest::collection::vec(
            (report(), prop_oneof![Just(0_u64), Just(13), 1..20_000_u64]), 0..60),
    ) {
        let family = if seed { Family::Seed } else { Family::AppData };
        let mut all = vec![
            (Report::Opened, 0),
            (Report::Frame(0, false), 0),
            (Report::Verdict(255), 0),
        ];
        all.extend(reports);
        drive(fixed, family, &all);
    }
}
