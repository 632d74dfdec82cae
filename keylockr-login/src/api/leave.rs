//! `POST M/cancel` and `POST M/logout`.

use super::Call;
use crate::{
    answer::Answer, attempt::End, metrics::Access, refusal::Refusal, request::Request,
    session::HttpSession, sessions::session_failed, starting::Ending,
};

impl Call<'_> {
    pub(super) async fn cancel(&self, request: &Request) -> Result<Answer, Refusal> {
        let posted = self.posted(request)?;
        let record = self.attempt(posted.attempt.as_deref()).await?;
        if let Some(record) = &record {
            // Confirmed only when it is stored: no session comes of this attempt from here on.
            let ending = self.shared.end(&record.id, End::Cancelled).await?;
            if ending == Ending::TooLate && !posted.form {
                return Err(Refusal::AttemptEnded);
            }
        }
        if posted.form {
            return Ok(self.page_of(record.as_ref().map(|record| &record.id)));
        }
        Ok(Answer::empty(204).private())
    }

    pub(super) async fn logout<S: HttpSession>(
        &self,
        request: &Request,
        session: &S,
    ) -> Result<Answer, Refusal> {
        let posted = self.posted(request)?;
        let shared = self.shared;
        if let Some(record) = shared.read_session(session).await? {
            // First the record's handle: a slow request may still write the record back.
            shared.revoke_session(&record).await;
            shared
                .session_gate
                .pass(session.sign_out())
                .await
                .map_err(|_| session_failed(Access::Write))?;
            tracing::info!(
                name: "keylockr.session.ended",
                safe_id = record.safe_id(),
                why = "signed out",
                "ended"
            );
            shared.leave_connection(&record, shared.deletes_connections);
        }
        Ok(if posted.form {
            Answer::see_other("/").private()
        } else {
            Answer::empty(204).private()
        })
    }
}
