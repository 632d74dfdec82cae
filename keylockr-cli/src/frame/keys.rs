//! The keys of both sides, as far as they are known.

use std::{collections::BTreeMap, env, fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keylockr_client::proto::{BoxPublic, BoxSecret, SharedKey, SignPublic, SignSecret};
use zeroize::Zeroizing;

use crate::{console::Console, outcome::Trouble, source::Source};

/// The variable that is asked where no option is given.
const VARIABLE: &str = "KEYLOCKR_KEYS";

const NAMES: [&str; 8] = [
    "client_sign_sk",
    "client_sign_pk",
    "client_enc_sk",
    "client_enc_pk",
    "server_sign_sk",
    "server_sign_pk",
    "server_enc_sk",
    "server_enc_pk",
];

#[derive(Clone, clap::Args)]
pub(super) struct KeyOptions {
    /// A file with the keys, or `-`.
    #[arg(long, value_name = "FILE|-")]
    keys: Option<Source>,
    /// One more key. Other users of this machine can see it while the command runs.
    #[arg(long, value_name = "NAME=KEY")]
    key: Vec<NamedKey>,
}

/// A key as it was typed.
#[derive(Clone)]
struct NamedKey(String, Zeroizing<String>);

impl FromStr for NamedKey {
    type Err = std::convert::Infallible;

    /// Takes everything: the parser of the command line repeats what it refuses.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, key) = text.split_once('=').unwrap_or(("", text));
        Ok(Self(name.to_owned(), Zeroizing::new(key.to_owned())))
    }
}

impl fmt::Debug for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamedKey")
    }
}

/// One side of a connection. What is not given is not needed, or asked for by name.
#[derive(Default)]
pub(super) struct Side {
    sign_secret: Option<SignSecret>,
    sign_public: Option<SignPublic>,
    box_secret: Option<BoxSecret>,
    box_public: Option<BoxPublic>,
}

/// Both sides.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) client: Side,
    pub(super) server: Side,
}

impl KeyOptions {
    /// The source that the keys are read from, so that nothing else is read from it.
    pub(super) fn source(&self) -> Option<&Source> {
        self.keys.as_ref()
    }

    pub(super) fn read(&self, console: Console) -> Result<Keys, Trouble> {
        let mut keys = Keys::default();
        if let Some(source) = &self.keys {
            keys.add_document(&source.read()?, &source.name())?;
        } else if let Ok(text) = env::var(VARIABLE) {
            keys.add_document(Zeroizing::new(text).as_bytes(), VARIABLE)?;
        } else if self.key.is_empty() {
            return Err(Trouble::usage("there are no keys").with_fix(format!(
                "give a JSON object of them in a file with --keys, or in {VARIABLE}; `--help` says which"
            )));
        }
        if self
            .key
            .iter()
            .any(|NamedKey(name, _)| name.ends_with("_sk"))
        {
            console.warning(
                "a secret key on the command line can be seen by other users of this machine: prefer --keys FILE",
            );
        }
        for NamedKey(name, text) in &self.key {
            keys.add(name, text)?;
        }
        Ok(keys)
    }
}

impl Keys {
    fn add_document(&mut self, bytes: &[u8], place: &str) -> Result<(), Trouble> {
        let bad = || {
            Trouble::usage(format!("{place}: the keys are no JSON object of texts"))
                .with_fix("write {\"client_enc_sk\":\"…\",\"server_enc_pk\":\"…\",…}; `--help` lists the names")
        };
        // Erased whether or not they are used, and where a later one is no text.
        let members: BTreeMap<String, Zeroizing<String>> =
            serde_json::from_slice(bytes).map_err(|_| bad())?;
        for (name, text) in &members {
            self.add(name, text)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), Trouble> {
        // Not repeated: it may be a key, in the wrong place.
        let name = NAMES.into_iter().find(|known| *known == name);
        let name = name.ok_or_else(|| {
            Trouble::usage("one of the keys has a name that there is not").with_fix(format!(
                "write NAME=KEY; the names are {}",
                NAMES.join(", ")
            ))
        })?;
        let bytes = bytes(text).ok_or_else(|| {
            Trouble::usage(format!("{name} is not 32 bytes in hexadecimal or base64"))
        })?;
        let weak = |_| {
            Trouble::refused(format!("{name} is a key that nobody may use (E_KEY)"))
                .with_fix("it is of small order or no key at all: look where it comes from")
        };
        let (client, server) = (&mut self.client, &mut self.server);
        match name {
            "client_sign_sk" => client.sign_secret = Some(SignSecret::from_bytes(&bytes)),
            "client_sign_pk" => {
                client.sign_public = Some(SignPublic::from_bytes(&bytes).map_err(weak)?);
            }
            "client_enc_sk" => client.box_secret = Some(BoxSecret::from_bytes(&bytes)),
            "client_enc_pk" => {
                client.box_public = Some(BoxPublic::from_bytes(&bytes).map_err(weak)?);
            }
            "server_sign_sk" => server.sign_secret = Some(SignSecret::from_bytes(&bytes)),
            "server_sign_pk" => {
                server.sign_public = Some(SignPublic::from_bytes(&bytes).map_err(weak)?);
            }
            "server_enc_sk" => server.box_secret = Some(BoxSecret::from_bytes(&bytes)),
            _ => server.box_public = Some(BoxPublic::from_bytes(&bytes).map_err(weak)?),
        }
        Ok(())
    }

    /// The key of the box, which is one for both directions.
    pub(super) fn shared(&self) -> Result<SharedKey, Trouble> {
        let pair = match (&self.client.box_secret, self.server.box_public()) {
            (Some(own), Some(peer)) => Some((own, peer)),
            _ => self
                .server
                .box_secret
                .as_ref()
                .zip(self.client.box_public()),
        };
        let (own, peer) = pair.ok_or_else(|| {
            missing(
                "the box",
                "client_enc_sk and server_enc_pk, or server_enc_sk and client_enc_pk",
            )
        })?;
        SharedKey::agree(own, &peer)
            .map_err(|_| Trouble::refused("the two box keys agree on nothing (E_KEY)"))
    }
}

impl Side {
    pub(super) fn sign_public(&self) -> Option<SignPublic> {
        let derived = self.sign_secret.as_ref().map(SignSecret::public);
        self.sign_public.clone().or(derived)
    }

    pub(super) fn box_public(&self) -> Option<BoxPublic> {
        let derived = self.box_secret.as_ref().map(BoxSecret::public);
        self.box_public.clone().or(derived)
    }

    /// The writer's two secrets.
    pub(super) fn secrets(self) -> Option<(SignSecret, BoxSecret)> {
        self.sign_secret.zip(self.box_secret)
    }
}

/// Something cannot be done without these.
pub(super) fn missing(what: &str, keys: &str) -> Trouble {
    Trouble::usage(format!("keys are missing for {what}"))
        .with_fix(format!("add {keys} to the keys"))
}

fn bytes(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    if text.len() == 64 {
        hex::decode_to_slice(text, &mut *bytes).ok()?;
    } else {
        let decoded = Zeroizing::new(STANDARD.decode(text).ok()?);
        if decoded.len() != 32 {
            return None;
        }
        bytes.copy_from_slice(&decoded);
    }
    Some(bytes)
}
