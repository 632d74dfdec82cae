use alloc::boxed::Box;
use alloc::string::ToString;

use crate::action::ConnectDone;
use crate::error::{Error, ErrorKind, ServerRefusal};
use crate::id::{Family, Revision, Service, TmpId};
use crate::push::{AuthOutcome, AuthResult, Grant};

use super::end::{Authorized, DataState, LoginEnd, LoginFailure};

/// What a result has to fit (K 7.4).
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) service: &'a Service,
    pub(crate) tmp_id: &'a TmpId,
}

impl Asked<'_> {
    /// Judges a result: what it belongs to, whether it is a refusal, and only then whom it names.
    pub(crate) fn judge(&self, result: AuthResult) -> Result<Box<Authorized>, LoginEnd> {
        let revision = match self.service.family() {
            Family::Seed => None,
            Family::AppData => Some(result.revision),
        };
        self.check_attempt(revision, &result)?;
        match result.outcome {
            AuthOutcome::Refused(refusal) => Err(refused(&refusal)),
            AuthOutcome::Granted(grant) => self.accept(revision, grant),
        }
    }

    /// A result that names an attempt must name ours, even to refuse; an approval of revision 2 must name one.
    fn check_attempt(
        &self,
        revision: Option<Revision>,
        result: &AuthResult,
    ) -> Result<(), LoginEnd> {
        let granted = matches!(result.outcome, AuthOutcome::Granted(_));
        match &result.tmp_id {
            Some(named) if named.matches(self.tmp_id) => Ok(()),
            None if revision != Some(Revision::Two) || !granted => Ok(()),
            _ => Err(failed(LoginFailure::ForeignResult)),
        }
    }

    fn accept(
        &self,
        revision: Option<Revision>,
        grant: Grant,
    ) -> Result<Box<Authorized>, LoginEnd> {
        let wants_data = self.service.wants_app_data();
        if let Service::AppData { minimum, .. } = self.service {
            if revision < Some(*minimum) {
                return Err(failed(LoginFailure::Revision));
            }
            if !grant
                .capabilities
                .is_some_and(|granted| granted.are_exactly(wants_data))
            {
                return Err(failed(LoginFailure::Capabilities));
            }
        }
        let data = if !wants_data {
            DataState::Absent
        } else if grant.data_deferred {
            DataState::Deferred
        } else {
            DataState::Here {
                plain: grant.data_plain,
                encrypted: grant.data_encrypted,
            }
        };
        Ok(Box::new(Authorized {
            app_id: grant.app_id,
            safe_id: grant.safe_id,
            nickname: grant.nickname,
            revision,
            ver: grant.ver,
            sender: None,
            // K 11.24: without app data this is a sign-in and nothing else.
            filekey: grant.filekey.filter(|_| wants_data),
            data,
        }))
    }
}

/// An approval that came by the poll alone. `None` when it does not say of what and by whom.
pub(crate) fn polled(done: ConnectDone) -> Option<Box<Authorized>> {
    Some(Box::new(Authorized {
        app_id: done.app_id?,
        safe_id: done.user_id?,
        nickname: done.nickname,
        revision: None,
        ver: None,
        sender: done.user_enc_pk,
        filekey: None,
        data: DataState::Absent,
    }))
}

/// Whether two approvals name the same connection and the same user (K 11.14).
pub(crate) fn agree(first: &Authorized, second: &Authorized) -> bool {
    first.app_id == second.app_id && first.safe_id == second.safe_id
}

/// Whether the poll names the connection and the user of the result, as far as it names any (K 11.2).
pub(crate) fn poll_agrees(result: &Authorized, done: &ConnectDone) -> bool {
    done.app_id.as_ref().is_none_or(|id| *id == result.app_id)
        && done.user_id.as_ref().is_none_or(|id| *id == result.safe_id)
}

/// The end that a refusal means: the user's no, or something wrong (K 7.5).
pub(crate) fn refused(refusal: &ServerRefusal) -> LoginEnd {
    let code = refusal.code().to_string();
    if refusal.is_denial() {
        LoginEnd::Denied { code }
    } else {
        failed(LoginFailure::Refused { code })
    }
}

/// The failure that an error means.
pub(crate) fn failure_of(error: &Error) -> LoginFailure {
    match (error.refusal(), error.kind()) {
        (Some(refusal), _) => LoginFailure::Refused {
            code: refusal.code().to_string(),
        },
        (None, ErrorKind::Entropy) => LoginFailure::Entropy,
        (None, kind) => LoginFailure::Protocol(kind),
    }
}

fn failed(failure: LoginFailure) -> LoginEnd {
    LoginEnd::Failed(failure)
}
