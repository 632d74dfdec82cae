//! The handshake (keylockr.md 4.1, 12.3).

use std::sync::Arc;

use super::{
    Server,
    actions::shown_name,
    attempt::{AFTERLIFE, Attempt, Decision, LIFE},
    keys::Pair,
    replay::Replay,
    service::Service,
};
use crate::{
    agenda::Event,
    faults::{FaultKind, Scope},
    identity::Identity,
    model::{Family, Mode},
    wire::{crypto, error::WireError, reader, value::Value},
};

const PARAM: &str = "param_invalid";
/// Fields that clients once sent and must not send.
const FORBIDDEN: [&str; 3] = ["app_id", "ap", "requested_scopes"];

/// A handshake whose fields are of the right types.
#[derive(Debug)]
pub(crate) struct Handshake {
    sign_public: [u8; 32],
    pub(crate) enc_public: [u8; 32],
    name: String,
    svc_id: Option<String>,
    app_tag: Option<String>,
    /// Asked for; `None` when the field is not there.
    app_data: Option<bool>,
}

impl Handshake {
    /// Reads the body: the outer error is one of decoding, the inner one the code of a refusal.
    pub(crate) fn decode(body: &[u8]) -> Result<Result<Self, &'static str>, WireError> {
        Ok(Self::read(&reader::decode(body)?).ok_or(PARAM))
    }

    fn read(body: &Value) -> Option<Self> {
        let fields = body.as_map()?;
        if FORBIDDEN.iter().any(|name| fields.contains(name)) {
            return None;
        }
        let text = |name: &str| match fields.present(name) {
            None => Some(None),
            Some(value) => value
                .as_text()
                .filter(|text| !text.is_empty())
                .map(|it| Some(it.to_owned())),
        };
        Some(Self {
            sign_public: crypto::sign_public(fields.bin("sign_pk")?).ok()?,
            enc_public: crypto::box_public(fields.bin("enc_pk")?).ok()?,
            name: fields.text("name").and_then(shown_name)?,
            svc_id: text("svc_id")?,
            app_tag: text("app_tag")?,
            app_data: match fields.present("app_data") {
                None => None,
                Some(Value::Bool(asked)) => Some(*asked),
                Some(_) => return None,
            },
        })
    }
}

impl Server {
    /// A new attempt; otherwise the code of the refusal.
    pub(crate) fn handshake(&mut self, hello: Handshake, pair: Pair) -> Result<String, String> {
        let fault = self.faults.take(Scope::default(), |kind| match kind {
            FaultKind::SsoDataNotApproved
            | FaultKind::AppTagInvalid
            | FaultKind::SsoServiceInvalid => Some(kind.name()),
            _ => None,
        });
        if let Some(code) = fault {
            return Err(code.to_owned());
        }
        let service = self.named_service(&hello)?;
        let wants_data = match service.family {
            Family::Seed => service.mode == Mode::Data,
            Family::AppData => hello.app_data == Some(true),
        };
        if wants_data && service.mode != Mode::Data {
            return Err("sso_data_not_approved".to_owned());
        }
        let key_differs = service
            .service_key
            .is_some_and(|key| key != hello.enc_public);
        if service.family == Family::AppData && key_differs {
            return Err("sso_service_key_mismatch".to_owned());
        }
        let tmp_id = self.random.uuid("tmp id");
        self.handshakes += 1;
        let attempt = Attempt {
            service,
            sign_public: hello.sign_public,
            pair: Arc::new(pair),
            name: hello.name,
            app_tag: hello.app_tag,
            wants_data,
            created: self.clock.elapsed(),
            number: self.handshakes,
            replay: Replay::default(),
            decision: Decision::Open,
        };
        self.journal.forget(&Identity::Tmp(tmp_id.clone()));
        self.attempts.insert(tmp_id.clone(), attempt);
        self.later(
            LIFE + AFTERLIFE,
            Event::Forget {
                tmp_id: tmp_id.clone(),
            },
        );
        self.hub.changed();
        Ok(tmp_id)
    }

    /// The service, of the family that the fields speak of (11.37).
    fn named_service(&self, hello: &Handshake) -> Result<Arc<Service>, String> {
        let refused = |code: &str| Err(code.to_owned());
        match (&hello.svc_id, &hello.app_tag) {
            (Some(_), _) if hello.app_data.is_some() => refused(PARAM),
            (Some(svc_id), _) => match self.services.by_svc_id(svc_id) {
                Some(service) if service.family == Family::Seed => Ok(Arc::clone(service)),
                _ => refused("sso_service_invalid"),
            },
            (None, Some(_)) if hello.app_data == Some(false) => refused(PARAM),
            (None, Some(app_tag)) => match self.services.by_app_tag(app_tag) {
                Some(service) => Ok(Arc::clone(service)),
                None if self.services.seed_by_tag(app_tag).is_some() => refused(PARAM),
                None => refused("app_tag_invalid"),
            },
            (None, None) => refused(PARAM),
        }
    }

    /// The service leaves `_res` out of its handshake answers (a switch).
    pub(crate) fn omits_res(&self, tmp_id: &str) -> bool {
        self.attempts.get(tmp_id).is_some_and(|attempt| {
            attempt.service.family == Family::Seed && attempt.service.switched("omit_res")
        })
    }
}
