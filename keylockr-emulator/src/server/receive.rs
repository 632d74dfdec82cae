//! Sockets and the frames that come in on them. Cryptography happens on what the lock handed
//! out ([`FrameKeys`]), outside of it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{
    Server,
    journal::Content,
    keys::Pair,
    replay::Seen,
    send::{Kind, PING_EVERY, err, ok, scope},
    sockets::Outgoing,
};
use crate::{
    agenda::Event,
    faults::{DropWhen, FaultKind},
    identity::Identity,
    line::PhoneLine,
    model::Direction,
    wire::{
        envelope::{Envelope, Inner, InnerRefused, MAX_FRAME, Window, Writer},
        error::WireError,
    },
};

/// What opens an identity's frames.
#[derive(Debug)]
pub(crate) struct FrameKeys {
    identity: Identity,
    sign_public: [u8; 32],
    pair: Arc<Pair>,
}

/// A frame whose seal is good.
#[derive(Debug)]
pub(crate) struct Opened {
    hash: [u8; 32],
    content: Result<Inner, InnerRefused>,
}

impl FrameKeys {
    /// Steps 1 to 7 of keylockr.md 3.4.
    pub(crate) fn open(&self, frame: &[u8]) -> Result<Opened, WireError> {
        let envelope = Envelope::decode(frame, MAX_FRAME, Writer::Client)?;
        let named = envelope.id().and_then(Identity::parse);
        if named.as_ref() != Some(&self.identity) {
            return Err(WireError::Identity);
        }
        let authentic = envelope.authenticate(&self.sign_public)?;
        let hash = *authentic.hash();
        match authentic.open(&self.pair.shared, Writer::Client) {
            Err(refused) if refused.error == WireError::Box => Err(WireError::Box),
            content => Ok(Opened { hash, content }),
        }
    }
}

impl Server {
    /// The key and window that judge the `sig` of an identity; with the service's time.
    pub(crate) fn sig_keys(&self, identity: &Identity) -> Option<([u8; 32], Window, u64)> {
        let (key, service) = match identity {
            Identity::Tmp(tmp_id) => {
                let attempt = self.attempt(tmp_id).ok()?;
                (attempt.sign_public, &attempt.service)
            }
            Identity::App(app_id) => {
                let connection = self.live_connection(app_id)?;
                (connection.sign_public, &connection.service)
            }
        };
        Some((key, service.window(), self.unix()))
    }

    /// Opens a socket for an identity that proved itself; says `connected` and what was kept.
    pub(crate) fn attach(
        &mut self,
        identity: &Identity,
    ) -> Option<(u64, mpsc::Receiver<Outgoing>)> {
        self.sig_keys(identity)?;
        let (number, outgoing) = self.sockets.open(identity);
        self.later(
            PING_EVERY,
            Event::Ping {
                identity: identity.clone(),
                socket: number,
            },
        );
        if !self.faults.takes(scope(identity), &FaultKind::NoConnected) {
            self.send(
                identity,
                Kind::Greeting,
                "connected",
                ok().with("status", "ok"),
            );
        }
        match identity {
            Identity::Tmp(tmp_id) => self.deliver(tmp_id),
            Identity::App(app_id) => self.waiting_faults(app_id),
        }
        self.hub.changed();
        Some((number, outgoing))
    }

    /// The client's end is gone.
    pub(crate) fn detach(&mut self, identity: &Identity, number: u64) {
        if self.sockets.gone(identity, number) {
            self.hub.changed();
        }
    }

    /// What is needed to open a frame of this socket; `None` when it is not listened to.
    pub(crate) fn frame_keys(&mut self, identity: &Identity, number: u64) -> Option<FrameKeys> {
        if !self.sockets.listens(identity, number) {
            return None;
        }
        let sign_public = match identity {
            Identity::Tmp(tmp_id) => self.attempts.get(tmp_id)?.sign_public,
            Identity::App(app_id) => self.live_connection(app_id)?.sign_public,
        };
        Some(FrameKeys {
            identity: identity.clone(),
            sign_public,
            pair: self.pair(identity)?,
        })
    }

    /// Answers an RFC 6455 ping of an in-process socket.
    pub(crate) fn pong(&mut self, identity: &Identity, number: u64, payload: Vec<u8>) {
        if self.sockets.listens(identity, number) {
            self.sockets.send(identity, Outgoing::Pong(payload));
        }
    }

    /// Closes a socket that broke a rule of the WebSocket layer.
    pub(crate) fn close_socket(&mut self, identity: &Identity, number: u64, code: u16) {
        if self.sockets.number(identity) == Some(number) {
            self.sockets.close(identity, code);
            self.hub.changed();
        }
    }

    /// Handles a frame that came in on a socket.
    pub(crate) fn received(
        &mut self,
        identity: &Identity,
        number: u64,
        frame: Result<Opened, WireError>,
        line: &mut dyn PhoneLine,
    ) {
        if !self.sockets.listens(identity, number) {
            return;
        }
        let on_request = |kind: &FaultKind| {
            matches!(
                kind,
                FaultKind::DropSocket {
                    when: DropWhen::Request
                }
            )
            .then_some(())
        };
        if self.faults.take(scope(identity), on_request).is_some() {
            self.sockets.cut(identity);
            self.hub.changed();
            return;
        }
        let opened = match frame {
            Ok(opened) => opened,
            Err(error) => {
                self.note(identity, Direction::C2s, Content::Refused(error));
                let code = if error == WireError::Size { 1009 } else { 1008 };
                self.close_socket(identity, number, code);
                return;
            }
        };
        match self.judge(identity, opened) {
            Ok((name, body)) => self.request(identity, &name, &body, line),
            Err((error, name)) => {
                self.note(identity, Direction::C2s, Content::Refused(error));
                let code = match error {
                    WireError::Time => "ts_invalid",
                    WireError::Replay => return,
                    _ => "param_invalid",
                };
                let name = name.unwrap_or_else(|| "error".to_owned());
                self.send(identity, Kind::Answer, &name, err(code));
            }
        }
    }

    /// Steps 8 to 10, with the name the answer goes to.
    fn judge(
        &mut self,
        identity: &Identity,
        opened: Opened,
    ) -> Result<(String, crate::wire::value::Map), (WireError, Option<String>)> {
        let (window, now) = match self.window(identity) {
            Some(window) => (window, self.unix()),
            None => return Err((WireError::Identity, None)),
        };
        let inner = opened
            .content
            .map_err(|refused| (refused.error, refused.name))?;
        let (name, ts) = (inner.name.clone(), inner.ts);
        let named = |error| (error, Some(name.clone()));
        if self
            .faults
            .takes(scope(identity), &FaultKind::ClientClockBad)
        {
            return Err(named(WireError::Time));
        }
        let body = inner
            .fresh(now, window)
            .and_then(Inner::joined)
            .map_err(named)?;
        let elapsed = self.clock.elapsed();
        let replay = match identity {
            Identity::Tmp(tmp_id) => self.attempts.get_mut(tmp_id).map(|it| &mut it.replay),
            Identity::App(app_id) => self.connection_mut(app_id).map(|it| &mut it.replay),
        };
        match replay.map(|replay| replay.check(elapsed, window, &opened.hash)) {
            Some(Seen::New) => {}
            // With a full memory nothing of this identity can be told from a replay any more (3.8).
            Some(Seen::Before | Seen::Full) | None => return Err(named(WireError::Replay)),
        }
        let content = Content::Frame {
            name: name.clone(),
            ts,
            body: Arc::new(body.clone()),
        };
        self.note(identity, Direction::C2s, content);
        Ok((name, body))
    }

    fn window(&self, identity: &Identity) -> Option<Window> {
        match identity {
            Identity::Tmp(tmp_id) => self
                .attempts
                .get(tmp_id)
                .map(|attempt| attempt.service.window()),
            Identity::App(app_id) => self
                .live_connection(app_id)
                .map(|connection| connection.service.window()),
        }
    }
}
