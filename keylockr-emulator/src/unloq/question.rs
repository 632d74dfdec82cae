//! What is asked on a device, from the asking to what the device hands out.

use std::{sync::Arc, time::Duration};

use zeroize::Zeroizing;

use super::{
    Approval, ApprovalKind, ApprovalStatus, FaultKind, Installation, Moment, Padding,
    device::PersonalKey, encrypt::PublicKey,
};
use crate::{error::ControlError, world::Shared};

type Result<T> = std::result::Result<T, ControlError>;

/// Questions that are kept, answered or not.
const KEPT: usize = 1000;

/// A question as UNLOQ keeps it.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) unloq_id: u64,
    pub(crate) kind: ApprovalKind,
    /// `UNLOQ`, `OTP` or `EMAIL`.
    pub(crate) method: &'static str,
    pub(crate) status: ApprovalStatus,
    pub(crate) shown: Shown,
    /// The personal key is to be encrypted under this.
    pub(crate) public_key: Option<Arc<PublicKey>>,
    /// The device is to hand out the personal key.
    pub(crate) wants_key: bool,
    /// What the device handed out.
    pub(crate) parcel: Option<Parcel>,
    /// The device cannot be made to answer (a fault).
    pub(crate) silent: bool,
    /// A session is attached.
    pub(crate) session: bool,
    /// The widget's browser comes back for it under this name.
    pub(crate) visit: Option<String>,
    /// Comes back with the token.
    pub(crate) source_client: Option<serde_json::Value>,
    pub(crate) asked: Duration,
    pub(crate) asked_unix: u64,
    pub(crate) deadline: Duration,
    pub(crate) answered: Option<Duration>,
    /// When the application was told who it is.
    pub(crate) told: Option<Duration>,
}

/// What the device shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) message: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) ip: Option<String>,
    pub(crate) requester: Option<String>,
}

/// What a device hands out: a ciphertext, or the personal key itself.
#[derive(Clone)]
pub(crate) struct Parcel {
    pub(crate) unloq_id: u64,
    pub(crate) text: Zeroizing<String>,
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parcel")
            .field("unloq_id", &self.unloq_id)
            .finish_non_exhaustive()
    }
}

/// A new question.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) app: String,
    pub(crate) unloq_id: u64,
    pub(crate) kind: ApprovalKind,
    pub(crate) method: &'static str,
    pub(crate) shown: Shown,
    pub(crate) public_key: Option<Arc<PublicKey>>,
    pub(crate) wants_key: bool,
    pub(crate) source_client: Option<serde_json::Value>,
}

/// What the device has to do for a yes, outside of the lock.
struct Work {
    unloq_id: u64,
    key: PersonalKey,
    public_key: Option<Arc<PublicKey>>,
    padding: Padding,
}

/// The user says yes.
pub(crate) fn approve(shared: &Shared, id: &str) -> Result<Approval> {
    let work = {
        let mut world = shared.world();
        let now = world.moment();
        world.unloq.work(id, now)?
    };
    let parcel = match work {
        Some(work) => Some(pack(shared, &work)?),
        None => None,
    };
    let mut world = shared.world();
    let now = world.moment();
    world
        .unloq
        .answer(id, ApprovalStatus::Approved, parcel, now)
}

fn pack(shared: &Shared, work: &Work) -> Result<Parcel> {
    let text = match &work.public_key {
        None => work.key.clone(),
        Some(public_key) => {
            let mut draw = |out: &mut [u8]| shared.world().unloq.devices.draw(out);
            let packed = public_key.encrypt(work.key.as_bytes(), work.padding, &mut draw);
            let packed = packed.map_err(|_| {
                ControlError::conflict("the personal key is too long for the public key")
            })?;
            Zeroizing::new(packed)
        }
    };
    Ok(Parcel {
        unloq_id: work.unloq_id,
        text,
    })
}

impl Installation {
    /// Puts a question on a device.
    pub(crate) fn ask(&mut self, ask: Ask, now: Moment) -> String {
        let wait = self
            .settings(&ask.app)
            .map(super::AppSettings::approval_time);
        let mut deadline = now.elapsed + wait.unwrap_or_default();
        let pushed = ask.method == "UNLOQ";
        if pushed && self.faults.hits(FaultKind::Timeout) {
            deadline = now.elapsed;
        }
        let silent = pushed && self.faults.hits(FaultKind::Silent);
        let id = self.random.uuid("approval");
        self.questions.push_back(Question {
            id: id.clone(),
            app: ask.app,
            unloq_id: ask.unloq_id,
            kind: ask.kind,
            method: ask.method,
            status: ApprovalStatus::New,
            shown: ask.shown,
            public_key: ask.public_key,
            wants_key: ask.wants_key,
            parcel: None,
            silent,
            session: false,
            visit: None,
            source_client: ask.source_client,
            asked: now.elapsed,
            asked_unix: now.unix,
            deadline,
            answered: None,
            told: None,
        });
        if self.questions.len() > KEPT {
            self.questions.pop_front();
        }
        self.changed();
        id
    }

    /// A sign-in that nobody has to be asked about on a device.
    pub(crate) fn approved_without_asking(
        &mut self,
        app: &str,
        unloq_id: u64,
        method: &'static str,
        now: Moment,
    ) -> String {
        let ask = Ask {
            app: app.to_owned(),
            unloq_id,
            kind: ApprovalKind::Authentication,
            method,
            shown: Shown::default(),
            public_key: None,
            wants_key: false,
            source_client: None,
        };
        let id = self.ask(ask, now);
        if let Some(question) = self.questions.back_mut() {
            question.status = ApprovalStatus::Approved;
            question.answered = Some(now.elapsed);
        }
        id
    }

    /// The question, its time checked.
    pub(crate) fn question(&mut self, id: &str, now: Moment) -> Result<&mut Question> {
        let question = self.questions.iter_mut().find(|one| one.id == id);
        let question = question.ok_or_else(|| ControlError::unknown("approval", id))?;
        question.settle(now);
        Ok(question)
    }

    pub(crate) fn approval(&mut self, id: &str, now: Moment) -> Result<Approval> {
        self.question(id, now)?;
        let found = self.questions.iter().find(|one| one.id == id);
        let view = found.map(|question| self.view(question, now));
        view.ok_or_else(|| ControlError::unknown("approval", id))
    }

    pub(crate) fn open_approvals(&mut self, now: Moment) -> Vec<Approval> {
        for question in &mut self.questions {
            question.settle(now);
        }
        let open = self.questions.iter();
        open.filter(|question| question.status == ApprovalStatus::New)
            .map(|question| self.view(question, now))
            .collect()
    }

    pub(crate) fn deny(&mut self, id: &str, now: Moment) -> Result<Approval> {
        self.open(id, now)?;
        self.answer(id, ApprovalStatus::Denied, None, now)
    }

    fn open(&mut self, id: &str, now: Moment) -> Result<&mut Question> {
        let question = self.question(id, now)?;
        match question.status {
            ApprovalStatus::New if question.silent => {
                Err(ControlError::conflict("the device is silent"))
            }
            ApprovalStatus::New => Ok(question),
            ApprovalStatus::Timeout => Err(ControlError::conflict("nobody answered in time")),
            ApprovalStatus::Approved | ApprovalStatus::Denied => {
                Err(ControlError::conflict("answered already"))
            }
        }
    }

    /// What a yes needs of the device, the faults mixed in.
    fn work(&mut self, id: &str, now: Moment) -> Result<Option<Work>> {
        let question = self.open(id, now)?;
        if !question.wants_key {
            return Ok(None);
        }
        let (app, mut unloq_id) = (question.app.clone(), question.unloq_id);
        let asked_for = question.kind == ApprovalKind::EncryptionKey;
        let mut public_key = question.public_key.clone();
        let settings = self.settings(&app);
        let (mut padding, size) =
            settings.map_or((Padding::default(), 32), |app| (app.padding, app.key_size));
        if asked_for && self.faults.hits(FaultKind::WrongUser) {
            let other = self.profiles.keys().find(|other| **other != unloq_id);
            unloq_id = other.copied().unwrap_or(unloq_id + 1);
        }
        let key = if self.faults.hits(FaultKind::SwappedKey) {
            self.devices.other_key(size)
        } else {
            self.devices.key(&app, unloq_id, size)
        };
        if public_key.is_some() {
            if self.faults.hits(FaultKind::OtherPadding) {
                padding = padding.next();
            }
            if self.faults.hits(FaultKind::KeyInClear) {
                public_key = None;
            }
        }
        self.kept();
        Ok(Some(Work {
            unloq_id,
            key,
            public_key,
            padding,
        }))
    }

    /// The answer reaches the service.
    pub(crate) fn answer(
        &mut self,
        id: &str,
        status: ApprovalStatus,
        parcel: Option<Parcel>,
        now: Moment,
    ) -> Result<Approval> {
        let question = self.open(id, now)?;
        question.status = status;
        question.parcel = parcel;
        question.answered = Some(now.elapsed);
        let (unloq_id, kind) = (question.unloq_id, question.kind);
        if kind == ApprovalKind::Authentication
            && let Some(profile) = self.profiles.get_mut(&unloq_id)
        {
            profile.otp_due = status == ApprovalStatus::Denied;
        }
        self.kept();
        self.approval(id, now)
    }

    fn view(&self, question: &Question, now: Moment) -> Approval {
        let app = self.settings(&question.app);
        let profile = self.profiles.get(&question.unloq_id);
        Approval {
            id: question.id.clone(),
            kind: question.kind,
            status: question.status,
            unloq_id: question.unloq_id,
            email: profile.map(|it| it.email.clone()).unwrap_or_default(),
            app: app.map(|it| it.name.clone()).unwrap_or_default(),
            message: question.shown.message.clone(),
            reference: question.shown.reference.clone(),
            variables: question.shown.variables.clone(),
            ip: question.shown.ip.clone(),
            requester: question.shown.requester.clone(),
            encrypted: question.public_key.is_some(),
            age: now.since(question.asked),
        }
    }
}

impl Question {
    /// Times out what is not answered in time.
    fn settle(&mut self, now: Moment) {
        if self.status == ApprovalStatus::New && now.elapsed >= self.deadline {
            self.status = ApprovalStatus::Timeout;
        }
    }
}
