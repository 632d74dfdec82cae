//! The HTTP suite that every framework adapter must pass.
//!
//! Written against HTTP alone: an [`Adapter`] serves the suite's small application, the suite
//! plays browsers, attackers, proxies, the KeyLockr service and the phone. An adapter's test file:
//!
//! ```ignore
//! struct Axum;
//! impl Adapter for Axum { /* serve */ }
//! keylockr_emulator::conformance_suite!(Axum);
//! ```
//!
//! Every check is a test of its own, named as in the project's threat table. Checks wait for
//! events and conditions, never for a span of time; [`run`]'s deadline only ends a hung one.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking, like any test"
)]

pub mod admission;
pub mod agent;
pub mod bad_days;
pub mod bad_service;
pub mod binding;
pub mod completion;
pub mod finish;
pub mod guard;
pub mod html;
pub mod key_holder;
pub mod media;
pub mod next;
pub mod notes;
pub mod page;
pub mod possession;
pub mod progress;
mod reply;
pub mod return_link;
pub mod revocation;
pub mod same_origin;
pub mod service;
pub mod service_faults;
pub mod session;
mod setup;
pub mod slow;
pub mod stage;
pub mod start;
pub mod store_faults;
pub mod words;

use std::future::Future;
use std::time::Duration;

pub use setup::{
    Access, Adapter, Admission, Admissions, AdmitMode, REMEMBERED, Running, Setup, StoreDown,
    StoreState, StoreSwitch,
};

/// Nothing in a check takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs one check to its end on a runtime of its own.
pub fn run(check: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the check");
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, check).await.is_ok() });
    runtime.shutdown_background();
    assert!(ended, "the check waited for something that never came");
}

/// One `#[test]` per check of the suite, against the adapter that the expression makes.
#[macro_export]
macro_rules! conformance_suite {
    ($adapter:expr) => {
        $crate::conformance_tests! { $adapter;
            start {
                sign_in_page_starts_an_attempt,
                sign_in_page_shows_the_named_attempt,
                sign_in_page_sends_signed_in_users_on,
                start_answers_the_attempt,
                start_without_body_is_json,
                start_takes_forms,
                start_over_the_limit,
                start_when_full,
                start_without_keylockr,
                qr_code_is_this_browsers,
                binding_cookie_flags,
            }
            progress {
                events_tell_every_change,
                events_without_an_attempt_end_with_none,
                events_tell_how_it_ended,
                status_tells_the_state,
                newest_attempt_is_meant_without_a_handle,
                one_event_stream_for_an_attempt,
                attempt_expires,
            }
            finish {
                finish_answers_the_user,
                finish_sends_forms_on,
                finish_refusals,
                finish_is_single_use,
                twenty_finishes_one_session,
                status_is_safe,
                cancel_gives_up,
                late_approval_ignored,
                logout_answers,
            }
            binding {
                status_without_cookie_never_finishes,
                status_with_other_cookie_never_finishes,
                foreign_and_unknown_attempt_look_alike,
                fifth_attempt_replaces_the_oldest,
                other_tabs_end_as_signed_in,
            }
            session {
                session_id_rotates_at_finish,
                planted_session_never_authenticates,
                posted_identity_is_ignored,
                relogin_switches_user_cleanly,
                session_cookie_flags,
                logout_kills_on_server,
                logout_deletes_the_connection,
                session_limits,
                people_end_their_own_sessions,
            }
            completion {
                completion_replay_refused,
                completion_with_other_key_refused,
                bare_triple_signs_nobody_in,
                proof_is_for_one_origin_and_service,
            }
            possession {
                browser_keys_sign_in,
                verify_sends_forms_on,
                challenge_counts_as_a_start,
                challenge_refuses_bad_keys,
                verify_refuses_malformed_claims,
                three_wrong_proofs_end_the_attempt,
                verify_when_keylockr_cannot_be_asked,
                twenty_proofs_one_session,
                verify_comes_too_late,
                verify_asks_the_site,
                browser_keys_session_is_rechecked,
            }
            return_link {
                return_leads_to_the_own_attempt,
                return_result_needs_its_attempt,
            }
            same_origin {
                cross_origin_matrix,
                host_and_forwarded_are_ignored,
            }
            next {
                next_payloads,
                next_is_fixed_at_the_start,
                guard_keeps_the_address,
            }
            media {
                wrong_methods_are_refused,
                wrong_content_types_are_refused,
                malformed_bodies_are_refused,
                long_bodies_are_refused,
                errors_are_pages_for_pages,
            }
            page {
                page_headers,
                attempt_not_created_by_prefetch_or_subresource,
                page_works_without_script,
                foreign_text_is_neutralised,
            }
            words {
                every_word_is_the_applications,
            }
            guard {
                guard_answers,
                public_page_knows_its_visitor,
                damaged_session_cookies_are_nobody,
            }
            admission {
                admit_hook_can_refuse,
                admit_hook_may_be_unable_to_tell,
                account_of_the_admit_hook,
                trusted_proxy_parsing,
                flood_leaves_honest_login_working,
                status_polls_are_limited,
            }
            slow {
                slow_peer_matrix,
            }
            notes {
                notes_are_guarded,
                notes_round_trip,
                notes_by_version,
                notes_while_the_phone_is_locked,
                notes_denied_on_the_phone,
                notes_from_another_origin,
                notes_that_are_none,
                notes_of_browser_keys,
                notes_end_with_the_connection,
                notes_cost_what_they_must,
                notes_without_keylockr,
                concurrent_writers_no_loss,
                unlock_before_the_session,
            }
            revocation {
                app_deleted_ends_sessions,
                revoked_before_finish,
                recheck_no_ends_sessions,
                recheck_failure_ends_after_grace,
            }
            store_faults {
                store_down_before_start,
                store_down_at_approval,
                store_down_at_finish,
                store_down_at_another_sign_in,
                store_down_at_status,
                store_down_in_a_session,
                store_flapping,
            }
            service_faults {
                service_unreachable_at_start,
                service_gone_while_waiting,
                harmless_frames_cost_nothing,
                damaged_results_sign_nobody_in,
                verify_is_asked_again,
                altered_appdata_results_sign_nobody_in,
                denial_is_final,
                keys_rotated_mid_login,
                weak_server_keys_start_nothing,
                graceful_stop_with_open_streams,
            }
            bad_days {
                clocks_hours_apart,
                absurd_clock_starts_nothing,
                clock_steps_during_a_login,
                hung_up_at_the_approval,
                application_started_again,
                service_started_again,
            }
        }
    };
}

/// The expansion of [`conformance_suite!`](crate::conformance_suite): checks by module.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($adapter:expr; $($module:ident { $($check:ident),* $(,)? })*) => {
        $($(
            #[test]
            fn $check() {
                $crate::conformance::run($crate::conformance::$module::$check($adapter));
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
            include_str!("admission.rs"),
            include_str!("bad_days.rs"),
            include_str!("binding.rs"),
            include_str!("completion.rs"),
            include_str!("finish.rs"),
            include_str!("guard.rs"),
            include_str!("media.rs"),
            include_str!("next.rs"),
            include_str!("notes.rs"),
            include_str!("page.rs"),
            include_str!("possession.rs"),
            include_str!("progress.rs"),
            include_str!("return_link.rs"),
            include_str!("revocation.rs"),
            include_str!("same_origin.rs"),
            include_str!("service_faults.rs"),
            include_str!("session.rs"),
            include_str!("slow.rs"),
            include_str!("start.rs"),
            include_str!("store_faults.rs"),
            include_str!("words.rs"),
        ];
        let checks = sources.into_iter().flat_map(str::lines).filter_map(|line| {
            line.strip_prefix("pub async fn ")?
                .split_once("(adapter: impl Adapter)")
        });
        let mut count = 0;
        for (name, _) in checks {
            count += 1;
            assert!(
                list.contains(&format!("                {name},\n")),
                "{name} is not listed"
            );
        }
        assert!(count > 70, "{count}");
    }
}
