//! `GET M` as a phone on the same device opens it after the approval (K 7.7).

use super::Call;
use crate::{
    agent,
    answer::Answer,
    attempt::AttemptRecord,
    body,
    refusal::Refusal,
    returning::{RESULT, RETURN_ID, ReturnedFrame},
    store::Change,
};

impl Call<'_> {
    /// Sends whoever comes back on to the clean address of their attempt, before any page is made
    /// of this one, and passes on what the phone brought along. `None`: nobody comes back.
    ///
    /// The way back leads to an attempt that this browser has, or to a page without one. It begins
    /// none, and what comes along has no other effect than the same frame from KeyLockr would have.
    pub(super) async fn came_back(&self) -> Result<Option<Answer>, Refusal> {
        if !body::has_query(self.head, RETURN_ID) && !body::has_query(self.head, RESULT) {
            return Ok(None);
        }
        let Some(record) = self.attempt_come_back_to().await? else {
            // An attempt that is nobody's: unlike the plain page, it starts none.
            return Ok(Some(self.page_of_no_attempt()));
        };
        // Without a frame, or with one that cannot be right, KeyLockr repeats its result.
        let frame = body::query(self.head, RESULT).and_then(|text| ReturnedFrame::parse(&text));
        if let Some(frame) = frame.filter(|_| agent::is_navigation(self.head)) {
            self.arrive(&record, frame).await?;
        }
        Ok(Some(self.page_of(Some(&record.id))))
    }

    /// Found among this browser's own by the id of the way back.
    async fn attempt_come_back_to(&self) -> Result<Option<AttemptRecord>, Refusal> {
        let (Some(id), Some(browser)) = (body::query(self.head, RETURN_ID), self.browser()) else {
            return Ok(None);
        };
        let now = self.shared.now();
        let attempts = self.shared.attempts.of_browser(&browser, now).await?;
        Ok(attempts.into_iter().find(|record| {
            let returning = record.returning.as_ref();
            returning.is_some_and(|returning| returning.is(&id))
        }))
    }

    /// Leaves the frame for whoever runs the attempt, in this process or another.
    async fn arrive(&self, record: &AttemptRecord, frame: ReturnedFrame) -> Result<(), Refusal> {
        let shared = self.shared;
        shared
            .attempts
            .change(&record.id, |record| {
                match record.arrive(frame.clone(), shared.now()) {
                    true => Change::Store(()),
                    false => Change::Keep(()),
                }
            })
            .await?;
        Ok(())
    }
}
