//! The flow where something is away: stores that do not answer, and an UNLOQ from a script.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use unloq_client::{
    Body, BoxFuture, Client, HttpRequest, HttpResponse, KeyPool, Transport, TransportError,
    TransportErrorKind,
};
use unloq_webhooks::{
    UnloqId,
    sessions::{SessionHandle, SessionHandles},
};

use super::{
    Accounts, Inner, Member,
    limit::{Limit, Ringing},
    note::Notes,
    pass::Passes,
    visit::{Asked, Unavailable, Visit},
};
use crate::{
    KeyLockr, clock,
    keylockr_login::{BodyError, User},
};

/// An UNLOQ that knows one user, or cannot be reached.
#[derive(Default)]
struct Script {
    away: bool,
    asked: AtomicU32,
}

struct Said(Option<String>);

impl Body for Said {
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<bytes::Bytes>, TransportError>> {
        let said = self.0.take().map(Into::into);
        Box::pin(async { Ok(said) })
    }
}

impl Transport for Script {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let user =
            json!({ "type": "x", "result": { "unloq_id": "77", "email": "ada@example.test" } });
        let answer = match self.away {
            true => Err(TransportErrorKind::Connect.into()),
            false => Ok(HttpResponse {
                status: 200,
                event_stream: false,
                body: Box::new(Said(Some(user.to_string()))),
            }),
        };
        Box::pin(async { answer })
    }
}

struct Stage {
    unloq: Inner,
    script: Arc<Script>,
}

impl Stage {
    fn new(away: bool) -> Self {
        let script = Arc::new(Script {
            away,
            ..Script::default()
        });
        let client = Client::builder("http://127.0.0.1:9/v1", "key");
        let client = client.transport(script.clone()).build().unwrap();
        let handles = SessionHandles::in_memory(Duration::from_secs(60));
        let keylockr = KeyLockr::builder("demo-data", "Acme Notes").api("http://127.0.0.1:9");
        let unloq = Inner {
            accounts: Accounts::new(handles, Some(client.clone()), None),
            client,
            pool: KeyPool::new().unwrap(),
            keylockr: keylockr.build().unwrap(),
            passes: Passes::new(None, false).unwrap(),
            notes: Notes::new().unwrap(),
            limit: Limit::new(0),
            ringing: Ringing::default(),
            widget: None,
            phone: None,
        };
        Self { unloq, script }
    }

    /// Somebody with a pass who comes back with a token.
    fn back(&self) -> Visitor<'_> {
        let cookie = self.unloq.passes.give(&asked(""), clock::now()).unwrap();
        let pair = cookie.split(';').next().unwrap().to_owned();
        Visitor {
            asked: asked(&pair),
            ..Visitor::default()
        }
    }

    fn asked(&self) -> u32 {
        self.script.asked.load(Ordering::Relaxed)
    }
}

fn asked(cookie: &str) -> Asked {
    Asked::new("GET", "token=abc", None, |name| {
        (name == "cookie").then_some(cookie.as_bytes()).into_iter()
    })
}

/// A request whose session does as it is told.
struct Visitor<'a> {
    asked: Asked,
    /// Nothing can be read.
    unread: bool,
    /// Nothing can be written.
    unsaved: bool,
    kept: RefCell<Option<Value>>,
    ended: Cell<u32>,
    /// What happens while the session begins.
    meanwhile: Option<&'a dyn Fn()>,
}

impl Default for Visitor<'_> {
    fn default() -> Self {
        Self {
            asked: asked(""),
            unread: false,
            unsaved: false,
            kept: RefCell::default(),
            ended: Cell::default(),
            meanwhile: None,
        }
    }
}

impl Visit for Visitor<'_> {
    fn asked(&self) -> &Asked {
        &self.asked
    }

    fn is_same_origin(&self) -> bool {
        true
    }

    async fn keylockr_user(&self) -> Result<Option<User>, Unavailable> {
        match self.unread {
            true => Err(Unavailable),
            false => Ok(None),
        }
    }

    async fn read(&self) -> Result<Option<Value>, Unavailable> {
        Ok(self.kept.borrow().clone())
    }

    async fn begin(&self, member: &Member, _: &SessionHandle) -> Result<(), Unavailable> {
        if let Some(meanwhile) = self.meanwhile {
            meanwhile();
        }
        if self.unsaved {
            return Err(Unavailable);
        }
        self.kept.replace(Some(member.to_json()));
        Ok(())
    }

    async fn end(&self) -> Result<(), Unavailable> {
        if self.unsaved {
            return Err(Unavailable);
        }
        self.ended.set(self.ended.get() + 1);
        self.kept.replace(None);
        Ok(())
    }
}

fn ada() -> UnloqId {
    UnloqId::parse("77").unwrap()
}

#[tokio::test]
async fn a_store_that_cannot_be_read_signs_nobody_in_or_out() {
    let stage = Stage::new(false);
    let unloq = &stage.unloq;
    let visitor = Visitor {
        unread: true,
        ..stage.back()
    };
    for answer in [
        unloq.come_back(&visitor).await,
        unloq.home(&visitor).await,
        unloq.me(&visitor).await,
        unloq.note(&visitor).await,
        unloq.sign_out(&visitor).await,
        unloq
            .change_note(&visitor, Ok::<_, BodyError>("what=show"))
            .await,
    ] {
        assert_eq!(answer.status, 503);
        assert!(
            answer
                .headers
                .iter()
                .any(|(name, _)| *name == "retry-after")
        );
        assert!(!answer.headers.iter().any(|(name, _)| *name == "set-cookie"));
    }
    assert_eq!(
        (stage.asked(), visitor.ended.get()),
        (0, 0),
        "the token is good"
    );
    // And so is the pass.
    let visitor = Visitor {
        unread: false,
        ..visitor
    };
    assert_eq!(unloq.come_back(&visitor).await.status, 303);
    assert_eq!(unloq.me(&visitor).await.status, 200);
}

#[tokio::test]
async fn a_session_that_cannot_be_written_signs_nobody_in_or_out() {
    let stage = Stage::new(false);
    let mut visitor = Visitor {
        unsaved: true,
        ..stage.back()
    };
    assert_eq!(stage.unloq.come_back(&visitor).await.status, 503);
    assert_eq!(stage.asked(), 1);
    assert_eq!(stage.unloq.me(&visitor).await.status, 303, "a stranger");
    visitor.unsaved = false;
    visitor.asked = stage.back().asked;
    assert_eq!(stage.unloq.come_back(&visitor).await.status, 303);
    visitor.unsaved = true;
    assert_eq!(stage.unloq.sign_out(&visitor).await.status, 503);
    assert_eq!(stage.unloq.me(&visitor).await.status, 200, "still there");
}

#[tokio::test]
async fn an_unloq_that_cannot_be_reached_costs_neither_token_nor_pass() {
    let stage = Stage::new(true);
    let visitor = stage.back();
    for asked in 1..=3 {
        assert_eq!(stage.unloq.come_back(&visitor).await.status, 503);
        assert_eq!(stage.asked(), asked);
    }
}

/// A deactivation ends the sessions that it sees; one that begins at that moment must end itself.
#[tokio::test]
async fn who_is_closed_while_signing_in_is_not_signed_in() {
    let stage = Stage::new(false);
    let accounts = stage.unloq.accounts.clone();
    let close = || accounts.shut(&ada()).now_or_never().unwrap().unwrap();
    let visitor = Visitor {
        meanwhile: Some(&close),
        ..stage.back()
    };
    let answer = stage.unloq.come_back(&visitor).await;
    assert!(answer.status == 403 && answer.html.contains("account is closed"));
    assert_eq!(visitor.ended.get(), 1);
    assert_eq!(stage.unloq.me(&visitor).await.status, 303);
}

#[tokio::test]
async fn a_closed_account_is_nobodys_session() {
    let stage = Stage::new(false);
    let visitor = stage.back();
    assert_eq!(stage.unloq.come_back(&visitor).await.status, 303);
    assert_eq!(stage.unloq.me(&visitor).await.status, 200);
    // Even before anybody has ended it.
    stage.unloq.accounts.shut(&ada()).await.unwrap();
    assert_eq!(stage.unloq.me(&visitor).await.status, 303);
    let visitor = stage.back();
    let answer = stage.unloq.come_back(&visitor).await;
    assert!(answer.status == 403 && visitor.kept.borrow().is_none());
}
