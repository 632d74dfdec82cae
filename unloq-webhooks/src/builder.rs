//! Setting hooks up, and the checks that a mistake does not survive.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    activation::ActivationPolicy,
    error::ConfigError,
    event::{Event, Link, Other},
    hook::Hook,
    hooks::Hooks,
    link,
    pace::Pace,
    path::{HookPath, PathText, Source, is_plain, reduce, split_query},
    replay::{MemoryReplay, ReplayStore},
    schema::Schema,
    secret::{Secret, SecretSet},
    settings::{Configured, LinkText, Settings},
    time::UnixTime,
};

/// A configuration of hooks in the making.
#[must_use]
pub struct HooksBuilder {
    secrets: Arc<SecretSet>,
    hooks: Vec<(Hook, HookPath, Arc<SecretSet>)>,
    body_limit: usize,
    skip_keys: Vec<String>,
    require_requested_with: bool,
    expected_hosts: Vec<String>,
    link_text: LinkText,
    schema: Schema,
    activation: ActivationPolicy,
    replay: Option<Arc<dyn ReplayStore>>,
    budget: Duration,
    read_time: Duration,
    deliveries_a_second: u32,
}

impl HooksBuilder {
    /// The default body limit, in bytes.
    pub const BODY_LIMIT: usize = 16 * 1024;
    /// The default of [`budget`](Self::budget): what is left of UNLOQ's patience, 3 seconds, with
    /// some to spare for the network.
    pub const BUDGET: Duration = Duration::from_secs(2);
    /// The default of [`read_time`](Self::read_time).
    pub const READ_TIME: Duration = Duration::from_secs(3);
    /// The default of [`deliveries_a_second`](Self::deliveries_a_second): far more than UNLOQ sends to
    /// anybody, and no more than 63 MiB of bodies that take their three seconds.
    pub const DELIVERIES_A_SECOND: u32 = 1_000;
    /// The longest [`budget`](Self::budget), and the longest [`read_time`](Self::read_time).
    pub const MAX_TIME: Duration = Duration::from_secs(30);

    pub(crate) fn new(secrets: SecretSet) -> Self {
        Self {
            secrets: Arc::new(secrets),
            hooks: Vec::new(),
            body_limit: Self::BODY_LIMIT,
            skip_keys: Vec::new(),
            require_requested_with: false,
            expected_hosts: Vec::new(),
            link_text: LinkText::default(),
            schema: Schema::default(),
            activation: ActivationPolicy::default(),
            replay: None,
            budget: Self::BUDGET,
            read_time: Self::READ_TIME,
            deliveries_a_second: Self::DELIVERIES_A_SECOND,
        }
    }

    /// Adds a hook: the URL or path exactly as it was registered with UNLOQ, or another
    /// [`HookPath`]. Register a URL of its own for each hook.
    pub fn on<E: Event>(self, path: impl Into<HookPath>) -> Self {
        let secrets = Arc::clone(&self.secrets);
        self.add(E::HOOK, path.into(), secrets)
    }

    /// As [`on`](Self::on), with secrets of its own.
    pub fn on_with_secrets<E: Event>(
        self,
        path: impl Into<HookPath>,
        secrets: impl Into<SecretSet>,
    ) -> Self {
        self.add(E::HOOK, path.into(), Arc::new(secrets.into()))
    }

    fn add(mut self, hook: Hook, path: HookPath, secrets: Arc<SecretSet>) -> Self {
        self.hooks.push((hook, path, secrets));
        self
    }

    /// The application's API key, which link, unlink and old logout events carry. Without it, an
    /// event that has one is refused.
    pub fn api_key(mut self, key: Secret) -> Self {
        self.schema.api_key = Some(Arc::new(key));
        self
    }

    /// A rule for the `sid` of logout events, on top of the general one: the form of the handles
    /// that the application issues.
    pub fn sid_rule(mut self, rule: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.schema.sid_rule = Some(Arc::new(rule));
        self
    }

    /// The largest body, in bytes: 1,024 to 1,048,576. 16,384 by default.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Names that are left out of the signed text. They are unsigned, so events do not show them. With
    /// [`LinkText::FullTarget`] the link hook's query is signed as it came, with them.
    pub fn skip_keys<K: Into<String>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        self.skip_keys = names.into_iter().map(Into::into).collect();
        self
    }

    /// Refuses deliveries without `X-Requested-With` (link: `unloq-app`; else any value). Off by
    /// default: the field is not signed, and today's UNLOQ may not send it.
    pub fn require_requested_with(mut self, required: bool) -> Self {
        self.require_requested_with = required;
        self
    }

    /// The hosts that deliveries may be addressed to, each with its port where it has one. The host
    /// is not signed: where secret and path are shared, this keeps a delivery to one deployment from
    /// being replayed to another.
    pub fn expected_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.expected_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Ignores parameters beyond the schema instead of refusing them.
    ///
    /// The signature has no borders between names and values. Exact schemas are what keeps a signed
    /// text from being read in a second way; without them, whoever has seen one delivery can make
    /// others (section 2.1).
    pub fn insecure_lenient_schema(mut self) -> Self {
        self.schema.lenient = true;
        self
    }

    /// What the signature of the link hook covers.
    pub fn link_text(mut self, text: LinkText) -> Self {
        self.link_text = text;
        self
    }

    /// What is done with activations.
    pub fn activation(mut self, policy: ActivationPolicy) -> Self {
        self.activation = policy;
        self
    }

    /// Where deliveries are remembered. In this process by default: [`MemoryReplay`].
    pub fn replay(mut self, store: Arc<dyn ReplayStore>) -> Self {
        self.replay = Some(store);
        self
    }

    /// What a delivery gets from its verified body to its answer, the handler and the replay store
    /// included: up to 30 seconds, 2 by default. UNLOQ waits 3, the way to and from you included;
    /// what is not ready then is a failure to it.
    ///
    /// The integrations keep to it; whoever calls [`Hooks::verify`] keeps time of their own.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// What a body gets to arrive: up to 30 seconds, 3 by default. What is not there by then is
    /// answered with 408.
    ///
    /// The integrations keep to it; whoever calls [`Hooks::verify`] keeps time of their own.
    pub fn read_time(mut self, time: Duration) -> Self {
        self.read_time = time;
        self
    }

    /// How many requests a second are taken on by this process, over all hooks, with as many at once
    /// after a silent second: 1,000 by default, and 0 lifts the limit. Above, a request whose head is
    /// in order is answered with 503 and `Retry-After: 1`, and its body is not read; UNLOQ shows a
    /// failure then, and asks again only where it is set to.
    ///
    /// Whoever reaches the route can use it up, for nobody's signature is known before the body is
    /// read. Where your proxy knows UNLOQ's addresses, let it keep the others out.
    ///
    /// The integrations keep to it; whoever calls [`Hooks::verify`] asks [`Hooks::takes_on`].
    pub fn deliveries_a_second(mut self, deliveries: u32) -> Self {
        self.deliveries_a_second = deliveries;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// The first mistake found. Where every secret has an end date, use
    /// [`build_at`](Self::build_at).
    pub fn build(self) -> Result<Hooks, ConfigError> {
        self.finish(None)
    }

    /// Checks everything, and that some secret of each hook has not expired at `now`.
    ///
    /// # Errors
    ///
    /// The first mistake found.
    pub fn build_at(self, now: UnixTime) -> Result<Hooks, ConfigError> {
        self.finish(Some(now))
    }

    fn finish(self, now: Option<UnixTime>) -> Result<Hooks, ConfigError> {
        if self.hooks.is_empty() {
            return Err(ConfigError::NoHooks);
        }
        if !(1024..=1024 * 1024).contains(&self.body_limit) {
            return Err(ConfigError::BodyLimit(self.body_limit));
        }
        for (name, time) in [("budget", self.budget), ("reading time", self.read_time)] {
            if time.is_zero() || time > Self::MAX_TIME {
                return Err(ConfigError::Time(name));
            }
        }
        let mut hooks: Vec<Configured> = Vec::new();
        for (hook, path, secrets) in self.hooks {
            if hook == Other::HOOK && !self.schema.lenient {
                return Err(ConfigError::LenientSchemaNeeded);
            }
            if hooks.iter().any(|other| other.hook == hook) {
                return Err(ConfigError::RepeatedHook(hook));
            }
            check_dates(hook, &secrets, now)?;
            let (route, path) = check_path(hook, path)?;
            if hook == Link::HOOK {
                let PathText::Configured(texts) = &path else {
                    return Err(ConfigError::LinkPath);
                };
                if !texts.iter().all(|text| link::is_readable(text)) {
                    return Err(ConfigError::LinkQuery);
                }
            }
            hooks.push(Configured {
                hook,
                route,
                path,
                secrets,
            });
        }
        check_clashes(&hooks)?;
        Ok(Hooks {
            settings: Arc::new(Settings {
                hooks,
                body_limit: self.body_limit,
                skip_keys: self.skip_keys,
                require_requested_with: self.require_requested_with,
                expected_hosts: self.expected_hosts,
                link_text: self.link_text,
                schema: self.schema,
                activation: self.activation,
                replay: self
                    .replay
                    .unwrap_or_else(|| Arc::new(MemoryReplay::default())),
                budget: self.budget,
                read_time: self.read_time,
                pace: Pace::a_second(self.deliveries_a_second),
            }),
        })
    }
}

fn check_dates(hook: Hook, secrets: &SecretSet, now: Option<UnixTime>) -> Result<(), ConfigError> {
    match now {
        Some(now) if secrets.iter().any(|secret| secret.is_live(now)) => Ok(()),
        Some(_) => Err(ConfigError::AllExpired(hook)),
        None if secrets.iter().any(|secret| secret.end().is_none()) => Ok(()),
        None => Err(ConfigError::TimeNeeded(hook)),
    }
}

fn check_path(hook: Hook, path: HookPath) -> Result<(String, PathText), ConfigError> {
    let plain = |value: &str| {
        if is_plain(value) {
            Ok(())
        } else {
            Err(ConfigError::PathCharacter(hook))
        }
    };
    let without_query = |text: &str| split_query(text).0.to_owned();
    match path.source {
        Source::Configured(values) => {
            if !(1..=HookPath::MAX).contains(&values.len()) {
                return Err(ConfigError::PathCount {
                    hook,
                    count: values.len(),
                });
            }
            values.iter().try_for_each(|value| plain(value))?;
            let texts: Vec<String> = values
                .iter()
                .map(|value| reduce(value).into_owned())
                .collect();
            let route = texts.first().map(|text| without_query(text));
            Ok((route.unwrap_or_default(), PathText::Configured(texts)))
        }
        Source::RequestTarget { route } => {
            plain(&route)?;
            let route = without_query(&reduce(&route));
            Ok((route.clone(), PathText::RequestTarget { route }))
        }
        Source::PrefixMap { route, strip, add } => {
            [&route, &strip, &add]
                .into_iter()
                .try_for_each(|value| plain(value))?;
            let route = without_query(&reduce(&route));
            let rest = route
                .strip_prefix(&strip)
                .ok_or(ConfigError::PrefixMissing(hook))?;
            let text = reduce(&format!("{add}{rest}")).into_owned();
            Ok((route, PathText::PrefixMap { strip, add, text }))
        }
    }
}

/// No path text may be another one's beginning (section 2.2, W2).
fn check_clashes(hooks: &[Configured]) -> Result<(), ConfigError> {
    let texts: Vec<(Hook, &str)> = hooks
        .iter()
        .flat_map(|hook| {
            let texts = hook.path.texts().iter();
            texts.map(|text| (hook.hook, text.as_str()))
        })
        .collect();
    for (at, (longer, text)) in texts.iter().enumerate() {
        for (other_at, (shorter, start)) in texts.iter().enumerate() {
            if at != other_at && text.starts_with(start) {
                return Err(ConfigError::ClashingPaths {
                    shorter: *shorter,
                    longer: *longer,
                });
            }
        }
    }
    Ok(())
}

impl fmt::Debug for HooksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HooksBuilder").finish_non_exhaustive()
    }
}
