//! What can go wrong: at start-up, and with a delivery.

use std::fmt;

use crate::hook::Hook;

/// A configuration that no hook may be served with. It names what to change and repeats no secret.
///
/// `Debug` says the same as `Display`: it is what `main` prints.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A secret without a byte: with it, anybody could sign.
    #[error(
        "a secret is empty: give Secret::new the one that UNLOQ's console shows (is the variable that it \
         comes from set?)"
    )]
    EmptySecret,
    /// A secret with a NUL byte, which HMAC would not tell from a shorter one.
    #[error("a secret contains a NUL byte")]
    NulInSecret,
    /// A set of no secrets, or of more than four.
    #[error("{0} secrets given: between 1 and 4 are needed")]
    SecretCount(usize),
    /// The same secret twice in one set.
    #[error("the same secret is given twice")]
    RepeatedSecret,
    /// The end date of every secret has passed: no delivery could be accepted.
    #[error("every secret of the {0} hook has expired: add one that has not")]
    AllExpired(Hook),
    /// Every secret has an end date, so that the start-up check needs to know the time.
    #[error("every secret of the {0} hook has an end date: build with `build_at` and the time")]
    TimeNeeded(Hook),
    /// No hook at all.
    #[error("no hook is configured: name one, such as .on::<Logout>(\"/unloq/logout\")")]
    NoHooks,
    /// Two paths given for one event where `HookPath::also` is meant.
    #[error("the {0} hook is configured twice")]
    RepeatedHook(Hook),
    /// A hook with no path, or with more than four.
    #[error("the {hook} hook has {count} paths: between 1 and 4 are needed")]
    PathCount {
        /// The hook.
        hook: Hook,
        /// How many paths were given.
        count: usize,
    },
    /// A path with a character that other implementations would encode (section 1.2, rule 4).
    #[error("the path of the {0} hook holds a character that has to be percent-encoded")]
    PathCharacter(Hook),
    /// The query in the path of the link hook is not one that can be compared with a request's.
    #[error("the query in the path of the link hook cannot be read")]
    LinkQuery,
    /// The path of the link hook is to be taken from the request. Nothing could be verified: what the
    /// request's query says would be a part of that path, and not the parameters that UNLOQ signs.
    #[error(
        "the link hook needs its path as it is registered with UNLOQ: give the URL itself, or \
         HookPath::configured, in place of HookPath::request_target and HookPath::prefix_map"
    )]
    LinkPath,
    /// Two paths are equal, or one begins with the other: a signature for one would be good for
    /// the other, too (section 2.2, W2).
    #[error(
        "the path of the {longer} hook begins with the path of the {shorter} hook, so that a signature \
         for one would be good for the other: rename one of them"
    )]
    ClashingPaths {
        /// The hook with the shorter path.
        shorter: Hook,
        /// The hook whose path begins with it.
        longer: Hook,
    },
    /// The router's path does not begin with the prefix that a prefix map strips.
    #[error("the path of the {0} hook does not begin with the prefix to strip")]
    PrefixMissing(Hook),
    /// A body limit outside 1 KiB to 1 MiB.
    #[error("a body limit of {0} bytes: between 1024 and 1048576 are possible")]
    BodyLimit(usize),
    /// A budget or a reading time of zero, or of more than 30 seconds.
    #[error("the {0} of a hook lies above zero and within 30 seconds")]
    Time(&'static str),
    /// An event without a documented payload, while schemas are exact.
    #[error("undocumented events need `insecure_lenient_schema`")]
    LenientSchemaNeeded,
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a delivery was refused.
///
/// It holds a [kind](Self::kind) and nothing of the request: no signature, no signed text, no input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyError {
    kind: VerifyErrorKind,
    allow: Option<&'static str>,
}

/// The classes of refusal, in the order of the checks (section 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The hook was never configured: a mistake of the program, not of the caller.
    NotConfigured,
    /// Not POST.
    MethodNotAllowed,
    /// Declared or found to be larger than the limit.
    BodyTooLarge,
    /// No `X-Unloq-Signature`.
    MissingSignature,
    /// More than one `X-Unloq-Signature`.
    RepeatedSignature,
    /// Not 44 characters of padded standard Base64.
    MalformedSignature,
    /// `X-Requested-With` is required and is absent or wrong.
    MissingRequestedWith,
    /// Sent to a host that is not in the list of expected ones.
    UnexpectedHost,
    /// Neither JSON nor a form, or encoded.
    UnsupportedMediaType,
    /// Not acceptable JSON or form data, or more than 64 parameters.
    MalformedBody,
    /// A name occurs twice.
    DuplicateKey,
    /// A shape for which UNLOQ's own code has no text (section 1.4).
    Unrepresentable,
    /// No secret verifies the signature.
    Mismatch,
    /// The signature is right and the payload is not what this hook carries. Names the field.
    Schema(&'static str),
}

impl VerifyErrorKind {
    /// A word for logs and counters, such as `mismatch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::MissingSignature => "missing_signature",
            Self::RepeatedSignature => "repeated_signature",
            Self::MalformedSignature => "malformed_signature",
            Self::MissingRequestedWith => "missing_requested_with",
            Self::UnexpectedHost => "unexpected_host",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::MalformedBody => "malformed_body",
            Self::DuplicateKey => "duplicate_key",
            Self::Unrepresentable => "unrepresentable",
            Self::Mismatch => "mismatch",
            Self::Schema(_) => "schema",
        }
    }
}

impl VerifyError {
    /// The body of every refusal: short, fixed, and the same whatever the reason.
    pub const BODY: &'static str = r#"{"status":false}"#;

    /// A refusal of this kind.
    pub(crate) const fn new(kind: VerifyErrorKind) -> Self {
        Self { kind, allow: None }
    }

    pub(crate) const fn method(allow: &'static str) -> Self {
        Self {
            kind: VerifyErrorKind::MethodNotAllowed,
            allow: Some(allow),
        }
    }

    /// The class of the refusal. For logs and counters; the caller learns the status alone.
    pub const fn kind(&self) -> VerifyErrorKind {
        self.kind
    }

    /// The status of the answer: 400, 401, 405, 413, 415 or 421; 500 for a hook that was never
    /// configured.
    pub const fn status(&self) -> u16 {
        match self.kind {
            VerifyErrorKind::NotConfigured => 500,
            VerifyErrorKind::MethodNotAllowed => 405,
            VerifyErrorKind::BodyTooLarge => 413,
            VerifyErrorKind::MissingSignature
            | VerifyErrorKind::RepeatedSignature
            | VerifyErrorKind::MalformedSignature
            | VerifyErrorKind::MissingRequestedWith
            | VerifyErrorKind::Mismatch => 401,
            VerifyErrorKind::UnexpectedHost => 421,
            VerifyErrorKind::UnsupportedMediaType => 415,
            VerifyErrorKind::MalformedBody
            | VerifyErrorKind::DuplicateKey
            | VerifyErrorKind::Unrepresentable
            | VerifyErrorKind::Schema(_) => 400,
        }
    }

    /// The value of the `Allow` header that a 405 carries.
    pub const fn allow(&self) -> Option<&'static str> {
        self.allow
    }

    /// The body of the answer, JSON: [`BODY`](Self::BODY).
    pub const fn body(&self) -> &'static str {
        Self::BODY
    }
}

impl From<VerifyErrorKind> for VerifyError {
    fn from(kind: VerifyErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyError").field(&self.kind).finish()
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            VerifyErrorKind::Schema(field) => write!(f, "web hook refused (schema: {field})"),
            kind => write!(f, "web hook refused ({})", kind.as_str()),
        }
    }
}

impl std::error::Error for VerifyError {}
