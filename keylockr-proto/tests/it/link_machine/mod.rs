//! The link machine against a service that exists in this test only. No sockets, no sleeps.

mod chaos;
mod connection;
mod filekey;
mod line;
mod requests;
mod table;
