//! The link machine against a service that exists in this test only. No sockets, no sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "link_machine/chaos.rs"]
mod chaos;
#[path = "link_machine/connection.rs"]
mod connection;
#[path = "link_machine/filekey.rs"]
mod filekey;
#[path = "link_machine/line.rs"]
mod line;
mod peer;
#[path = "link_machine/requests.rs"]
mod requests;
#[path = "link_machine/table.rs"]
mod table;
