//! The words of an explanation. None of them holds anything that was sent or configured.

use std::fmt;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};

use crate::{error::VerifyErrorKind, head::Field, signature::Signature};

/// One finding. `Display` is a sentence for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// It verifies.
    Verifies {
        /// With which secret of the set, from 0.
        secret: usize,
    },
    /// The header is not one signature.
    Signature(SignatureFault),
    /// The body is refused before its signature is looked at.
    Unreadable(VerifyErrorKind),
    /// Another path was signed.
    Path(PathChange),
    /// Other parameters were signed.
    Parameters(ParameterChange),
    /// Another key was used.
    Secret {
        /// Which secret of the set it comes from, from 0.
        secret: usize,
        /// What was done to it.
        change: SecretChange,
    },
    /// Nothing that was tried makes it right: most likely the secret is not in the set, or the body
    /// was changed on the way.
    Unexplained,
}

/// What is wrong with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureFault {
    /// There is none.
    Missing,
    /// There is more than one.
    Repeated,
    /// Base64 without its padding.
    Unpadded,
    /// The alphabet for URLs.
    UrlSafe,
    /// Hexadecimal.
    Hex,
    /// Something else.
    Malformed,
}

/// Which path was signed instead of the configured one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathChange {
    /// The target of the request: the configured path is not the registered one.
    RequestTarget,
    /// The configured path with the query of the request.
    RequestQuery,
    /// The configured path without its query.
    NoQuery,
    /// The end of the configured path: a proxy adds the beginning.
    PrefixAdded,
    /// The end of the request's path: a proxy takes part of it off, or it was added here.
    TargetSuffix,
    /// One slash at the end more, or fewer.
    TrailingSlash,
    /// The configured path, percent-decoded.
    Decoded,
    /// The configured path in lower case.
    LowerCase,
    /// The whole URL, after a slash: a client of the PHP or Perl family.
    WholeUrl,
    /// The configured path without its first slash.
    NoLeadingSlash,
    /// No path at all.
    Empty,
}

/// How the signed parameters differ from those of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterChange {
    /// None were signed: the signer did not read the body.
    None,
    /// `uauth` was left out: see `skip_keys`.
    SkippedUauth,
    /// `unloq_uauth` was left out: see `skip_keys`.
    SkippedUnloqUauth,
    /// One parameter was not signed: it was added on the way, or is skipped by the signer.
    OneMore,
    /// Numbers as they are written in the body, not as ECMAScript writes them.
    NumbersAsWritten,
    /// Texts that look like numbers were numbers: the body was written anew on the way.
    NumbersBecameText,
    /// `null` stands for an empty text: the body was written anew on the way.
    NullWasEmpty,
    /// Values that are no text were signed as empty ones: a client of the PHP family.
    OnlyTexts,
    /// Values had white space at their ends, or have it now.
    Trimmed,
    /// `&`, `<`, `>` and quotes were escaped for HTML on the way.
    HtmlEscaped,
    /// Names were sorted by bytes.
    ByteOrder,
    /// Escapes of the form were not decoded.
    Undecoded,
    /// A plus stood for itself, not for a space.
    PlusKept,
    /// The body itself was signed, as it stands.
    RawBody,
}

/// What was done to a secret before it became the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretChange {
    /// Nothing, but its end date has passed.
    Expired,
    /// White space at its ends was removed: it does not belong to the secret.
    Trimmed,
    /// A line feed was added.
    LineFeed,
    /// Quotes around it were removed.
    Unquoted,
    /// It was decoded from hexadecimal.
    HexDecoded,
    /// It was decoded from Base64.
    Base64Decoded,
    /// Its letters were made lower case.
    LowerCase,
    /// Its letters were made upper case.
    UpperCase,
}

impl SignatureFault {
    /// What is wrong with a field, and the signature that it may have been.
    pub(super) fn of(field: Field<'_>) -> (Self, Option<Signature>) {
        let Some(value) = field.value else {
            return (Self::Missing, None);
        };
        if field.repeated {
            return (Self::Repeated, None);
        }
        let text = value.trim_ascii();
        let exact = |decoded: Result<Vec<u8>, _>| decoded.ok().and_then(|d| d.try_into().ok());
        if let Some(signature) = exact(STANDARD_NO_PAD.decode(text)) {
            return (Self::Unpadded, Some(signature));
        }
        let decoded = exact(URL_SAFE.decode(text)).or_else(|| exact(URL_SAFE_NO_PAD.decode(text)));
        if let Some(signature) = decoded {
            return (Self::UrlSafe, Some(signature));
        }
        match super::secrets::from_hex(text).and_then(|bytes| bytes.try_into().ok()) {
            Some(signature) => (Self::Hex, Some(signature)),
            None => (Self::Malformed, None),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verifies { secret } => write!(f, "it verifies, with secret {secret} of the set"),
            Self::Signature(fault) => fault.fmt(f),
            Self::Unreadable(kind) => write!(
                f,
                "the body is refused before its signature counts ({})",
                kind.as_str()
            ),
            Self::Path(change) => change.fmt(f),
            Self::Parameters(change) => change.fmt(f),
            Self::Secret { secret, change } => write!(f, "{change} (secret {secret} of the set)"),
            Self::Unexplained => f.write_str(
                "nothing that was tried explains it: is the secret in the set, and is the body the one that was sent?",
            ),
        }
    }
}

/// Sentences, one for each variant.
macro_rules! sentences {
    ($type:ident { $($variant:ident => $sentence:literal,)* }) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $sentence,)*
                })
            }
        }
    };
}

sentences!(SignatureFault {
    Missing => "there is no X-Unloq-Signature",
    Repeated => "there is more than one X-Unloq-Signature",
    Unpadded => "the signature lacks its padding",
    UrlSafe => "the signature is in the URL-safe alphabet",
    Hex => "the signature is hexadecimal",
    Malformed => "the signature is not 44 characters of Base64",
});

sentences!(PathChange {
    RequestTarget => "the target of the request was signed: configure the URL that is registered with UNLOQ",
    RequestQuery => "the query of the request was signed: configure the path with it",
    NoQuery => "the path was signed without its query: configure it without",
    PrefixAdded => "only the end of the configured path was signed: configure the public path, without what a proxy adds",
    TargetSuffix => "only the end of the request's path was signed: a proxy adds a prefix, configure the public path",
    TrailingSlash => "the signed path differs in a slash at its end",
    Decoded => "the signed path is the percent-decoded one",
    LowerCase => "the signed path is in lower case",
    WholeUrl => "the whole URL was signed, not its path: an old PHP or Perl client",
    NoLeadingSlash => "the path was signed without its first slash: an old PHP client",
    Empty => "no path was signed: an old PHP client",
});

sentences!(ParameterChange {
    None => "no parameters were signed: the signer did not read the body, look at its content type",
    SkippedUauth => "`uauth` was not signed: add it to skip_keys",
    SkippedUnloqUauth => "`unloq_uauth` was not signed: add it to skip_keys",
    OneMore => "one of the parameters was not signed: something on the way adds it",
    NumbersAsWritten => "numbers were signed as they are written: the sender is no ECMAScript program",
    NumbersBecameText => "numbers have become text on the way: something reads the body and writes it anew",
    NullWasEmpty => "empty texts have become null on the way: something reads the body and writes it anew",
    OnlyTexts => "only texts were signed, other values as empty: an old PHP client",
    Trimmed => "white space at the ends of values was changed on the way",
    HtmlEscaped => "values have been escaped for HTML on the way",
    ByteOrder => "names were sorted by bytes",
    Undecoded => "form values were signed without decoding them",
    PlusKept => "a plus was signed as itself: the form was not written as a form",
    RawBody => "the body was signed as it stands: this is not UNLOQ's scheme",
});

sentences!(SecretChange {
    Expired => "the secret was right until its end date",
    Trimmed => "the secret is configured with white space around it",
    LineFeed => "the signer's secret ends in a line feed",
    Unquoted => "the secret is configured with quotes around it",
    HexDecoded => "the signer decodes the secret from hexadecimal",
    Base64Decoded => "the signer decodes the secret from Base64",
    LowerCase => "the signer's secret is in lower case",
    UpperCase => "the signer's secret is in upper case",
});
