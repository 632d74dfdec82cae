//! What was logged, as text, for tests that read or search it.

use std::{
    io,
    sync::{Arc, Mutex, Once},
};

use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// A log in memory; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What this thread logs until the guard is dropped, from `info` upwards.
    #[allow(dead_code, reason = "not every suite needs it")]
    pub(crate) fn capture() -> (Self, DefaultGuard) {
        Self::at(Level::INFO, FmtSpan::NONE)
    }

    /// The same with everything that there is: every level, and every span with all its fields,
    /// whether or not something is said in it.
    #[allow(dead_code, reason = "not every suite needs it")]
    pub(crate) fn capture_all() -> (Self, DefaultGuard) {
        Self::at(Level::TRACE, FmtSpan::FULL)
    }

    fn at(level: Level, spans: FmtSpan) -> (Self, DefaultGuard) {
        listen_everywhere();
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_span_events(spans)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    #[allow(dead_code, reason = "not every suite needs it")]
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A subscriber for all threads that takes everything and shows nothing. Without one, what a test
/// beside this one says first, on a thread that nobody listens to, can stay switched off for good.
pub(crate) fn listen_everywhere() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_writer(io::sink)
            .finish();
        // Where the suite has one of its own, that one listens.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}
