//! Who is told when something changes: the phone page, waiting tests, the state file.

use std::sync::Arc;

use tokio::sync::{Notify, broadcast, watch};

use crate::model::FrameRecord;

/// Frames that a slow page may lag behind before it misses some.
const FRAMES: usize = 256;

/// A frame as it passed, with the identity it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct PassedFrame {
    pub(crate) id: String,
    pub(crate) record: FrameRecord,
}

/// Announces changes.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    version: watch::Sender<u64>,
    frames: broadcast::Sender<Arc<PassedFrame>>,
    timers: Arc<Notify>,
    save: Arc<Notify>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            version: watch::Sender::new(0),
            frames: broadcast::Sender::new(FRAMES),
            timers: Arc::new(Notify::new()),
            save: Arc::new(Notify::new()),
        }
    }

    /// Something that is shown has changed.
    pub(crate) fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// A frame passed; the record is made only when somebody looks.
    pub(crate) fn frame(&self, make: impl FnOnce() -> PassedFrame) {
        if self.frames.receiver_count() > 0 {
            // The last receiver may have gone in between.
            let _ = self.frames.send(Arc::new(make()));
        }
    }

    pub(crate) fn frames(&self) -> broadcast::Receiver<Arc<PassedFrame>> {
        self.frames.subscribe()
    }

    /// An event was added to the agenda.
    pub(crate) fn timers(&self) -> &Arc<Notify> {
        &self.timers
    }

    /// Something that is kept has changed.
    pub(crate) fn save(&self) {
        self.save.notify_one();
    }

    pub(crate) fn saver(&self) -> &Arc<Notify> {
        &self.save
    }
}
