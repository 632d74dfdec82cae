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
mod modes;
mod net;
mod openssl;
mod requests;
mod stub;
mod tokens;
