//! Applications and browsers for a check, closed at its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

use super::app::App;
use super::chromium::{Chromium, Installed, Profile};
use super::scene::Scene;

/// Opens scenes, and closes them whatever becomes of the check.
#[derive(Debug, Clone)]
pub struct Rig {
    program: PathBuf,
    installed: Installed,
    opened: Arc<Mutex<Vec<Arc<Chromium>>>>,
}

/// What a scene should be like.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Environment of the application.
    pub environment: &'static [(&'static str, &'static str)],
    /// Whether pages may run scripts.
    pub script: bool,
    /// The window, in pixels.
    pub size: (u32, u32),
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            environment: &[],
            script: true,
            size: (1100, 900),
        }
    }
}

impl Rig {
    pub(super) fn new(program: &Path, installed: Installed) -> Self {
        Self {
            program: program.to_owned(),
            installed,
            opened: Arc::default(),
        }
    }

    /// Starts the application and a fresh browser.
    pub async fn open(&self, wish: Wish) -> Scene {
        let app = App::start(&self.program, wish.environment).await;
        let (width, height) = wish.size;
        let profile = Profile {
            script: wish.script,
            width,
            height,
        };
        let chromium = Arc::new(Chromium::start(&self.installed, profile).await);
        self.opened.lock().await.push(Arc::clone(&chromium));
        let target = self
            .program
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new("target"));
        Scene::new(app, chromium, target.join("screenshots"))
    }

    pub(super) async fn close(&self) {
        for chromium in self.opened.lock().await.drain(..) {
            chromium.quit().await;
        }
    }
}
