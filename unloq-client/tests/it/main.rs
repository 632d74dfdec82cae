//! The client from outside: against answers of a script, against real sockets, against openssl.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod approvals;
mod clock;
mod device;
mod emulated;
mod enrolment;
mod envelopes;
mod events;
mod keys;
mod limits;
mod logs;
#[cfg(feature = "metrics")]
mod metered;
mod modes;
mod net;
mod openssl;
#[cfg(feature = "metrics")]
#[path = "../../../keylockr-client/tests/emulated/recorded.rs"]
#[allow(dead_code, reason = "made for more")]
mod recorded;
mod requests;
mod stub;
mod tokens;
