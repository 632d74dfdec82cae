//! `POST M/challenge`: an attempt for a browser that holds its own keys (K 7.8).

use keylockr_proto::SignPublic;
use serde::Deserialize;
use serde_json::json;

use super::Call;
use crate::{
    answer::Answer, body::Members, refusal::Refusal, request::Request, return_to::ReturnTo,
};

/// What such a browser registers.
#[derive(Default, Deserialize)]
struct Registration {
    sign_pk: Option<String>,
    next: Option<String>,
}

impl Members for Registration {
    fn member(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "sign_pk" => Some(&mut self.sign_pk),
            "next" => Some(&mut self.next),
            _ => None,
        }
    }
}

impl Call<'_> {
    /// The browser makes the handshake itself, so nothing is asked of KeyLockr here.
    pub(super) async fn challenge(&self, request: &Request) -> Result<Answer, Refusal> {
        let (_, registration) = self.posted_members::<Registration>(request)?;
        let sign = registration.sign_pk.ok_or(Refusal::Malformed)?;
        let sign = SignPublic::from_base64(&sign).map_err(|_| Refusal::Malformed)?;
        let next = ReturnTo::parse(registration.next.as_deref().unwrap_or("/"));
        let origin = self.origin()?;
        let (begun, held) = self.shared.begin_with_key(self.head, &next, sign).await?;
        let answer = json!({
            "attempt_id": begun.record.id,
            "challenge": held.challenge_text(),
            "svc_id": self.shared.service.name_on_wire(),
            "aud": origin,
        });
        let answer = Answer::json(201, &answer).private();
        Ok(match begun.cookie {
            Some(cookie) => answer.header("set-cookie", cookie),
            None => answer,
        })
    }
}
