//! The login machine against a service that exists in this test only: every phase with every
//! event, every order of a handful of events, every deadline. No sockets, no sleeps.

mod attempt;
mod flows;
mod orders;
mod polling;
mod refusals;
mod table;
mod takeover;
mod trouble;
