//! `POST M/start`.

use serde_json::json;

use super::Call;
use crate::{
    answer::Answer,
    attempt::{AttemptRecord, End, Failure},
    limits::START_WAIT,
    refusal::Refusal,
    request::Request,
    return_to::ReturnTo,
    starting::Begun,
    status::Status,
};

/// When trying again may help, once KeyLockr could not be reached.
const RETRY_AFTER: u32 = 5;

impl Call<'_> {
    pub(super) async fn start(&self, request: &Request) -> Result<Answer, Refusal> {
        let posted = self.posted(request)?;
        let next = ReturnTo::parse(posted.next.as_deref().unwrap_or("/"));
        let page = posted.form && self.head.accepts_html();
        let begun = match self.shared.begin(self.head, &next).await {
            Ok(begun) => begun,
            Err(refusal) if page => return self.page_that_failed(refusal, &next, None),
            Err(refusal) => return Err(refusal),
        };
        let Begun { record, cookie } = begun;
        let with_cookie = |answer: Answer| match &cookie {
            Some(cookie) => answer.header("set-cookie", cookie.clone()),
            None => answer,
        };
        let record = match self.after_handshake(record).await {
            Ok(record) => record,
            Err(refusal) if page => {
                return self.page_that_failed(refusal, &next, None).map(with_cookie);
            }
            Err(refusal) => return Ok(with_cookie(self.refuse(refusal))),
        };
        if page {
            return Ok(with_cookie(self.page_of(Some(&record.id))));
        }
        let status = Status::of(&record, self.shared.now());
        let (mount, id) = (&self.mount, &record.id);
        let answer = json!({
            "attempt": id,
            // How the handshake leaves it; from here on `status` and `events` tell.
            "status": "waiting",
            "qr": record.code.as_ref().map(|code| &code.0),
            "qr_svg": format!("{mount}/qr.svg?attempt={id}"),
            "events": format!("{mount}/events?attempt={id}"),
            "expires_in": status.expires_in,
            "next": next.as_str(),
        });
        Ok(with_cookie(Answer::json(201, &answer).private()))
    }

    /// Waits for the handshake. An attempt that KeyLockr does not answer is given up.
    async fn after_handshake(&self, record: AttemptRecord) -> Result<AttemptRecord, Refusal> {
        let id = record.id.clone();
        let waited = self
            .shared
            .wait_until(record, START_WAIT, |record| record.code.is_some())
            .await?;
        match waited {
            Some(record) if record.code.is_some() => Ok(record),
            Some(record) => {
                if record.is_live() {
                    let end = End::Failed(Failure::Unavailable);
                    self.shared.end(&id, end).await?;
                }
                Err(unavailable())
            }
            None => Err(unavailable()),
        }
    }
}

pub(super) fn unavailable() -> Refusal {
    Refusal::ServiceUnavailable {
        retry_after: RETRY_AFTER,
    }
}
