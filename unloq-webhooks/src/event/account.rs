use std::{fmt, net::IpAddr};

use super::{Event, sealed::Read};
use crate::{fields::Fields, hook::Hook, id::UnloqId};

/// A user finished on-boarding.
///
/// This alone restores nobody's access: a genuine activation cannot be told from the replay of an
/// old one. Ask [`Verified::activation`](crate::Verified::activation) what may be done.
#[derive(Clone, PartialEq, Eq)]
pub struct Activate(Account);

/// A user finished deactivation. Take the access away at once.
#[derive(Clone, PartialEq, Eq)]
pub struct Deactivate(Account);

#[derive(Clone, PartialEq, Eq)]
struct Account {
    unloq_id: UnloqId,
    email: Option<Box<str>>,
    ip: Option<IpAddr>,
}

impl Account {
    fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
        fields.only(&["unloq_id", "email", "ip"])?;
        let unloq_id = fields.user("unloq_id")?.ok_or("unloq_id")?;
        let (email, ip) = fields.email_and_ip()?;
        Ok(Self {
            unloq_id,
            email,
            ip,
        })
    }

    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("unloq_id", &self.unloq_id)
            .finish_non_exhaustive()
    }
}

macro_rules! account_event {
    ($event:ident, $hook:expr) => {
        impl $event {
            /// Which user: the only field to know them by.
            pub fn unloq_id(&self) -> &UnloqId {
                &self.0.unloq_id
            }

            /// The e-mail address, for information: never find or create an account by it. `None`
            /// where the signed text has a second reading (section 2.4).
            pub fn email(&self) -> Option<&str> {
                self.0.email.as_deref()
            }

            /// The address the user came from, for information. Often unknown.
            pub fn ip(&self) -> Option<IpAddr> {
                self.0.ip
            }
        }

        impl Event for $event {
            const HOOK: Hook = $hook;

            fn user(&self) -> Option<UnloqId> {
                Some(self.0.unloq_id)
            }
        }

        impl Read for $event {
            fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
                Account::read(fields).map(Self)
            }
        }

        impl fmt::Debug for $event {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(stringify!($event), f)
            }
        }
    };
}

account_event!(Activate, Hook::Activate);
account_event!(Deactivate, Hook::Deactivate);
