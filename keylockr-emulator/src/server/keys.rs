//! The service's own keys, and what they make together with a client's.

use std::sync::Arc;

use crate::{
    random::Random,
    wire::{
        crypto::{self, SignPair},
        error::WireError,
    },
};

/// One generation of server keys.
pub(crate) struct ServerKeys {
    pub(crate) enc_public: [u8; 32],
    enc_secret: [u8; 32],
    pub(crate) sign: SignPair,
    sign_seed: [u8; 32],
}

impl ServerKeys {
    pub(crate) fn generate(random: &mut Random) -> Self {
        Self::from_secrets(random.bytes("server enc"), random.bytes("server sign"))
    }

    pub(crate) fn from_secrets(enc_secret: [u8; 32], sign_seed: [u8; 32]) -> Self {
        Self {
            enc_public: crypto::box_public_of(&enc_secret),
            enc_secret,
            sign: SignPair::from_seed(&sign_seed),
            sign_seed,
        }
    }

    /// Box secret and signing seed, for the state file.
    pub(crate) fn secrets(&self) -> ([u8; 32], [u8; 32]) {
        (self.enc_secret, self.sign_seed)
    }
}

impl std::fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerKeys")
            .field("enc_public", &self.enc_public)
            .finish_non_exhaustive()
    }
}

/// Server keys and one client's box key: all that a frame needs.
pub(crate) struct Pair {
    pub(crate) server: Arc<ServerKeys>,
    pub(crate) client_public: [u8; 32],
    pub(crate) shared: [u8; 32],
}

impl Pair {
    pub(crate) fn new(server: &Arc<ServerKeys>, client_public: &[u8]) -> Result<Self, WireError> {
        let client_public = crypto::box_public(client_public)?;
        let shared = crypto::shared_key(&client_public, &server.enc_secret)?;
        Ok(Self {
            server: Arc::clone(server),
            client_public,
            shared,
        })
    }

    /// The same client under the keys of now.
    pub(crate) fn current(self: &Arc<Self>, server: &Arc<ServerKeys>) -> Arc<Self> {
        if Arc::ptr_eq(&self.server, server) {
            return Arc::clone(self);
        }
        // The client's key was accepted before, and no server key makes a good one weak.
        Self::new(server, &self.client_public).map_or_else(|_| Arc::clone(self), Arc::new)
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("client_public", &self.client_public)
            .finish_non_exhaustive()
    }
}
