//! The service and the phone, as far as a machine can tell: they seal frames with the crate's
//! server role, on a virtual clock. Nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::{
    AppTag, BoxSecret, ClientKeys, ClientPublic, DisplayName, Entropy, EntropyError, Family,
    Identity, KeyLifetime, Message, Now, Revision, ServerChannel, ServerKeys, Service, SignSecret,
    SvcId, UnixTime, Value, Window, WsSig,
};

pub(crate) const START: u64 = 1_785_000_000;
pub(crate) const TMP: &str = "3f2b8c1e-9a44-4d0b-8f6e-2c71d5a0e913";
pub(crate) const OTHER_TMP: &str = "aaaaaaaa-9a44-4d0b-8f6e-2c71d5a0e913";

/// An enum, and the array of all its members: none can be forgotten.
macro_rules! events {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$about:meta])* $event:ident,)+ }) => {
        $(#[$meta])*
        $vis enum $name {
            $($(#[$about])* $event,)+
        }

        impl $name {
            $vis const ALL: [Self; [$(stringify!($event)),+].len()] = [$(Self::$event),+];
        }
    };
}
pub(crate) use events;

/// Repeatable bytes that never repeat.
pub(crate) struct Seq(pub u64);

impl Entropy for Seq {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        for byte in dest {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }
}

/// A generator that is broken.
pub(crate) struct Broken;

impl Entropy for Broken {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

pub(crate) fn at(secs: u64) -> Now {
    Now::new(Duration::from_secs(secs), UnixTime::from_secs(START + secs))
}

pub(crate) fn client_keys(seed: u64, lifetime: KeyLifetime) -> Arc<ClientKeys> {
    Arc::new(ClientKeys::generate(&mut Seq(seed), lifetime).unwrap())
}

/// Which way a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Seed,
    SeedData,
    One,
    Two,
}

impl Dialect {
    pub(crate) const ALL: [Self; 4] = [Self::Seed, Self::SeedData, Self::One, Self::Two];

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Seed | Self::SeedData => Family::Seed,
            Self::One | Self::Two => Family::AppData,
        }
    }

    pub(crate) fn is_seed(self) -> bool {
        self.family() == Family::Seed
    }

    /// App data is asked for in `SeedData`, `One` and `Two`.
    pub(crate) fn service(self) -> Service {
        let app_tag = AppTag::parse("acme-web").unwrap();
        match self {
            Self::Seed => Service::Seed {
                svc_id: SvcId::parse("88").unwrap(),
                app_tag: None,
            },
            Self::SeedData => Service::Seed {
                svc_id: SvcId::parse("88").unwrap(),
                app_tag: Some(app_tag),
            },
            Self::One => Service::AppData {
                app_tag,
                app_data: true,
                minimum: Revision::One,
            },
            Self::Two => Service::AppData {
                app_tag,
                app_data: true,
                minimum: Revision::Two,
            },
        }
    }

    /// What an approval by this user looks like.
    pub(crate) fn approval(self, tmp_id: &str, app_id: &str, safe_id: &str) -> Value {
        match self {
            Self::Seed | Self::SeedData => map([
                ("_res", "ok".into()),
                ("sso_client_id", app_id.into()),
                ("safe_id", safe_id.into()),
            ]),
            Self::One => map([
                ("_res", "ok".into()),
                ("status", "done".into()),
                ("app_id", app_id.into()),
                ("safe_id", safe_id.into()),
                ("capabilities", list(["sso", "app_data"])),
                ("ver", "1".into()),
                ("data_plain", Value::Bin(vec![0x80])),
            ]),
            Self::Two => map([
                ("_res", "ok".into()),
                ("status", "done".into()),
                ("tmp_id", tmp_id.into()),
                ("app_id", app_id.into()),
                ("safe_id", safe_id.into()),
                ("capabilities", list(["app_data", "sso"])),
                ("ver", "1".into()),
                ("user_nickname", "Ada".into()),
            ]),
        }
    }

    /// What a refusal by the user looks like.
    pub(crate) fn denial(self, tmp_id: &str) -> Value {
        match self {
            Self::Two => map([
                ("_res", "ok".into()),
                ("tmp_id", tmp_id.into()),
                ("status", "error".into()),
                ("code", "authorization_denied".into()),
            ]),
            _ => refusal("authorization_denied"),
        }
    }
}

pub(crate) fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::from_members(members)
}

pub(crate) fn list<const N: usize>(items: [&str; N]) -> Value {
    Value::Array(items.into_iter().map(Value::from).collect())
}

pub(crate) fn ok() -> Value {
    map([("_res", "ok".into())])
}

pub(crate) fn greeting() -> Value {
    map([("_res", "ok".into()), ("status", "ok".into())])
}

pub(crate) fn refusal(code: &str) -> Value {
    map([("_res", "err".into()), ("code", code.into())])
}

/// A copy of a map with one member more, or another one.
pub(crate) fn with(body: &Value, name: &str, value: Value) -> Value {
    let Value::Map(members) = body else {
        panic!("a body is a map")
    };
    let mut members = members.clone();
    members.insert(name.into(), value);
    Value::Map(members)
}

/// A copy of a map without one member.
pub(crate) fn without(body: &Value, name: &str) -> Value {
    let Value::Map(members) = body else {
        panic!("a body is a map")
    };
    let mut members = members.clone();
    members.remove(name).expect("there is one");
    Value::Map(members)
}

/// The service.
pub(crate) struct Peer {
    sign: Arc<SignSecret>,
    enc: BoxSecret,
    entropy: Seq,
}

impl Peer {
    pub(crate) fn new(seed: u64) -> Self {
        let mut entropy = Seq(seed.wrapping_mul(77));
        Self {
            sign: Arc::new(SignSecret::generate(&mut entropy).unwrap()),
            enc: BoxSecret::generate(&mut entropy).unwrap(),
            entropy,
        }
    }

    pub(crate) fn keys(&self) -> ServerKeys {
        ServerKeys {
            enc: self.enc.public(),
            sign: self.sign.public(),
        }
    }

    fn channel(&self, client: &ClientKeys) -> ServerChannel {
        let public = ClientPublic {
            sign: client.sign_public().clone(),
            enc: client.box_public().clone(),
        };
        ServerChannel::new(&self.sign, &self.enc, &public, None).unwrap()
    }

    pub(crate) fn seal(
        &mut self,
        client: &ClientKeys,
        event: &str,
        ts: UnixTime,
        body: &Value,
    ) -> Vec<u8> {
        self.channel(client)
            .seal(event, ts, body, &[], &mut self.entropy)
            .unwrap()
    }

    pub(crate) fn open(&self, client: &ClientKeys, frame: &[u8], now: UnixTime) -> Message {
        self.channel(client)
            .open(frame, now, Window::SERVER_SEED)
            .unwrap()
    }

    /// Who connects, strictly checked.
    pub(crate) fn identity(&self, client: &ClientKeys, sig: &WsSig, now: UnixTime) -> Identity {
        let key = client.sign_public().clone();
        WsSig::open(sig.as_str(), now, Window::SERVER_SEED, |_| Some(key))
            .unwrap()
            .identity
    }
}

pub(crate) fn handshake_answer(tmp_id: &str) -> Vec<u8> {
    map([("_res", "ok".into()), ("tmp_id", tmp_id.into())]).encode()
}

pub(crate) fn name() -> DisplayName {
    DisplayName::parse("Acme Web, Firefox in Graz").unwrap()
}
