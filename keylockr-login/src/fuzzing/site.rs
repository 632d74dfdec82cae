//! A small site in front of a service that nobody reaches, the same at every run.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use keylockr_client::{
    BoxFuture, HttpRequest, HttpResponse, Socket, SocketError, SocketTarget, Transport,
    TransportError, TransportErrorKind,
};
use keylockr_proto::{SignPublic, SignSecret};

use super::{given::Ages, session::Session};
use crate::{
    Client, KeyLockr, Limits,
    attempt::{AttemptRecord, Code, Phase},
    binding::{AttemptId, BrowserHash, BrowserSecret},
    held_key::HeldKey,
    moment::Moment,
    policy::Revocations,
    principal::Principal,
    proxies::Proxy,
    record::{SessionRecord, SignInMethod},
    return_to::ReturnTo,
    running::Approved,
    sealed::Purpose,
    store::{
        AttemptStore, Inserted, MemoryAttempts, MemoryRevocations, Orphan, Replaced,
        RevocationStore, Revoked, Sought, StoreFuture,
    },
};

pub(super) const ORIGIN: &str = "https://site.example";
/// The cookie of the one browser that has attempts: 32 bytes of 7.
pub(super) const COOKIE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
/// Whom the phone of that browser named.
pub(super) const SAFE_ID: &str = "2001";
/// Who is signed in before, where somebody is.
pub(super) const FORMER: &str = "2002";
/// What the code of the attempt that waits says. Only its own browser may see it.
pub(super) const CODE: &str = "keylockr://sso?tmp_id=the-code";
pub(super) const PROXIES: [&str; 3] = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];

/// A store that can be emptied.
#[derive(Default)]
struct Emptied<S>(Mutex<Arc<S>>);

impl<S: Default> Emptied<S> {
    fn now(&self) -> Arc<S> {
        Arc::clone(&self.0.lock().expect("nobody panics with it"))
    }

    fn empty(&self) {
        *self.0.lock().expect("nobody panics with it") = Arc::default();
    }
}

impl RevocationStore for Emptied<MemoryRevocations> {
    fn revoke(&self, whom: Revoked, at: Moment, keep_until: Moment) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.now().revoke(whom, at, keep_until).await })
    }

    fn look_up<'a>(&'a self, sought: Sought<'a>) -> StoreFuture<'a, Revocations> {
        Box::pin(async move { self.now().look_up(sought).await })
    }

    fn known(&self, sought: Sought<'_>) -> Option<Revocations> {
        self.now().known(sought)
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl AttemptStore for Emptied<MemoryAttempts> {
    fn is_shared(&self) -> bool {
        false
    }

    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        Box::pin(async move { self.now().insert(record, most, now).await })
    }

    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        Box::pin(async move { self.now().load(id).await })
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        Box::pin(async move { self.now().of_browser(browser).await })
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        Box::pin(async move { self.now().replace(record).await })
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        Box::pin(async move { self.now().changed(id, seen, at_most).await })
    }

    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>> {
        Box::pin(async move { self.now().beat(process, life).await })
    }

    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>> {
        Box::pin(async move { self.now().orphans(most).await })
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// What all runs of a thread have in common; making it anew would be nearly all their time.
pub(super) struct Site {
    keylockr: KeyLockr,
    attempts: Arc<Emptied<MemoryAttempts>>,
    revocations: Arc<Emptied<MemoryRevocations>>,
    sign: SignPublic,
}

impl Site {
    pub(super) fn new() -> Self {
        let client = Client::builder("http://127.0.0.1:4600")
            .transport(Arc::new(Nowhere))
            .build()
            .expect("a client");
        let proxies = PROXIES.map(|text| text.parse::<Proxy>().expect("a network"));
        let attempts = Arc::new(Emptied::<MemoryAttempts>::default());
        let store: Arc<dyn AttemptStore> = attempts.clone();
        let revocations = Arc::new(Emptied::<MemoryRevocations>::default());
        let revoked: Arc<dyn RevocationStore> = revocations.clone();
        let keylockr = KeyLockr::builder("demo", "Acme <Web>")
            .client(client)
            .public_origin(ORIGIN)
            .limits(Limits::default().with_polls_a_second(0))
            .start_limit(0)
            .trusted_proxies(proxies)
            .seal_key([5; 32])
            .attempts(store)
            .revocations(revoked)
            .build()
            .expect("a service");
        Self {
            keylockr,
            attempts,
            revocations,
            sign: SignSecret::from_bytes(&[9; 32]).public(),
        }
    }
}

/// The three attempts of that browser.
pub(super) struct Begun {
    pub(super) keylockr: KeyLockr,
    pub(super) connected: AttemptId,
    pub(super) done: AttemptId,
    pub(super) held: AttemptId,
}

impl Begun {
    pub(super) async fn new(site: &Site) -> Self {
        site.attempts.empty();
        site.revocations.empty();
        let browser = BrowserSecret::parse(COOKIE).expect("a cookie").hash();
        let sign = &site.sign;
        let site = Self {
            keylockr: site.keylockr.clone(),
            connected: id('1'),
            done: id('2'),
            held: id('3'),
        };
        let mut record = site.record(&site.connected, browser);
        record.progress(Phase::Connected, Some(Code(CODE.to_owned())));
        site.insert(record).await;
        let mut record = site.record(&site.held, browser);
        let held = HeldKey {
            sign: sign.clone(),
            challenge: [8; 32],
        };
        held.put_into(&mut record, &site.keylockr.shared().seal)
            .expect("entropy");
        site.insert(record).await;
        // The newest: what requests that name none are about.
        let record = site.approved(browser, sign);
        site.insert(record).await;
        site
    }

    fn record(&self, id: &AttemptId, browser: BrowserHash) -> AttemptRecord {
        let now = self.keylockr.shared().now();
        let (life, next) = (Duration::from_secs(180), ReturnTo::parse("/private"));
        AttemptRecord::new(id.clone(), browser, now, life, &next, None)
    }

    fn approved(&self, browser: BrowserHash, sign: &SignPublic) -> AttemptRecord {
        let mut record = self.record(&self.done, browser);
        let now = self.keylockr.shared().now();
        let approved = Approved {
            principal: Principal {
                safe_id: SAFE_ID.to_owned(),
                app_id: "4711".to_owned(),
                nickname: Some("<x-ada>".to_owned()),
                sign_pk: sign.to_base64(),
            },
            at: now,
        };
        let plain = serde_json::to_vec(&approved).expect("JSON");
        let seal = &self.keylockr.shared().seal;
        let sealed = seal.seal(Purpose::Approved, record.owner(), &plain);
        record.approve(sealed.expect("entropy"), now);
        record
    }

    /// A session of somebody else in the same browser, checked just now.
    pub(super) fn former(&self, site: &Site, ages: Ages) -> SessionRecord {
        let now = self.keylockr.shared().now();
        let ago = |seconds: u32| {
            let millis = u64::from(seconds) * 1_000;
            Moment::from_millis(now.as_millis().saturating_sub(millis))
        };
        let principal = Principal {
            safe_id: FORMER.to_owned(),
            app_id: "4712".to_owned(),
            nickname: Some("<x-bob>".to_owned()),
            sign_pk: site.sign.to_base64(),
        };
        let began = ago(ages.signed_in);
        let record = SessionRecord::begin(&principal, "former", SignInMethod::Code, began, now);
        let mut record = record.expect("ids that a record can hold");
        record.seen_at = ago(ages.seen);
        record
    }

    /// Whom this record signs in, in whatever session it stands.
    pub(super) async fn whom(&self, record: &SessionRecord) -> Option<String> {
        let session = Session::holding(Some(record.clone()));
        let user = self.keylockr.resolve(&session).await;
        let user = user.expect("stores in memory, and nobody to be asked");
        user.map(|user| user.safe_id().to_owned())
    }

    async fn insert(&self, record: AttemptRecord) {
        let shared = self.keylockr.shared();
        let inserted = shared.attempts.insert(record, 100, shared.now()).await;
        assert!(inserted.is_ok(), "a store in memory");
    }

    /// How an attempt stands now.
    pub(super) async fn phase(&self, id: &AttemptId) -> Option<Phase> {
        let shared = self.keylockr.shared();
        let record = shared.attempts.load(id, shared.now()).await;
        record.ok().flatten().map(|record| record.phase)
    }
}

fn id(digit: char) -> AttemptId {
    let text: String = std::iter::repeat_n(digit, 32).collect();
    AttemptId::parse(&text).expect("a handle")
}

/// A network without a service.
struct Nowhere;

impl Transport for Nowhere {
    fn http(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async { Err(TransportErrorKind::Connect.into()) })
    }

    fn open(&self, _: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>> {
        Box::pin(async { Err(SocketError::Failed(TransportErrorKind::Connect.into())) })
    }
}
