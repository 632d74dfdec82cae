//! The pages of the manual, so that every snippet in them compiles, or a test fails.
//!
//! Read them where they are: start with `docs/README.md`.

#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    mod front_page {}
    #[doc = include_str!("architecture.md")]
    mod architecture {}
    #[doc = include_str!("deployment.md")]
    mod deployment {}
    #[doc = include_str!("dialects.md")]
    mod dialects {}
    #[doc = include_str!("how-it-works.md")]
    mod how_it_works {}
    #[doc = include_str!("migration.md")]
    mod migration {}
    #[doc = include_str!("operations.md")]
    mod operations {}
    #[doc = include_str!("security.md")]
    mod security {}
    #[doc = include_str!("troubleshooting.md")]
    mod troubleshooting {}
    #[doc = include_str!("unloq.md")]
    mod unloq {}
}
