//! Configuration of the login service; [`build`] checks it as a whole.

mod build;
mod settings;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use keylockr_client::{
    Client, ReplayMemory, VaultConfig,
    proto::login::{LoginConfig, VerifyPolicy},
};
use keylockr_proto::{Family, Revision, ServerKeys};

use crate::{
    admit::{Admit, AnyAdmit, Everybody},
    answer::Answer,
    key_policy::KeyPolicy,
    limits::Limits,
    page::{Page, Texts},
    policy::SessionPolicy,
    proxies::Proxy,
    refusal::Refusal,
    sealed::SealKey,
    shared::Place,
    store::{AttemptStore, RateStore, RevocationStore, SessionIndex},
    vault::{AnyBindings, Bindings},
};

#[cfg(feature = "redis")]
use crate::store::RedisStores;

/// An application's own answers for refusals.
pub(crate) type Restyle = Arc<dyn Fn(&Refusal, bool) -> Option<Answer> + Send + Sync>;

/// Collects the configuration of a [`KeyLockr`](crate::KeyLockr).
///
/// The service's name and the site's title are all it needs; everything else has a default.
#[must_use = "nothing is built until `build` or `connect`"]
pub struct KeyLockrBuilder {
    service: String,
    site_title: String,
    api: Option<String>,
    family: Family,
    app_tag: Option<String>,
    ask_app_data: bool,
    minimum: Revision,
    verify: VerifyPolicy,
    public_origin: Option<String>,
    mount: String,
    attempt_life: Duration,
    limits: Limits,
    proxies: Vec<Proxy>,
    session: SessionPolicy,
    keys: KeyPolicy,
    pins: Vec<ServerKeys>,
    client: Option<Client>,
    admit: Arc<dyn AnyAdmit>,
    keeps_connections: bool,
    deletes_connections: bool,
    vault: Option<VaultConfig>,
    filekey_at_sign_in: bool,
    bindings: Option<Arc<dyn AnyBindings>>,
    carry_over: Vec<String>,
    page: Page,
    restyle: Option<Restyle>,
    place: Option<Place>,
    attempts: Option<Arc<dyn AttemptStore>>,
    revocations: Option<Arc<dyn RevocationStore>>,
    index: Option<Arc<dyn SessionIndex>>,
    rates: Option<Arc<dyn RateStore>>,
    replay: Option<Arc<dyn ReplayMemory>>,
    seal: Option<SealKey>,
    former_seals: Vec<SealKey>,
}

impl KeyLockrBuilder {
    pub(crate) fn new(service: String, site_title: String) -> Self {
        Self {
            service,
            site_title,
            api: None,
            family: Family::Seed,
            app_tag: None,
            ask_app_data: false,
            minimum: Revision::One,
            verify: VerifyPolicy::Auto,
            public_origin: None,
            mount: "/login".to_owned(),
            attempt_life: LoginConfig::LIFE,
            limits: Limits::default(),
            proxies: Vec::new(),
            session: SessionPolicy::default(),
            keys: KeyPolicy::default(),
            pins: Vec::new(),
            client: None,
            admit: Arc::new(Everybody),
            keeps_connections: false,
            deletes_connections: false,
            vault: None,
            filekey_at_sign_in: false,
            bindings: None,
            carry_over: Vec::new(),
            page: Page::new(),
            restyle: None,
            place: None,
            attempts: None,
            revocations: None,
            index: None,
            rates: None,
            replay: None,
            seal: None,
            former_seals: Vec::new(),
        }
    }

    /// The address of KeyLockr's API; a bare origin gets `/v3` appended. Without it the environment's
    /// `KEYLOCKR_API` counts, and without that `https://api.keylockr.app/v3`. Whoever may set either
    /// decides who can sign in: plain http is for loopback addresses only, such as the emulator's.
    pub fn api(mut self, url: impl Into<String>) -> Self {
        self.api = Some(url.into());
        self
    }

    /// The dialect family that the service is registered for: seed by default. In the appdata
    /// family the service is named by its app tag.
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// The app tag of the record, in the seed family; asks for app data.
    pub fn app_tag(mut self, tag: impl Into<String>) -> Self {
        self.app_tag = Some(tag.into());
        self
    }

    /// Asks for app data, in the appdata family.
    pub fn ask_app_data(mut self, ask: bool) -> Self {
        self.ask_app_data = ask;
        self
    }

    /// The oldest revision of the appdata family that is accepted: the first by default.
    pub fn minimum_revision(mut self, minimum: Revision) -> Self {
        self.minimum = minimum;
        self
    }

    /// Whether KeyLockr is asked to confirm an approval where the protocol does not demand it.
    pub fn verify(mut self, verify: VerifyPolicy) -> Self {
        self.verify = verify;
        self
    }

    /// The origin under which people reach the site, such as `https://example.org`. It decides which
    /// requests count as our own pages', and on https the cookie's name and flags.
    ///
    /// Without one the service is in development mode: it serves loopback addresses only.
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.public_origin = Some(origin.into());
        self
    }

    /// Where the login routes are mounted: `/login`.
    pub fn mount(mut self, mount: impl Into<String>) -> Self {
        self.mount = mount.into();
        self
    }

    /// The life of one attempt: 180 s, at most 600 s.
    pub fn attempt_life(mut self, life: Duration) -> Self {
        self.attempt_life = life;
        self
    }

    /// All limits at once.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts a minute from one address: 10, and 0 lifts the limit.
    pub fn start_limit(mut self, starts: u32) -> Self {
        self.limits = self.limits.with_starts_a_minute(starts);
        self
    }

    /// Reverse proxies whose `X-Forwarded-For` is believed; nobody's by default. They must append
    /// to that header, as all do.
    pub fn trusted_proxies<P: Into<Proxy>>(mut self, proxies: impl IntoIterator<Item = P>) -> Self {
        self.proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// How long sessions last, and how often the connection behind them is checked.
    pub fn session(mut self, policy: SessionPolicy) -> Self {
        self.session = policy;
        self
    }

    /// Which client keys sign-ins use: new ones for each attempt.
    pub fn keys(mut self, keys: KeyPolicy) -> Self {
        self.keys = keys;
        self
    }

    /// Accepts these keys of KeyLockr and no others. Without pins, trust in its keys is trust in
    /// TLS.
    pub fn pins(mut self, pins: impl IntoIterator<Item = ServerKeys>) -> Self {
        self.pins = pins.into_iter().collect();
        self
    }

    /// Uses this client instead of making one; [`Self::api`] and [`Self::pins`] are its own then.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// The application's say in who may sign in. Without it everybody may whom KeyLockr vouches for.
    pub fn admit(mut self, admit: impl Admit) -> Self {
        self.admit = Arc::new(admit);
        self
    }

    /// Keeps each connection open while somebody is signed in by it, so that a revocation on the
    /// phone ends the sessions at once. Otherwise they end at the next check.
    pub fn keep_connection(mut self, keep: bool) -> Self {
        self.keeps_connections = keep;
        self
    }

    /// Deletes the connection on the phone when its last session signs out. Connections made with
    /// fresh keys pile up there otherwise. Possible only in the process that made the connection
    /// and since it started: its keys are kept nowhere else.
    pub fn delete_connection_on_logout(mut self, delete: bool) -> Self {
        self.deletes_connections = delete;
        self
    }

    /// Gives every signed-in person a vault: their own end-to-end encrypted record, see
    /// [`KeyLockr::vault`](crate::KeyLockr::vault). It needs app data to be asked for: [`Self::app_tag`] in the seed family,
    /// [`Self::ask_app_data`] in the appdata family.
    ///
    /// Connections made with fresh keys, which the seed family always uses, live in this process
    /// only. After a restart people sign in anew to open their data.
    pub fn vault(mut self, config: VaultConfig) -> Self {
        self.vault = Some(config);
        self
    }

    /// Asks for the filekey during the sign-in: nobody is signed in before their phone has released
    /// it. Whoever has a locked phone is told to unlock it (status `unlock`), for 300 s at most, and
    /// who declines is refused. Off by default: then the phone is asked at the first use of the
    /// vault. It has no effect without [`Self::vault`].
    pub fn filekey_at_sign_in(mut self, ask: bool) -> Self {
        self.filekey_at_sign_in = ask;
        self
    }

    /// Signs nobody in whose encrypted record does not hold their account's secret: then KeyLockr
    /// itself cannot name a wrong person (K 8.7). It needs the filekey at each sign-in, as with
    /// [`Self::filekey_at_sign_in`], and brings a vault if there is none. Nobody who holds the keys
    /// in their own browser can be signed in.
    ///
    /// Records carry the secret beside the application's content; turn it on before there are any
    /// accounts. Its name in records is the public origin.
    pub fn bindings(mut self, bindings: impl Bindings) -> Self {
        self.bindings = Some(Arc::new(bindings));
        self
    }

    /// Session entries that outlive the change of the session's id at sign-in; all others are gone.
    pub fn carry_over<T: Into<String>>(mut self, keys: impl IntoIterator<Item = T>) -> Self {
        self.carry_over = keys.into_iter().map(Into::into).collect();
        self
    }

    /// How the sign-in page looks and what it says.
    pub fn page(mut self, page: Page) -> Self {
        self.page = page;
        self
    }

    /// Adds a language to the sign-in page.
    pub fn texts(mut self, texts: Texts) -> Self {
        self.page = self.page.with_texts(texts);
        self
    }

    /// Answers refusals in the application's own way; `None` leaves one to us. The second argument
    /// says whether a person's browser asked for a page. The status stays ours unless it redirects,
    /// and headers that a refusal needs are added where they are missing.
    pub fn refusals(
        mut self,
        restyle: impl Fn(&Refusal, bool) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.restyle = Some(Arc::new(restyle));
        self
    }

    /// Names the place of an address, such as its town: the phone shows it with the request, which
    /// helps people to recognise one that is not theirs.
    pub fn place(
        mut self,
        place: impl Fn(IpAddr) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.place = Some(Arc::new(place));
        self
    }

    /// Where attempts are kept: in memory.
    pub fn attempts(mut self, store: Arc<dyn AttemptStore>) -> Self {
        self.attempts = Some(store);
        self
    }

    /// Where revocations are kept: in memory.
    pub fn revocations(mut self, store: Arc<dyn RevocationStore>) -> Self {
        self.revocations = Some(store);
        self
    }

    /// Where sessions are listed by person, for
    /// [`KeyLockr::sessions_of`](crate::KeyLockr::sessions_of): in memory.
    pub fn session_index(mut self, index: Arc<dyn SessionIndex>) -> Self {
        self.index = Some(index);
        self
    }

    /// Who counts how often an address starts attempts: each process for itself.
    pub fn rates(mut self, store: Arc<dyn RateStore>) -> Self {
        self.rates = Some(store);
        self
    }

    /// Everything that several processes share, in Redis: attempts, revocations, lists of sessions, the
    /// limit on starts and, unless there is a [`client`](Self::client), seen frames. It takes a
    /// [`seal_key`](Self::seal_key) that all of them have.
    #[cfg(feature = "redis")]
    pub fn redis(mut self, redis: &RedisStores) -> Self {
        self.replay = Some(redis.replay());
        self.attempts(redis.attempts())
            .revocations(redis.revocations())
            .session_index(redis.sessions())
            .rates(redis.rates())
    }

    /// The key that seals attempts at rest; a random one by default, which a restart forgets.
    pub fn seal_key(mut self, key: impl Into<SealKey>) -> Self {
        self.seal = Some(key.into());
        self
    }

    /// One more key that opens and seals nothing: a former one, or one that other servers seal with
    /// already.
    pub fn former_seal_key(mut self, key: impl Into<SealKey>) -> Self {
        self.former_seals.push(key.into());
        self
    }
}

impl fmt::Debug for KeyLockrBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLockrBuilder")
            .field("service", &self.service)
            .field("public_origin", &self.public_origin)
            .field("mount", &self.mount)
            .finish_non_exhaustive()
    }
}
