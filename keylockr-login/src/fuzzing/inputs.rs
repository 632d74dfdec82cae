//! What a request can bring about, and what its answer looks like.

use std::net::IpAddr;

use tokio::runtime::Runtime;
use url::Url;

use super::{
    given::{Ages, Given},
    leads,
    session::Session,
    site::{Begun, CODE, COOKIE, FORMER, ORIGIN, PROXIES, SAFE_ID, Site},
};
use crate::{
    answer::{Answer, AnswerBody},
    attempt::Phase,
    proxies::{Proxy, client_address},
    record::SessionRecord,
    route::Route,
};

/// Every status that the login routes have an answer for.
const STATUSES: [u16; 17] = [
    200, 201, 204, 303, 304, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 502, 503,
];

/// The address of a request is the connection's own, or what somebody whom we trust says that it is.
pub(super) fn address_comes_from_whom_we_trust(given: &Given) {
    let proxies = PROXIES.map(|text| text.parse::<Proxy>().expect("a network"));
    let address = client_address(&given.head(), &proxies);
    let Some(peer) = given.peer() else {
        assert_eq!(address, None);
        return;
    };
    let peer = peer.to_canonical();
    let address = address.expect("an address for everybody who is connected");
    assert_eq!(client_address(&given.head(), &[]), Some(peer));
    if !is_trusted(peer) {
        assert_eq!(address, peer, "a stranger was believed");
        return;
    }
    // Nobody can hide behind what they put in front of their own address, unless all behind it are proxies.
    let head = given.values("x-forwarded-for").iter().fold(
        crate::Head::new("POST", "/login", "/start", "", Some(peer))
            .header("x-forwarded-for", "6.6.6.6"),
        |head, value| head.header("x-forwarded-for", *value),
    );
    let claimed = client_address(&head, &proxies);
    if !is_trusted(address) {
        assert_eq!(claimed, Some(address));
    }
}

/// As the networks above are written down, without [`Proxy`].
fn is_trusted(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.octets().first() == Some(&10) || address.octets() == [192, 0, 2, 7]
        }
        IpAddr::V6(address) => address.segments().starts_with(&[0x2001, 0xdb8]),
    }
}

thread_local! {
    /// Paused: what waits is over at once.
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
}

/// What a request did to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    Nothing,
    SignIn,
    SignOut,
}

pub(super) fn every_route_keeps_its_promises(given: &Given) -> Did {
    thread_local! {
        static SITE: Site = RUNTIME.with(|runtime| {
            let _in_it = runtime.enter();
            Site::new()
        });
    }
    RUNTIME.with(|runtime| SITE.with(|site| runtime.block_on(judge(given, site))))
}

async fn judge(given: &Given, site: &Site) -> Did {
    let whole = site;
    let site = Begun::new(site).await;
    let former = given.session().map(|ages| site.former(whole, ages));
    let session = Session::holding(former.clone());
    let answer = site
        .keylockr
        .answer(given.route, given.request(), &session)
        .await;
    let who = Who::of(given);
    effects(given, &who, &site, &session).await;
    form(given, &answer, &who);
    remains(given, former.as_ref(), &site, &session).await;
    // What it began comes to its end.
    drop(answer);
    tokio::task::yield_now().await;
    match (session.signed_in.borrow().len(), session.signed_out.get()) {
        (0, 0) => Did::Nothing,
        (0, _) => Did::SignOut,
        _ => Did::SignIn,
    }
}

/// What the request shows of itself, read without any code of ours.
struct Who {
    /// It has the browser's cookie somewhere.
    has_cookie: bool,
    /// Its headers can be those of our own pages.
    is_ours: bool,
}

impl Who {
    fn of(given: &Given) -> Self {
        let has_cookie = given.values("cookie").iter().any(|value| {
            let wanted = format!("__Host-kl_login={COOKIE}");
            value
                .windows(wanted.len())
                .any(|part| part == wanted.as_bytes())
        });
        let origins = given.values("origin");
        let fetched = given.values("sec-fetch-site");
        let same_origin = fetched == [b"same-origin".as_slice()];
        let is_ours = match origins.as_slice() {
            // No browser, if it has no cookies either.
            [] => same_origin || (fetched.is_empty() && given.values("cookie").is_empty()),
            [origin] if *origin == b"null" => same_origin,
            [origin] => *origin == ORIGIN.as_bytes(),
            _ => false,
        };
        Self {
            has_cookie,
            is_ours,
        }
    }
}

/// What has happened is what this request may bring about.
async fn effects(given: &Given, who: &Who, site: &Begun, session: &Session) {
    let route = given.route;
    let signed_in = session.signed_in.borrow().clone();
    assert!(signed_in.len() <= 1, "more than one session");
    for record in signed_in.iter() {
        assert_eq!(route, Route::Finish);
        assert!(who.has_cookie && who.is_ours, "signed in by a stranger");
        assert_eq!(record.safe_id(), SAFE_ID, "signed in as somebody else");
    }
    // Whoever looks whether somebody is signed in removes a session that is over. The request takes time of its own:
    // one that still stood when it came may be over when it is looked at.
    let is_over = given.session().is_some_and(|ages| !must_stand(ages));
    assert!(
        session.signed_out.get() == 0
            || (route == Route::Logout && who.is_ours)
            || (route == Route::Page && is_over),
        "signed out by {route:?}"
    );
    let used = site.phase(&site.done).await == Some(Phase::Used);
    assert_eq!(used, !signed_in.is_empty(), "used for nothing");
    let may = who.has_cookie && who.is_ours;
    for (id, before) in [
        (&site.connected, Phase::Connected),
        (&site.done, Phase::Done),
        (&site.held, Phase::Waiting),
    ] {
        let after = site.phase(id).await;
        let by = match route {
            Route::Finish | Route::Cancel | Route::Start | Route::Challenge => may,
            // Opening the page starts an attempt: the oldest of four, were there one more, would go.
            Route::Page => who.has_cookie,
            _ => false,
        };
        assert!(
            after == Some(before) || by,
            "{route:?} made {after:?} of it"
        );
    }
}

/// Whoever is signed in stays so until they sign out, or somebody signs in there; and then nothing is left of it,
/// whoever kept the record.
async fn remains(given: &Given, former: Option<&SessionRecord>, site: &Begun, session: &Session) {
    let held = session.held.borrow().clone();
    let begun = session.signed_in.borrow().first().cloned();
    let handle = |record: &SessionRecord| record.handle().to_owned();
    if let Some(begun) = &begun {
        assert_eq!(held.as_ref().map(handle), Some(handle(begun)));
        assert_eq!(site.whom(begun).await.as_deref(), Some(SAFE_ID));
    }
    let (Some(former), Some(ages)) = (former, given.session()) else {
        assert!(begun.is_some() || held.is_none(), "a session from nowhere");
        return;
    };
    let is_signed_in = site.whom(former).await;
    if begun.is_some() || session.signed_out.get() > 0 {
        assert_eq!(is_signed_in, None, "a session that had ended");
        assert_eq!(held.is_some(), begun.is_some());
    } else {
        assert_eq!(held.as_ref().map(handle), Some(handle(former)));
        match is_signed_in {
            Some(whom) => assert!(may_stand(ages) && whom == FORMER),
            None => assert!(!must_stand(ages), "signed out by {:?}", given.route),
        }
    }
}

/// The limits of a session, as they are by default: 12 hours in all, 30 minutes unseen.
const LIFE: u32 = 12 * 3_600;
const IDLE: u32 = 30 * 60;
/// More than any request takes.
const REQUEST: u32 = 120;

fn may_stand(ages: Ages) -> bool {
    ages.signed_in < LIFE && ages.seen < IDLE
}

fn must_stand(ages: Ages) -> bool {
    may_stand(Ages {
        signed_in: ages.signed_in.saturating_add(REQUEST),
        seen: ages.seen.saturating_add(REQUEST),
    })
}

/// What the answer says is fit to be said.
fn form(given: &Given, answer: &Answer, who: &Who) {
    assert!(STATUSES.contains(&answer.status), "{}", answer.status);
    let home = Url::parse(ORIGIN).expect("an origin");
    for (name, value) in &answer.headers {
        let fit = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        assert!(value.bytes().all(fit), "{name}: {value:?}");
        match *name {
            "location" => leads::stays(&home, value),
            "set-cookie" => assert!(value.starts_with("__Host-kl_login="), "{value}"),
            _ => {}
        }
    }
    // The script and the style are the same for everybody: a browser may know them already.
    let assets = [Route::Script, Route::Style];
    assert!(answer.status != 304 || assets.contains(&given.route));
    assert_eq!(
        answer.status == 303,
        answer.headers.iter().any(|(name, _)| *name == "location")
    );
    let AnswerBody::Bytes(body) = &answer.body else {
        return;
    };
    let kind = answer
        .headers
        .iter()
        .find(|(name, _)| *name == "content-type");
    let kind = kind.map(|(_, value)| value.as_str()).unwrap_or_default();
    let binary = kind.starts_with("image/png");
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(_) => {
            assert!(binary, "{kind} that is no text");
            return;
        }
    };
    // The digits of an escape before it may be its first.
    let shows =
        |secret: &str| text.contains(secret) && !given.says(secret.get(1..).unwrap_or(secret));
    assert!(!shows(COOKIE), "the cookie in an answer");
    assert!(who.has_cookie || !shows(CODE), "another's code");
    if kind.starts_with("text/html") || kind.starts_with("image/svg") {
        // No page of ours has such elements: they are somebody else's.
        assert!(!text.contains("<x-"), "markup from outside");
    }
    if kind.contains("json") {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        if let Some(next) = value.get("next") {
            leads::stays(&home, next.as_str().expect("a text"));
        }
    }
}
