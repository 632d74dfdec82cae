//! The emulator's test kit for applications: the recipes of its README, and what else it promises.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod actix;
mod axum;
mod kit;

/// What is printed is what runs.
#[test]
fn the_readme_shows_these_recipes() {
    let readme = include_str!("../../../keylockr-emulator/README.md");
    for recipe in [include_str!("axum.rs"), include_str!("actix.rs")] {
        let shown = format!("```rust,ignore\n{recipe}```\n");
        assert!(readme.contains(&shown), "not in the README:\n{shown}");
    }
}
