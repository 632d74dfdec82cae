//! The checks.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keylockr_client::{
    Endpoint, Socket, SocketError, SocketEvent,
    proto::{
        AppId, Channel, DisplayName, ErrorKind, Family, HandshakeRequest, Identity, Revision,
        SafeId, ServerKeys, TmpId, VerifyOutcome, VerifyRequest, Window, WsSig, handshake_reply,
    },
};
use tokio::time::timeout;

use super::{
    Patient, contact,
    finding::{Check, Finding},
};
use crate::{advice, console::plain, outcome::Trouble};

/// How far off a clock may be before somebody should look, in seconds. The client corrects more than
/// that; the seed family's service, were it not corrected, less.
const DRIFT: i64 = 60;
/// How long we wait for a greeting (K 5.3; the seed family may leave it out, and then says so sooner).
const GREETING: Duration = Duration::from_secs(5);

impl Patient<'_> {
    pub(super) async fn clock(&self) -> Finding {
        if let Err(error) = self.client.health().await {
            let drifted = matches!(
                error,
                keylockr_client::Error::ClockDrift { .. }
                    | keylockr_client::Error::ClockAbsurd { .. }
            );
            let finding =
                Finding::trouble(Check::Clock, &contact::explain(&self.api, &error).await);
            return if drifted { finding.answered() } else { finding };
        }
        let drift = self.client.clock().drift();
        if drift.abs() > DRIFT {
            return Finding::trouble(Check::Clock, &contact::clock(drift)).answered();
        }
        let way = if drift < 0 { "behind" } else { "ahead" };
        Finding::ok(Check::Clock, format!("{} s {way}", drift.abs()))
    }

    pub(super) async fn keys(&self) -> (Finding, Option<ServerKeys>) {
        match self.server_keys().await {
            Ok(keys) => {
                let detail = format!(
                    "box {}, signing {}",
                    keys.enc.to_base64(),
                    keys.sign.to_base64()
                );
                (Finding::ok(Check::Keys, detail), Some(keys))
            }
            Err(trouble) => (Finding::trouble(Check::Keys, &trouble), None),
        }
    }

    async fn server_keys(&self) -> Result<ServerKeys, Trouble> {
        let (enc, sign) = tokio::join!(self.key(Endpoint::KeyEnc), self.key(Endpoint::KeySign));
        let (enc, sign) = (enc?, sign?);
        ServerKeys::from_base64(&enc, &sign).map_err(|_| {
            Trouble::refused("KeyLockr serves a weak key, under which anybody could speak for it")
                .with_fix("do not sign anybody in: check --api (KEYLOCKR_API), and tell KeyLockr")
        })
    }

    /// 32 bytes in base64, of whatever strength.
    async fn key(&self, endpoint: Endpoint) -> Result<String, Trouble> {
        let answer = self.api.get(&self.api.path(endpoint)).await;
        let answer = answer.map_err(|error| contact::wire(&self.api, &error))?;
        let text = std::str::from_utf8(answer.body.trim_ascii()).unwrap_or_default();
        let is_key = STANDARD.decode(text).is_ok_and(|key| key.len() == 32);
        if answer.is_success() && is_key {
            return Ok(text.to_owned());
        }
        Err(contact::answered(&self.api, endpoint, &answer).await)
    }

    pub(super) async fn handshake(&self) -> (Finding, Option<TmpId>) {
        match self.attempt().await {
            Ok(tmp_id) => {
                let name = plain(self.service.name_on_wire(), 128);
                let detail = format!("KeyLockr knows `{name}`");
                (Finding::ok(Check::Handshake, detail), Some(tmp_id))
            }
            Err(trouble) => (Finding::trouble(Check::Handshake, &trouble), None),
        }
    }

    async fn attempt(&self) -> Result<TmpId, Trouble> {
        let name = DisplayName::parse("keylockr doctor")
            .map_err(|error| Trouble::refused(error.to_string()))?;
        let request = HandshakeRequest {
            service: &self.service,
            name: &name,
            sign: self.keys.sign_public(),
            enc: self.keys.box_public(),
        };
        let answer = self.api.post(
            Endpoint::Handshake,
            "application/octet-stream",
            request.encode(),
        );
        let answer = answer
            .await
            .map_err(|error| contact::wire(&self.api, &error))?;
        if !answer.is_success() {
            return Err(contact::answered(&self.api, Endpoint::Handshake, &answer).await);
        }
        match handshake_reply(self.service.family(), &answer.body) {
            Ok(tmp_id) => Ok(tmp_id),
            Err(error) => Err(match error.refusal() {
                Some(refusal) => advice::refusal(refusal.code(), self.options),
                None => contact::answered(&self.api, Endpoint::Handshake, &answer).await,
            }),
        }
    }

    pub(super) async fn websocket(&self, server: &ServerKeys, tmp_id: TmpId) -> Finding {
        match self.greeting(server, tmp_id).await {
            Ok(detail) => Finding::ok(Check::WebSocket, detail),
            Err(trouble) => Finding::trouble(Check::WebSocket, &trouble),
        }
    }

    async fn greeting(&self, server: &ServerKeys, tmp_id: TmpId) -> Result<&'static str, Trouble> {
        let identity = Identity::Tmp(tmp_id);
        let sig = WsSig::new(&identity, self.client.now().unix, &self.keys);
        let mut socket = self
            .api
            .open(sig)
            .await
            .map_err(|error| self.refused(&error))?;
        let heard = timeout(GREETING, greeting(&mut *socket)).await;
        socket.close(1000).await;
        let frame = match heard {
            Ok(frame) => frame?,
            Err(_) if self.service.family() == Family::Seed => {
                return Ok("open; no greeting, which this family may leave out");
            }
            Err(_) => {
                return Err(Trouble::refused("the WebSocket opened and KeyLockr said nothing")
                    .with_fix("a proxy in between may hold WebSocket messages back: let it pass them on at once"));
            }
        };
        self.read(server, identity, &frame)
    }

    fn read(
        &self,
        server: &ServerKeys,
        identity: Identity,
        frame: &[u8],
    ) -> Result<&'static str, Trouble> {
        let opened = Channel::new(&self.keys, server, identity)
            .and_then(|channel| channel.open(frame, self.client.now().unix, Window::CLIENT));
        match opened {
            Ok(message) if message.name() == "connected" => Ok("open, and greeted"),
            Ok(message) => Err(Trouble::refused(format!(
                "KeyLockr greeted with `{}`",
                plain(message.name(), 64)
            ))
            .with_fix("check --family")),
            Err(error) => Err(Trouble::refused(format!(
                "KeyLockr's greeting cannot be opened ({})",
                error.kind()
            ))
            .with_fix(match error.kind() {
                ErrorKind::Time => advice::CLOCK,
                _ => "the keys and the WebSocket come from different services: check --api (KEYLOCKR_API) and the proxies in between; if it lasts, tell KeyLockr",
            })),
        }
    }

    fn refused(&self, error: &SocketError) -> Trouble {
        match error {
            SocketError::Failed(error) => contact::wire(&self.api, error),
            SocketError::Refused(401) => {
                Trouble::refused("KeyLockr does not accept our WebSocket (status 401)")
                    .with_fix(advice::CLOCK)
            }
            SocketError::Refused(status) => Trouble::refused(format!(
                "the WebSocket is answered with status {status} in place of 101"
            ))
            .with_fix(
                "a proxy in between has to pass the upgrade on: `Connection: Upgrade`, HTTP/1.1",
            ),
            other => Trouble::refused(other.to_string()),
        }
    }

    pub(super) async fn app_verify(&self) -> Finding {
        match self.verify().await {
            Ok(detail) => Finding::ok(Check::AppVerify, detail),
            Err(trouble) => Finding::trouble(Check::AppVerify, &trouble),
        }
    }

    /// Asks after a connection that there cannot be: a definite no is the right answer.
    async fn verify(&self) -> Result<&'static str, Trouble> {
        let family = self.service.family();
        let made_up = |error: keylockr_client::proto::Error| Trouble::refused(error.to_string());
        let request = VerifyRequest {
            service: self.service.clone(),
            app_id: AppId::parse(family, Revision::One, "2147483647").map_err(made_up)?,
            safe_id: SafeId::parse(family, Revision::One, "2147483647").map_err(made_up)?,
            sign: self.keys.sign_public().clone(),
        };
        let answer = self
            .api
            .post(Endpoint::Verify, "application/json", request.to_json());
        let answer = answer
            .await
            .map_err(|error| contact::wire(&self.api, &error))?;
        match VerifyOutcome::from_response(answer.status, &answer.body) {
            VerifyOutcome::Invalid => Ok("answers this machine"),
            VerifyOutcome::Valid { .. } => Err(Trouble::refused(
                "KeyLockr vouches for a connection that does not exist",
            )
            .with_fix("do not sign anybody in: check --api (KEYLOCKR_API), and tell KeyLockr")),
            VerifyOutcome::Failed {
                refusal: Some(refusal),
            } => Err(advice::refusal(refusal.code(), self.options)),
            VerifyOutcome::Failed { refusal: None } => {
                Err(contact::answered(&self.api, Endpoint::Verify, &answer).await)
            }
        }
    }
}

/// The first message.
async fn greeting(socket: &mut dyn Socket) -> Result<Vec<u8>, Trouble> {
    let broken = |why: String| {
        Trouble::refused(format!("the WebSocket opened and ended at once ({why})"))
            .with_fix("check the proxies in between, and --api (KEYLOCKR_API)")
    };
    loop {
        match socket.receive().await {
            Ok(SocketEvent::Binary(frame)) => return Ok(frame.to_vec()),
            Ok(SocketEvent::Closed { code }) => {
                return Err(broken(match code {
                    Some(code) => format!("code {code}"),
                    None => "no code".to_owned(),
                }));
            }
            Ok(SocketEvent::Oversized) => return Err(broken("too large a message".to_owned())),
            Ok(_) => {}
            Err(error) => return Err(broken(error.to_string())),
        }
    }
}
