//! A session in memory, as an adapter would have one.

use std::cell::{Cell, RefCell};

use crate::{
    record::SessionRecord,
    session::{HttpSession, SessionUnavailable},
};

/// One request's session, and what was done to it.
#[derive(Default)]
pub(super) struct Session {
    pub(super) held: RefCell<Option<SessionRecord>>,
    pub(super) signed_in: RefCell<Vec<SessionRecord>>,
    pub(super) signed_out: Cell<usize>,
}

impl Session {
    pub(super) fn holding(record: Option<SessionRecord>) -> Self {
        Self {
            held: RefCell::new(record),
            ..Self::default()
        }
    }
}

impl HttpSession for Session {
    async fn read(&self) -> Result<Option<SessionRecord>, SessionUnavailable> {
        Ok(self.held.borrow().clone())
    }

    async fn sign_in(
        &self,
        record: &SessionRecord,
        _: &[String],
    ) -> Result<(), SessionUnavailable> {
        self.signed_in.borrow_mut().push(record.clone());
        *self.held.borrow_mut() = Some(record.clone());
        Ok(())
    }

    async fn write(&self, record: &SessionRecord) -> Result<(), SessionUnavailable> {
        let before = self.held.borrow_mut().replace(record.clone());
        let before = before.expect("a session that is over came back");
        assert_eq!(before.handle(), record.handle(), "another session's record");
        Ok(())
    }

    async fn sign_out(&self) -> Result<(), SessionUnavailable> {
        self.signed_out.set(self.signed_out.get() + 1);
        *self.held.borrow_mut() = None;
        Ok(())
    }
}
