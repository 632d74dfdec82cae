//! The client from outside: against answers of a script, against real sockets, against openssl.

mod approvals;
mod device;
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
