//! The login machine against a service that exists in this test only: every phase with every
//! event, every order of a handful of events, every deadline. No sockets, no sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "login_machine/attempt.rs"]
mod attempt;
#[path = "login_machine/flows.rs"]
mod flows;
#[path = "login_machine/orders.rs"]
mod orders;
mod peer;
#[path = "login_machine/refusals.rs"]
mod refusals;
#[path = "login_machine/table.rs"]
mod table;
#[path = "login_machine/takeover.rs"]
mod takeover;
#[path = "login_machine/trouble.rs"]
mod trouble;
