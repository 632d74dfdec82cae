//! The crate from outside, in one program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activation;
mod attacks;
mod corpus;
mod differentials;
mod explained;
mod given;
mod limits;
mod links;
mod npm;
mod numbers;
mod paths;
mod properties;
mod refusals;
mod replays;
mod rotation;
mod schemas;
mod vectors;
