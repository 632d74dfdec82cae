//! What both programs have in common: the hooks, the users, and a `curl` line that does what UNLOQ
//! would do.

use std::{
    collections::HashSet,
    env,
    error::Error,
    io::IsTerminal,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use unloq_webhooks::{
    Activate, Activation, Confirm, ConfirmFuture, Confirmed, Deactivate, Hooks, Logout, MayRestore,
    Secret, Signed, UnloqId, sessions::SessionHandles, sign,
};

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct Site {
    /// Who may not sign in. A site of any size asks its database.
    inactive: Arc<Mutex<HashSet<UnloqId>>>,
    /// Which sessions UNLOQ may end.
    pub(crate) handles: SessionHandles,
    secret: Arc<Secret>,
    address: SocketAddr,
}

/// How long a session lives without a request.
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Reads `UNLOQ_SECRET` and `BIND`, and listens there.
pub(crate) fn from_env() -> Result<(Site, Hooks, TcpListener), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let text = env::var("UNLOQ_SECRET")
        .map_err(|_| "UNLOQ_SECRET is not set; to try: UNLOQ_SECRET=$(openssl rand -hex 16)")?;
    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(bind)?;
    listener.set_nonblocking(true)?;
    let hooks = Hooks::builder(Secret::new(text.as_str())?)
        .on::<Logout>("/unloq/logout")
        .on::<Activate>("/unloq/activate")
        .on::<Deactivate>("/unloq/deactivate")
        .build()?;
    let site = Site {
        inactive: Arc::default(),
        handles: SessionHandles::in_memory(LIFE),
        secret: Arc::new(Secret::new(text)?),
        address: listener.local_addr()?,
    };
    Ok((site, hooks, listener))
}

impl Site {
    /// For people with a terminal.
    pub(crate) fn announce(&self) {
        println!("Sign in as user 1234, and see:\n");
        println!("  curl -c jar -X POST http://{}/sign-in", self.address);
        println!("  curl -b jar http://{}/\n", self.address);
        println!("What UNLOQ sends when the user closes the account:\n");
        println!("  {}\n", self.curl("deactivate", &account_body()));
        println!("or opens it again:\n");
        println!("  {}\n", self.curl("activate", &account_body()));
        println!("Change a letter of any, and look at the status.");
    }

    /// What to do with a user who is known only by what UNLOQ said at sign-in.
    pub(crate) fn may_sign_in(&self, user: UnloqId) -> bool {
        !self.inactive().contains(&user)
    }

    /// What UNLOQ sends when the user ends this session on the phone.
    pub(crate) fn logout_line(&self, user: UnloqId, sid: &str) -> String {
        let body = format!(r#"{{"unloq_id":"{user}","sid":"{sid}"}}"#);
        let line = self.curl("logout", &body);
        format!("Signed in. What UNLOQ sends when the user signs out on the phone:\n\n  {line}\n")
    }

    fn curl(&self, hook: &str, body: &str) -> String {
        let (kind, path) = ("application/json", format!("/unloq/{hook}"));
        match sign(&self.secret, &path, kind, body.as_bytes()) {
            Ok(signature) => format!(
                "curl -i http://{}{path} -H 'Content-Type: {kind}' -H 'X-Unloq-Signature: {signature}' -d '{body}'",
                self.address
            ),
            Err(error) => error.to_string(),
        }
    }

    /// Ends the session, if it is this user's. Already gone is fine, too.
    pub(crate) async fn logout(&self, event: &Signed<Logout>) -> bool {
        match self.handles.end(event.unloq_id(), event.sid()).await {
            Ok(ended) => {
                println!("logout of {}: {ended:?}", event.unloq_id());
                true
            }
            Err(_) => false,
        }
    }

    /// Takes the access away at once.
    pub(crate) async fn deactivate(&self, event: &Signed<Deactivate>) -> bool {
        self.inactive().insert(*event.unloq_id());
        match self.handles.end_all(event.unloq_id()).await {
            Ok(sessions) => {
                println!("deactivated {}, with {sessions} sessions", event.unloq_id());
                true
            }
            Err(_) => false,
        }
    }

    /// Restores nothing by itself: an activation cannot be told from the replay of an old one. A
    /// site that trusts its own word alone keeps the question in a table, and asks until it is
    /// answered.
    pub(crate) async fn activate(&self, event: &Signed<Activate>) -> bool {
        match event.0.activation() {
            Activation::Trusted(proof) => self.restore(&proof),
            Activation::NeedsConfirmation(question) => match question.ask(&Nobody).await {
                Confirmed::Restore(proof) => self.restore(&proof),
                Confirmed::Inactive => {
                    self.inactive().insert(*event.unloq_id());
                }
                Confirmed::Unanswered(question) => {
                    println!("activation of {}: nobody confirms it", question.unloq_id());
                }
            },
        }
        true
    }

    /// Only who has the proof can call this.
    fn restore(&self, proof: &MayRestore) {
        self.inactive().remove(proof.unloq_id());
    }

    fn inactive(&self) -> std::sync::MutexGuard<'_, HashSet<UnloqId>> {
        self.inactive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands for a client of UNLOQ's API, which would look the user up in `GET /v1/enrolled`.
struct Nobody;

impl Confirm for Nobody {
    fn is_active<'a>(&'a self, _user: &'a UnloqId) -> ConfirmFuture<'a> {
        Box::pin(async { Err(unloq_webhooks::Unanswered) })
    }
}

fn account_body() -> String {
    r#"{"unloq_id":"1234","email":"ada@example.com","ip":"192.0.2.1"}"#.to_owned()
}
