//! The note that only its owner's phone opens: what this site keeps of it, and how it gets at the
//! key. In the memory of this process, even where others share a Redis: a site of any size asks its database.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use subtle::ConstantTimeEq;
use unloq_client::{
    CheckValue, Error, ErrorCode, KeyContext, KeyError, KeyRequest, RecordKey, Salt, UnloqId,
};

use super::{
    Inner,
    sign_in::is_theirs,
    visit::{Asked, Member},
};
use crate::keylockr_login::Zeroizing;

/// Stays the same for ever, or no note can be read again.
const APPLICATION: &str = "acme-notes";
const PURPOSE: &str = "notes";

/// All that is kept: what a thief of the database would have.
pub(crate) struct Notes {
    salt: Salt,
    kept: Mutex<HashMap<UnloqId, Kept>>,
}

#[derive(Default)]
struct Kept {
    /// Tells whether the key is the one of last time.
    check: Option<CheckValue>,
    sealed: Option<Vec<u8>>,
}

impl Notes {
    pub(crate) fn new() -> Result<Self, KeyError> {
        Ok(Self {
            salt: Salt::generate()?,
            kept: Mutex::default(),
        })
    }

    /// The sealed note, as it is kept.
    pub(crate) fn sealed(&self, user: UnloqId) -> Option<Vec<u8>> {
        self.kept().get(&user).and_then(|kept| kept.sealed.clone())
    }

    fn check(&self, user: UnloqId) -> Option<CheckValue> {
        self.kept().get(&user).and_then(|kept| kept.check.clone())
    }

    /// Keeps the first check value; a later one must be the same.
    fn keep_check(&self, user: UnloqId, new: &CheckValue) -> Result<(), KeyError> {
        let mut kept = self.kept();
        let check = &mut kept.entry(user).or_default().check;
        let known = check.get_or_insert_with(|| new.clone());
        match bool::from(known.as_bytes().ct_eq(new.as_bytes())) {
            true => Ok(()),
            false => Err(KeyError::KeyMismatch),
        }
    }

    /// Keeps `sealed` where `before` is still what is kept.
    fn replace(
        &self,
        user: UnloqId,
        before: Option<&[u8]>,
        sealed: Vec<u8>,
    ) -> Result<(), Trouble> {
        let mut kept = self.kept();
        let place = &mut kept.entry(user).or_default().sealed;
        if place.as_deref() != before {
            return Err(Trouble::Changed);
        }
        *place = Some(sealed);
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<UnloqId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The words of the note, once its owner's phone has approved.
    pub(crate) async fn open_note(
        &self,
        member: &Member,
        asked: &Asked,
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let sealed = self.notes.sealed(member.id).ok_or(Trouble::Nothing)?;
        let key = self.key(member, asked, "to show your note").await?;
        let opened = key.open(&record(member), &sealed);
        opened.map_err(|error| {
            tracing::error!(user = %member.id, %error, "a note does not open");
            Trouble::Damaged
        })
    }

    /// Seals new words and keeps them in the place of `before`, once the phone has approved.
    pub(crate) async fn replace_note(
        &self,
        member: &Member,
        asked: &Asked,
        words: &[u8],
        before: Option<&[u8]>,
    ) -> Result<(), Trouble> {
        let key = self.key(member, asked, "to lock your new note").await?;
        let sealed = key.seal(&record(member), words).map_err(|error| {
            tracing::error!(user = %member.id, %error, "a note cannot be sealed");
            Trouble::Unreachable
        })?;
        self.notes.replace(member.id, before, sealed)
    }

    /// The key of the member's notes. It lives for one operation: nobody keeps it.
    async fn key(&self, member: &Member, asked: &Asked, why: &str) -> Result<RecordKey, Trouble> {
        if !self.limit.admits(asked.peer, crate::clock::now()) {
            return Err(Trouble::TooMany);
        }
        let ring = self.ringing.begin(member.email.as_str());
        let _ring = ring.ok_or(Trouble::Ringing)?;
        let checked = async {
            let pair = self.pool.take().await?;
            let mut ask = KeyRequest::new(member.id, why);
            if let Some(peer) = asked.peer {
                ask = ask.ip(peer);
            }
            let key = self.client.personal_key(&ask, pair).await?;
            let context = KeyContext::new(APPLICATION, self.notes.salt, member.id)?;
            let key = match self.notes.check(member.id) {
                Some(check) => key.check(&context, &check)?,
                None => {
                    let (key, check) = key.first_use(&context)?;
                    self.notes.keep_check(member.id, &check)?;
                    key
                }
            };
            Ok::<_, Error>(key.derive(&context, PURPOSE)?)
        };
        checked.await.map_err(|error| {
            tracing::warn!(user = %member.id, %error, "no key for a note");
            Trouble::of(&error)
        })
    }
}

/// Bound to the person: nobody's note opens in another's place.
fn record(member: &Member) -> Vec<u8> {
    format!("note/{}", member.id).into_bytes()
}

/// Why a note was not opened or sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no note.
    Nothing,
    /// Somebody else replaced it.
    Changed,
    /// The phone said no.
    Denied,
    /// The phone said nothing.
    TimedOut,
    /// The phone is being asked already.
    Ringing,
    /// There is no phone.
    NoPhone,
    TooMany,
    /// The key is another one than last time.
    OtherKey,
    /// The key did not arrive as it must.
    BadKey,
    /// The note does not open with the right key.
    Damaged,
    /// UNLOQ, or something of ours, is away.
    Unreachable,
}

impl Trouble {
    fn of(error: &Error) -> Self {
        match error.code() {
            Some(ErrorCode::Denied | ErrorCode::OtpRequired) => return Self::Denied,
            Some(ErrorCode::ApprovalTimeout) => return Self::TimedOut,
            Some(ErrorCode::NoDevice | ErrorCode::PushUnregistered) => return Self::NoPhone,
            Some(ErrorCode::Throttled | ErrorCode::Blocked) => return Self::TooMany,
            _ => {}
        }
        match error {
            Error::Key(KeyError::KeyMismatch) => Self::OtherKey,
            Error::Key(KeyError::NotEncrypted | KeyError::DecryptFailed | KeyError::WrongUser) => {
                Self::BadKey
            }
            Error::Timeout { .. } => Self::TimedOut,
            Error::Refused { refusal, .. } if is_theirs(refusal) => Self::NoPhone,
            _ => Self::Unreachable,
        }
    }

    /// The status of the page that says so.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Nothing => 404,
            Self::Changed | Self::NoPhone => 409,
            Self::Denied => 403,
            Self::TimedOut => 423,
            Self::Ringing | Self::TooMany => 429,
            Self::OtherKey | Self::BadKey | Self::Damaged => 502,
            Self::Unreachable => 503,
        }
    }

    /// One sentence or two for the person.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Nothing => "There is no note yet.",
            Self::Changed => {
                "Your note was changed elsewhere in the meantime. Nothing was overwritten yet; saving again replaces it."
            }
            Self::Denied => "You refused on your phone, so the note stays locked.",
            Self::TimedOut => "Your phone did not answer in time, so the note stays locked.",
            Self::Ringing => "Your phone is being asked already. Look at it.",
            Self::NoPhone => "UNLOQ cannot ask your phone, so the note stays locked.",
            Self::TooMany => "Too many requests. Wait a minute, please.",
            Self::OtherKey => {
                "This is not the key that you used here before. Somebody may have changed it, so nothing was opened or locked with it."
            }
            Self::BadKey => "Your key did not arrive as it must, so it was not used.",
            Self::Damaged => "The note cannot be opened. What is kept was changed, or was damaged.",
            Self::Unreachable => "UNLOQ cannot be reached right now. Nothing was changed.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_check_value_stays() {
        let notes = Notes::new().unwrap();
        let user = UnloqId::parse("77").unwrap();
        let check = |byte| CheckValue::from_bytes([byte; 32]);
        notes.keep_check(user, &check(1)).unwrap();
        notes.keep_check(user, &check(1)).unwrap();
        let swapped = notes.keep_check(user, &check(2));
        assert_eq!(
            swapped,
            Err(KeyError::KeyMismatch),
            "two first uses at once"
        );
        assert_eq!(notes.check(user).unwrap().as_bytes(), &[1; 32]);
        assert!(notes.check(UnloqId::parse("78").unwrap()).is_none());
    }

    #[test]
    fn only_what_was_seen_is_replaced() {
        let notes = Notes::new().unwrap();
        let user = UnloqId::parse("77").unwrap();
        notes.replace(user, None, vec![1]).unwrap();
        assert_eq!(notes.replace(user, None, vec![2]), Err(Trouble::Changed));
        assert_eq!(notes.sealed(user), Some(vec![1]));
        notes.replace(user, Some(&[1]), vec![3]).unwrap();
        assert_eq!(notes.sealed(user), Some(vec![3]));
    }
}
