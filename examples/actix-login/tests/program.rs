//! The same promises as those of the twin on axum, from the same file.

#[path = "../../axum-login/tests/program.rs"]
mod program;
