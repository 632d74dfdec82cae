//! The suite that drives a real Chromium against an example application.
//!
//! An example's test file hands over its built program; the suite starts it with the emulator
//! inside, opens its pages in headless Chromium, reads the QR code off the screen and plays the
//! phone in a second tab:
//!
//! ```ignore
//! keylockr_emulator::browser_suite!(env!("CARGO_BIN_EXE_axum-login"));
//! ```
//!
//! `chromedriver` and `chromium` come from `PATH`. Where one is missing, each check prints
//! `SKIPPED` and passes; with `KEYLOCKR_REQUIRE_SYSTEM=1` it fails.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking, like any test"
)]

pub mod access;
mod app;
pub mod checks;
mod chromium;
pub mod ends;
pub mod looks;
pub mod notes;
mod qr;
mod rig;
mod scene;
pub mod states;
mod told;
mod transport;
pub mod unloq;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

pub use app::App;
pub use rig::{Rig, Wish};
pub use scene::Scene;

/// Nothing in a check takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs one check against the example's program and closes whatever it opened.
pub fn run<F: Future<Output = ()> + Send + 'static>(
    check: impl FnOnce(Rig) -> F,
    program: impl AsRef<Path>,
) {
    let browser = match chromium::installed() {
        Ok(browser) => browser,
        Err(missing) => {
            let required = std::env::var_os("KEYLOCKR_REQUIRE_SYSTEM").is_some_and(|on| on == "1");
            assert!(!required, "{missing}");
            report(&format!("SKIPPED: {missing}"));
            return;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the check");
    let ended = runtime.block_on(async {
        let rig = Rig::new(program.as_ref(), browser);
        let ended = tokio::time::timeout(PATIENCE, tokio::spawn(check(rig.clone()))).await;
        rig.close().await;
        ended
    });
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(failed)) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => panic!("{cancelled}"),
        },
        Err(_) => panic!("the check waited for something that never came"),
    }
}

#[expect(clippy::print_stderr, reason = "a skipped check says so loudly")]
fn report(line: &str) {
    eprintln!("{line}");
}

/// One `#[test]` per check of the suite, against the program at the path.
#[macro_export]
macro_rules! browser_suite {
    ($program:expr) => {
        $crate::browser_tests! { $program;
            checks {
                scanned_code_signs_in,
                works_without_script,
                same_device_button_is_ready,
                same_device_link_leads_back,
                two_tabs_one_sign_in,
                back_and_reload,
                phone_by_keyboard_and_paste,
            }
            ends {
                cancelled_on_the_page,
                denied_on_the_phone,
                expired_on_the_page,
                expired_twice_is_expired_once,
                start_that_fails_blames_the_right_one,
                lost_finish_is_taken_up_again,
                fifth_tab_replaces_the_first,
                revoked_on_the_phone,
            }
            notes {
                note_is_there_after_a_reload,
                note_conflict_loses_no_words,
                note_without_script,
                note_page_in_every_look,
            }
            access {
                page_by_roles_and_names,
                keyboard_goes_through_the_page,
                other_pages_can_be_read,
                nothing_jumps,
                still_where_asked_for,
            }
            states {
                every_state_is_spoken,
                every_state_can_be_seen,
                no_state_moves_another,
                theme_changes_the_look,
                right_to_left,
            }
            looks {
                sign_in_page_in_every_look,
                ended_pages_in_every_look,
                phone_page_in_every_look,
            }
            unloq {
                unloq_widget_signs_in_and_phone_signs_out,
                unloq_note_opens_with_the_phone,
                unloq_without_script,
                unloq_pages_in_every_look,
            }
        }
    };
}

/// The expansion of [`browser_suite!`](crate::browser_suite): checks by module.
#[doc(hidden)]
#[macro_export]
macro_rules! browser_tests {
    ($program:expr; $($module:ident { $($check:ident),* $(,)? })*) => {
        $($(
            #[test]
            fn $check() {
                $crate::browser::run($crate::browser::$module::$check, $program);
            }
        )*)*
    };
}

#[cfg(test)]
mod tests {
    /// A check that is written but not listed would never run.
    #[test]
    fn every_check_is_in_the_suite() {
        let list = include_str!("mod.rs");
        let sources = [
            include_str!("access.rs"),
            include_str!("checks.rs"),
            include_str!("ends.rs"),
            include_str!("looks.rs"),
            include_str!("notes.rs"),
            include_str!("states.rs"),
            include_str!("unloq.rs"),
        ];
        let modules = list.lines().filter(|line| line.starts_with("pub mod "));
        assert_eq!(
            modules.count(),
            sources.len(),
            "a module of checks is not read"
        );
        let checks = sources
            .into_iter()
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split_once("(rig: Rig)"));
        let mut count = 0;
        for (name, _) in checks {
            count += 1;
            assert!(
                list.contains(&format!("                {name},\n")),
                "{name} is not listed"
            );
        }
        assert!(count > 30, "{count}");
    }
}
