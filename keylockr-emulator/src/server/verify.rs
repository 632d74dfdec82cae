//! `app_verify` (keylockr.md 4.2, 12.3).

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde_json::{Map as Fields, Value as Json, json};

use super::{Server, service::Service};
use crate::{
    faults::{FaultKind, Scope},
    model::Family,
    wire::{crypto, text},
};

/// An answer to `app_verify`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VerifyReply {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The caller waits this long for it.
    pub(crate) delay: Duration,
}

impl VerifyReply {
    fn now(body: &Json) -> Self {
        Self {
            status: 200,
            body: body.to_string(),
            delay: Duration::ZERO,
        }
    }
}

impl Server {
    /// Judges a request whose body is a JSON object.
    pub(crate) fn verify(&mut self, fields: &Fields<String, Json>, peer: IpAddr) -> VerifyReply {
        let refused = |code: &str| VerifyReply::now(&json!({ "_res": "err", "code": code }));
        let service = match self.verified_service(fields) {
            Ok(service) => service,
            Err(code) => return refused(code),
        };
        let id_name = match service.family {
            Family::Seed => "sso_client_id",
            Family::AppData => "app_id",
        };
        let app_id = text_of(fields, id_name);
        let scope = Scope {
            app_id: app_id.as_deref(),
            tmp_id: None,
        };
        let trouble = self.faults.take(scope, |kind| match kind {
            FaultKind::IpNotAllowed
            | FaultKind::VerifyFalse
            | FaultKind::VerifyGarbage
            | FaultKind::VerifyTimeout { .. }
            | FaultKind::Http500 => Some(kind.clone()),
            _ => None,
        });
        let ip_refused = !service.allows(peer) || trouble == Some(FaultKind::IpNotAllowed);
        let mut reply = if ip_refused {
            refused("ip_not_allowed")
        } else {
            VerifyReply::now(&self.verdict(&service, app_id.as_deref(), fields))
        };
        match trouble {
            Some(FaultKind::VerifyFalse) => {
                reply = VerifyReply::now(&json!({ "_res": "ok", "valid": false }));
            }
            Some(FaultKind::VerifyGarbage) => {
                "{\"_res\":\"ok\",\"valid\":\"yes\"".clone_into(&mut reply.body);
            }
            Some(FaultKind::VerifyTimeout { seconds }) => {
                reply.delay = Duration::from_secs(seconds);
            }
            Some(FaultKind::Http500) => {
                reply.status = 500;
                "{}".clone_into(&mut reply.body);
            }
            _ => {}
        }
        reply
    }

    fn verified_service(
        &self,
        fields: &Fields<String, Json>,
    ) -> Result<Arc<Service>, &'static str> {
        match (text_of(fields, "svc_id"), text_of(fields, "app_tag")) {
            (Some(svc_id), _) => match self.services.by_svc_id(&svc_id) {
                Some(service) if service.family == Family::Seed => Ok(Arc::clone(service)),
                _ => Err("sso_service_invalid"),
            },
            (None, Some(app_tag)) => self
                .services
                .by_app_tag(&app_tag)
                .map(Arc::clone)
                .ok_or("app_tag_invalid"),
            (None, None) => Err("param_invalid"),
        }
    }

    fn verdict(
        &self,
        service: &Service,
        app_id: Option<&str>,
        fields: &Fields<String, Json>,
    ) -> Json {
        let safe_id = text_of(fields, "safe_id");
        let key = fields
            .get("sign_pk")
            .and_then(Json::as_str)
            .and_then(text::from_base64);
        let found = app_id
            .and_then(|app_id| self.live_connection(app_id))
            .filter(|connection| {
                connection.service.svc_id == service.svc_id
                    && Some(&connection.safe_id) == safe_id.as_ref()
                    && key.is_some_and(|key| crypto::same(&key, &connection.sign_public))
            });
        match found.and_then(|connection| self.accounts.get(&connection.safe_id)) {
            Some(account) => json!({
                "_res": "ok",
                "valid": true,
                "nickname": account.registration.nickname,
            }),
            None => json!({ "_res": "ok", "valid": false }),
        }
    }
}

/// Text, or an integer as decimal text.
fn text_of(fields: &Fields<String, Json>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => number.as_u64().map(|n| n.to_string()),
        _ => None,
    }
}
