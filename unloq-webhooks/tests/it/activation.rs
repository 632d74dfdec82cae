//! Activations restore nothing by themselves (section 2.3, rules 4 to 6).

use std::{
    cell::Cell,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use unloq_webhooks::{
    Activate, Activation, ActivationPolicy, Confirm, ConfirmFuture, Confirmed, Deactivate, Hooks,
    MayRestore, NeedsConfirmation, Turn, Unanswered, UnloqId, Verified,
};

use crate::given::{ACTIVATE, DEACTIVATE, JSON, NOW, Request, builder, hooks, ready};

const ACCOUNT: &str = r#"{"unloq_id":"1234","email":"john@doe.com","ip":"203.0.113.9"}"#;

/// UNLOQ's API, as far as it goes.
struct Api {
    answer: Mutex<Result<bool, Unanswered>>,
    asked: AtomicUsize,
}

impl Api {
    fn new(answer: Result<bool, Unanswered>) -> Self {
        Self {
            answer: Mutex::new(answer),
            asked: AtomicUsize::new(0),
        }
    }

    fn set(&self, answer: Result<bool, Unanswered>) {
        *self.answer.lock().unwrap() = answer;
    }
}

impl Confirm for Api {
    fn is_active<'a>(&'a self, user: &'a UnloqId) -> ConfirmFuture<'a> {
        assert_eq!(user.as_str(), "1234");
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { *self.answer.lock().unwrap() })
    }
}

/// An application with one user, which can restore access only with the proof.
struct Site {
    hooks: Hooks,
    active: Cell<bool>,
    pending: Cell<Option<NeedsConfirmation>>,
    secs: Cell<u64>,
}

impl Site {
    fn new(hooks: Hooks) -> Self {
        Self {
            hooks,
            active: Cell::new(true),
            pending: Cell::new(None),
            secs: Cell::new(0),
        }
    }

    fn restore(&self, proof: &MayRestore) {
        assert_eq!(proof.unloq_id().as_str(), "1234");
        self.active.set(true);
    }

    fn activate(&self, api: &Api) {
        self.secs.set(self.secs.get() + 1_000);
        let now = NOW.saturating_add(self.secs.get());
        let verified: Verified<Activate> = Request::signed(ACTIVATE, JSON, ACCOUNT)
            .verify(&self.hooks)
            .unwrap();
        let Turn::Run(event, claim) = ready(self.hooks.begin(verified, now)).unwrap() else {
            return;
        };
        match event.activation() {
            Activation::Trusted(proof) => self.restore(&proof),
            Activation::NeedsConfirmation(question) => self.ask(question, api),
        }
        ready(claim.commit(now)).unwrap();
    }

    fn ask(&self, question: NeedsConfirmation, api: &Api) {
        match ready(question.ask(api)) {
            Confirmed::Restore(proof) => self.restore(&proof),
            Confirmed::Inactive => self.active.set(false),
            Confirmed::Unanswered(question) => self.pending.set(Some(question)),
        }
    }

    fn deactivate(&self) {
        self.secs.set(self.secs.get() + 1_000);
        let now = NOW.saturating_add(self.secs.get());
        let verified: Verified<Deactivate> = Request::signed(DEACTIVATE, JSON, ACCOUNT)
            .verify(&self.hooks)
            .unwrap();
        if let Turn::Run(_, claim) = ready(self.hooks.begin(verified, now)).unwrap() {
            self.active.set(false);
            ready(claim.commit(now)).unwrap();
        }
    }
}

/// Deactivated, then an old activation is replayed: inactive it stays, until UNLOQ itself says
/// otherwise.
#[test]
fn activate_replay_stays_inactive() {
    for policy in [ActivationPolicy::Confirm, ActivationPolicy::Trust] {
        let site = Site::new(builder().activation(policy).build().unwrap());
        let api = Api::new(Ok(true));
        site.activate(&api);
        assert!(site.active.get());
        site.deactivate();
        assert!(!site.active.get());

        api.set(Ok(false));
        for _ in 0..3 {
            site.activate(&api);
            assert!(!site.active.get(), "{policy:?}");
        }
        // The API is down: the more restrictive state, and a question that can be asked again.
        api.set(Err(Unanswered));
        site.activate(&api);
        assert!(!site.active.get());
        let question = site.pending.take().unwrap();
        site.ask(question, &api);
        assert!(!site.active.get());
        // It says yes: a genuine re-activation ends active.
        api.set(Ok(true));
        let question = site.pending.take().unwrap();
        site.ask(question, &api);
        assert!(site.active.get());
        assert_eq!(
            api.asked.load(Ordering::SeqCst),
            6 + usize::from(policy == ActivationPolicy::Confirm)
        );
    }
}

#[test]
fn confirm_is_the_default_and_asks_always() {
    let site = Site::new(hooks());
    let api = Api::new(Err(Unanswered));
    site.active.set(false);
    site.activate(&api);
    assert!(!site.active.get());
    assert_eq!(api.asked.load(Ordering::SeqCst), 1);
}

/// Even under `Trust` an event is confirmed while the store has not said that it is new.
#[test]
fn trust_needs_the_stores_word() {
    let hooks = builder()
        .activation(ActivationPolicy::Trust)
        .build()
        .unwrap();
    let verified = || -> Verified<Activate> {
        Request::signed(ACTIVATE, JSON, ACCOUNT)
            .verify(&hooks)
            .unwrap()
    };
    assert!(matches!(
        verified().activation(),
        Activation::NeedsConfirmation(_)
    ));
    let Turn::Run(first, claim) = ready(hooks.begin(verified(), NOW)).unwrap() else {
        panic!("it runs");
    };
    assert!(matches!(first.activation(), Activation::Trusted(_)));
    assert!(!first.possible_replay());
    ready(claim.commit(NOW)).unwrap();
    let Turn::Duplicate(second) = ready(hooks.begin(verified(), NOW)).unwrap() else {
        panic!("a duplicate");
    };
    assert!(matches!(
        second.activation(),
        Activation::NeedsConfirmation(_)
    ));
    let Turn::Run(third, _claim) = ready(hooks.begin(verified(), NOW.saturating_add(500))).unwrap()
    else {
        panic!("it runs");
    };
    assert!(third.possible_replay());
    assert!(matches!(
        third.activation(),
        Activation::NeedsConfirmation(_)
    ));
}

/// A question that was written down is the same question.
#[test]
fn questions_survive_a_restart() {
    let user = UnloqId::parse("1234").unwrap();
    let question = NeedsConfirmation::of(user);
    assert_eq!(question.unloq_id(), &user);
    assert!(matches!(
        ready(question.ask(&Api::new(Ok(true)))),
        Confirmed::Restore(_)
    ));
}
