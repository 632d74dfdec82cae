//! A browser, as far as the login routes can tell one.

use std::{net::IpAddr, sync::Mutex};

use keylockr_login::{
    Answer, AnswerBody, EventStream, Found, Head, KeyLockr, Refusal, Request, Route, User,
};
use serde_json::Value;

use crate::stage::{ORIGIN, Session, Sessions};

/// Cookies, an address and the site it looks at.
pub(crate) struct Browser {
    keylockr: KeyLockr,
    sessions: Sessions,
    binding: Mutex<Option<String>>,
    session: Mutex<Option<String>>,
    address: Mutex<IpAddr>,
}

/// An answer, read.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) text: String,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) events: Option<EventStream>,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| *other == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(
            values.next().is_none() || name == "set-cookie",
            "{name} twice"
        );
        value
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location").unwrap()
    }
}

/// An attempt as `POST start` gave it.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) id: String,
    pub(crate) code: String,
}

impl Browser {
    pub(crate) fn new(keylockr: KeyLockr, sessions: Sessions) -> Self {
        Self {
            keylockr,
            sessions,
            binding: Mutex::default(),
            session: Mutex::default(),
            address: Mutex::new("192.0.2.1".parse().unwrap()),
        }
    }

    /// The same one somewhere else.
    pub(crate) fn move_to(&self, address: &str) {
        *self.address.lock().unwrap() = address.parse().unwrap();
    }

    /// The binding cookie's value.
    pub(crate) fn binding(&self) -> Option<String> {
        self.binding.lock().unwrap().clone()
    }

    pub(crate) fn set_binding(&self, value: Option<String>) {
        *self.binding.lock().unwrap() = value;
    }

    /// The session's id.
    pub(crate) fn session(&self) -> Option<String> {
        self.session.lock().unwrap().clone()
    }

    pub(crate) fn set_session(&self, id: Option<String>) {
        *self.session.lock().unwrap() = id;
    }

    pub(crate) fn head(&self, method: &str, path_and_query: &str) -> Head {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let address = *self.address.lock().unwrap();
        let mut head = Head::new(method, "/login", path, query, Some(address))
            .header("Host", "site.example")
            .header(
                "User-Agent",
                "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0",
            );
        if let Some(binding) = self.binding() {
            head = head.header("Cookie", format!("__Host-kl_login={binding}"));
        }
        if method == "POST" {
            head = head.header("Origin", ORIGIN);
        }
        head
    }

    /// Sends exactly this.
    pub(crate) async fn send(&self, head: Head, body: &[u8]) -> Got {
        let session = Session::new(self.sessions.clone(), self.session());
        let Found::Route(route) = Route::find(head.method(), head.path()) else {
            panic!("no route for {head:?}");
        };
        let request = Request {
            head,
            body: Ok(body.to_vec().into()),
        };
        let answer = self.keylockr.answer(route, request, &session).await;
        self.set_session(session.id.lock().unwrap().clone());
        self.read(answer)
    }

    fn read(&self, answer: Answer) -> Got {
        for (name, value) in &answer.headers {
            assert!(
                value.is_ascii() && !value.contains(['\r', '\n']),
                "{name}: {value:?}"
            );
            if *name == "set-cookie" {
                let value = value.strip_prefix("__Host-kl_login=").unwrap();
                let value = value.split(';').next().unwrap().to_owned();
                self.set_binding(Some(value));
            }
        }
        let (text, events) = match answer.body {
            AnswerBody::Empty => (String::new(), None),
            AnswerBody::Bytes(bytes) => (String::from_utf8(bytes.to_vec()).unwrap(), None),
            AnswerBody::Events(events) => (String::new(), Some(events)),
        };
        Got {
            status: answer.status,
            headers: answer.headers,
            text,
            refusal: answer.refusal,
            events,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send(self.head("GET", path), b"").await
    }

    /// A navigation.
    pub(crate) async fn open(&self, path: &str) -> Got {
        let head = self
            .head("GET", path)
            .header("Accept", "text/html,*/*;q=0.8")
            .header("Sec-Fetch-Dest", "document");
        self.send(head, b"").await
    }

    /// A script's POST.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Got {
        let head = self
            .head("POST", path)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json");
        self.send(head, body.to_string().as_bytes()).await
    }

    /// A form's POST.
    pub(crate) async fn submit(&self, path: &str, body: &str) -> Got {
        let head = self
            .head("POST", path)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Accept", "text/html,*/*;q=0.8");
        self.send(head, body.as_bytes()).await
    }

    /// Starts an attempt that leads to `next`.
    pub(crate) async fn start_for(&self, next: &str) -> Attempt {
        let got = self
            .post("/start", &serde_json::json!({ "next": next }))
            .await;
        assert_eq!(got.status, 201, "{}", got.text);
        let started = got.json();
        Attempt {
            id: started["attempt"].as_str().unwrap().to_owned(),
            code: started["qr"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn start(&self) -> Attempt {
        self.start_for("/private").await
    }

    /// What `GET status` says.
    pub(crate) async fn status(&self, attempt: &Attempt) -> Value {
        let got = self.get(&format!("/status?attempt={}", attempt.id)).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.json()
    }

    /// Waits by event, not by time, until the status is final or `word`.
    pub(crate) async fn until(&self, attempt: &Attempt, word: &str) -> Value {
        use futures_util::StreamExt as _;

        let got = self.get(&format!("/events?attempt={}", attempt.id)).await;
        let mut events = got.events.unwrap();
        let mut last = Value::Null;
        while let Some(event) = events.next().await {
            let event = String::from_utf8(event.to_vec()).unwrap();
            let Some(data) = event.split("event: status\ndata: ").nth(1) else {
                continue;
            };
            last = serde_json::from_str(data.trim_end()).unwrap();
            if last["status"] == word {
                break;
            }
        }
        assert_eq!(last["status"], word, "{last}");
        last
    }

    pub(crate) async fn finish(&self, attempt: &Attempt) -> Got {
        self.post(
            &format!("/finish?attempt={}", attempt.id),
            &serde_json::json!({}),
        )
        .await
    }

    pub(crate) async fn cancel(&self, attempt: &Attempt) -> Got {
        self.post(
            &format!("/cancel?attempt={}", attempt.id),
            &serde_json::json!({}),
        )
        .await
    }

    pub(crate) async fn logout(&self) -> Got {
        self.post("/logout", &serde_json::json!({})).await
    }

    /// Who the site says this is.
    pub(crate) async fn user(&self) -> Result<Option<User>, Refusal> {
        let session = Session::new(self.sessions.clone(), self.session());
        let user = self.keylockr.resolve(&session).await;
        self.set_session(session.id.lock().unwrap().clone());
        user
    }

    /// The SafeID of whoever is signed in.
    pub(crate) async fn safe_id(&self) -> Option<String> {
        let user = self.user().await.unwrap();
        user.map(|user| user.safe_id().to_owned())
    }
}
