use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use zeroize::Zeroizing;

use crate::id::{Family, TmpId};
use crate::keys::{
    BoxPublic, BoxSecret, ClientKeys, KeyLifetime, ServerKeys, SignPublic, SignSecret,
};
use crate::time::{Now, UnixTime};

use super::config::{ConfigError, LoginConfig};
use super::event::Output;
use super::phase::Phase;
use super::{Login, Progress};

/// Names the form, and its version in the last byte.
const MAGIC: [u8; 5] = *b"KLlg\x01";

/// An attempt put into bytes, so that another process can take it over (K 7.2).
///
/// The bytes hold the attempt's secret keys: seal them before they are stored, and drop them at
/// [`Suspended::expires`]. They are erased when this is dropped.
pub struct Suspended {
    bytes: Zeroizing<Vec<u8>>,
    expires: UnixTime,
}

impl Suspended {
    /// The secret bytes, for [`Login::resume`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The end of the attempt's life, by the service's clock.
    pub fn expires(&self) -> UnixTime {
        self.expires
    }
}

impl fmt::Debug for Suspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspended")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Why a suspended attempt cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResumeError {
    /// Its life is over.
    Expired,
    /// It was for another service than the configuration names.
    OtherService,
    /// The bytes are not what [`Login::suspend`] made, or another version made them.
    Malformed,
    /// The configuration must not be used with the attempt's keys.
    Config(ConfigError),
}

impl fmt::Display for ResumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the login attempt is over"),
            Self::OtherService => f.write_str("the login attempt is for another service"),
            Self::Malformed => f.write_str("these bytes hold no login attempt"),
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ResumeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Expired | Self::OtherService | Self::Malformed => None,
        }
    }
}

impl Login {
    /// The attempt as bytes, from which [`Login::resume`] goes on in another process.
    ///
    /// `None` before the service has given the attempt an id, and after its end. The attempt here
    /// goes on as if nothing had happened; when the other process connects, the service closes the
    /// connection of this one and it fails with [`LoginFailure::Superseded`].
    ///
    /// After every input drain [`poll_output`](Login::poll_output) until [`Output::Wait`].
    ///
    /// [`LoginFailure::Superseded`]: super::LoginFailure::Superseded
    pub fn suspend(&self, now: Now) -> Option<Suspended> {
        let tmp_id = self.tmp_id.as_ref().filter(|_| !self.phase.is_over())?;
        let left = self.expires.saturating_sub(self.elapsed.max(now.elapsed));
        let expires = now.unix.saturating_add(left.as_secs());
        let keys = self.keys();
        let server = self.server_keys();
        let name = self.config.service.name_on_wire();
        let mut out = Writer(Zeroizing::new(Vec::with_capacity(512)));
        out.put(&MAGIC);
        out.put(&[
            family_byte(self.line.family()),
            lifetime_byte(keys.lifetime()),
            u8::from(self.shown),
        ]);
        out.put(&expires.as_secs().to_be_bytes());
        out.put(keys.sign_secret().as_bytes());
        out.put(keys.box_secret().as_bytes());
        out.put(server.enc.as_bytes());
        out.put(server.sign.as_bytes());
        out.text(name)?;
        out.text(tmp_id.as_str())?;
        Some(Suspended {
            bytes: out.0,
            expires,
        })
    }

    /// Takes over an attempt that [`Login::suspend`] put into bytes.
    ///
    /// It connects under the same id with a fresh `sig`; the code that is shown stays good, and a
    /// result that was missed is sent again by the service or told by the poll. Life goes on where
    /// it was. `config` must name the same service. After this call, and after every input, drain
    /// [`poll_output`](Login::poll_output) until [`Output::Wait`].
    ///
    /// # Errors
    ///
    /// See [`ResumeError`].
    pub fn resume(config: LoginConfig, suspended: &[u8], now: Now) -> Result<Self, ResumeError> {
        let saved = Saved::read(suspended).ok_or(ResumeError::Malformed)?;
        if saved.family != config.service.family() || saved.name != config.service.name_on_wire() {
            return Err(ResumeError::OtherService);
        }
        config
            .check(saved.keys.lifetime())
            .map_err(ResumeError::Config)?;
        let left = saved.expires.saturating_secs_since(now.unix);
        if left == 0 {
            return Err(ResumeError::Expired);
        }
        // A clock that was set back must not lengthen the life.
        let left = Duration::from_secs(left).min(LoginConfig::MAX_LIFE);
        let mut login = Self::idle(config, Arc::new(saved.keys), saved.server, now);
        login.expires = now.elapsed.saturating_add(left);
        login.tmp_id = Some(saved.tmp_id.clone());
        login.put(Output::Progress(Progress::Waiting));
        if saved.shown {
            login.phase = Phase::TmpWait;
            login.show();
        } else {
            login.phase = Phase::TmpConnecting;
        }
        login.connect(now, saved.tmp_id);
        login.flush();
        Ok(login)
    }
}

/// What the bytes hold.
struct Saved<'a> {
    family: Family,
    shown: bool,
    expires: UnixTime,
    keys: ClientKeys,
    server: ServerKeys,
    name: &'a str,
    tmp_id: TmpId,
}

impl<'a> Saved<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut input = Reader(bytes);
        if input.array::<5>()? != &MAGIC {
            return None;
        }
        let [family, lifetime, shown] = *input.array()?;
        let family = match family {
            1 => Family::Seed,
            2 => Family::AppData,
            _ => return None,
        };
        let lifetime = match lifetime {
            1 => KeyLifetime::Fresh,
            2 => KeyLifetime::FixedSign,
            3 => KeyLifetime::Fixed,
            _ => return None,
        };
        let shown = match shown {
            0 => false,
            1 => true,
            _ => return None,
        };
        let expires = UnixTime::from_secs(u64::from_be_bytes(*input.array()?));
        let sign = SignSecret::from_bytes(input.array()?);
        let enc = BoxSecret::from_bytes(input.array()?);
        let server = ServerKeys {
            enc: BoxPublic::from_bytes(input.array()?).ok()?,
            sign: SignPublic::from_bytes(input.array()?).ok()?,
        };
        let name = input.text()?;
        let tmp_id = TmpId::parse(family, input.text()?).ok()?;
        input.0.is_empty().then(|| Self {
            family,
            shown,
            expires,
            keys: ClientKeys::from_parts(sign, enc, lifetime),
            server,
            name,
            tmp_id,
        })
    }
}

fn family_byte(family: Family) -> u8 {
    match family {
        Family::Seed => 1,
        Family::AppData => 2,
    }
}

fn lifetime_byte(lifetime: KeyLifetime) -> u8 {
    match lifetime {
        KeyLifetime::Fresh => 1,
        KeyLifetime::FixedSign => 2,
        KeyLifetime::Fixed => 3,
    }
}

/// Room for everything is reserved beforehand, so that nothing secret is left behind by growing.
struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// `None` above 255 bytes; ids and tags have 128 at most.
    fn text(&mut self, text: &str) -> Option<()> {
        self.put(&[u8::try_from(text.len()).ok()?]);
        self.put(text.as_bytes());
        Some(())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(head)
    }

    fn text(&mut self) -> Option<&'a str> {
        let [len] = *self.array()?;
        let (head, tail) = self.0.split_at_checked(len.into())?;
        self.0 = tail;
        core::str::from_utf8(head).ok()
    }
}
