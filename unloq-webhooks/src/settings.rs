//! What a configuration comes to: nothing here can still be wrong.

use std::{sync::Arc, time::Duration};

use crate::{
    activation::ActivationPolicy,
    error::{VerifyError, VerifyErrorKind},
    head::{Field, Head},
    hook::Hook,
    media::Format,
    pace::Pace,
    params::Params,
    path::PathText,
    replay::ReplayStore,
    schema::Schema,
    secret::SecretSet,
    signature::{self, Signature},
};

/// One hook.
pub(crate) struct Configured {
    pub(crate) hook: Hook,
    /// What a router matches: a path without query.
    pub(crate) route: String,
    pub(crate) path: PathText,
    pub(crate) secrets: Arc<SecretSet>,
}

/// What the link hook's signature covers (section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkText {
    /// The configured path with its own query, then the other query parameters, sorted.
    #[default]
    HookPathPlusParams,
    /// The configured path, `?`, and the query as it came.
    FullTarget,
}

pub(crate) struct Settings {
    pub(crate) hooks: Vec<Configured>,
    pub(crate) body_limit: usize,
    pub(crate) skip_keys: Vec<String>,
    pub(crate) require_requested_with: bool,
    pub(crate) expected_hosts: Vec<String>,
    pub(crate) link_text: LinkText,
    pub(crate) schema: Schema,
    pub(crate) activation: ActivationPolicy,
    pub(crate) replay: Arc<dyn ReplayStore>,
    pub(crate) budget: Duration,
    pub(crate) read_time: Duration,
    pub(crate) pace: Pace,
}

impl Settings {
    pub(crate) fn hook(&self, hook: Hook) -> Option<&Configured> {
        self.hooks.iter().find(|configured| configured.hook == hook)
    }

    /// Whether parameters are signed one by one, rather than as a part of the path.
    pub(crate) fn signs_params(&self, hook: Hook) -> bool {
        hook != Hook::Link || self.link_text == LinkText::HookPathPlusParams
    }

    /// Steps 1 to 5. The signature, and the format if it is a supported one and not an empty body's.
    pub(crate) fn admit(
        &self,
        hook: Hook,
        head: &Head<'_>,
    ) -> Result<(Signature, Option<Format>), VerifyError> {
        if head.method != "POST" {
            return Err(VerifyError::method(match hook {
                Hook::Link => "POST, OPTIONS",
                _ => "POST",
            }));
        }
        let declared = declared_length(head.content_length);
        if declared.is_some_and(|length| length > self.body_limit) {
            return Err(VerifyErrorKind::BodyTooLarge.into());
        }
        let signature = signature(head.signature)?;
        if self.require_requested_with && !requested_with(hook, head.requested_with) {
            return Err(VerifyErrorKind::MissingRequestedWith.into());
        }
        if !self.expected_hosts.is_empty() && !self.expects_host(head) {
            return Err(VerifyErrorKind::UnexpectedHost.into());
        }
        let format = Format::of(head.content_type, head.content_encoding);
        if format.is_none() && declared.is_some_and(|length| length > 0) {
            return Err(VerifyErrorKind::UnsupportedMediaType.into());
        }
        Ok((signature, format))
    }

    /// Steps 2 and 6: a body within the limit, its parameters without the skipped ones.
    pub(crate) fn read<'b>(
        &self,
        format: Option<Format>,
        body: &'b [u8],
    ) -> Result<Params<'b>, VerifyErrorKind> {
        if body.len() > self.body_limit {
            return Err(VerifyErrorKind::BodyTooLarge);
        }
        if body.is_empty() {
            return Ok(Params::none());
        }
        let format = format.ok_or(VerifyErrorKind::UnsupportedMediaType)?;
        let mut params = Params::read(format, body)?;
        self.leave_out_skipped(&mut params);
        Ok(params)
    }

    /// Removes the parameters that are not signed, so that nobody reads them either (section 1.5,
    /// step 1).
    pub(crate) fn leave_out_skipped(&self, params: &mut Params<'_>) {
        if !self.skip_keys.is_empty() {
            params.remove(|name| self.skip_keys.iter().any(|skipped| skipped == name));
        }
    }

    fn expects_host(&self, head: &Head<'_>) -> bool {
        let named = match (head.authority, head.host.value) {
            (Some(authority), _) => authority.as_bytes(),
            (None, Some(host)) if !head.host.repeated => host.trim_ascii(),
            (None, _) => return false,
        };
        self.expected_hosts
            .iter()
            .any(|host| host.as_bytes().eq_ignore_ascii_case(named))
    }
}

/// The length a head declares. One that no `usize` holds is as good as the largest.
fn declared_length(field: Field<'_>) -> Option<usize> {
    let digits = field.value?.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_usize, |length, digit| {
        length
            .saturating_mul(10)
            .saturating_add(usize::from(digit - b'0'))
    }))
}

pub(crate) fn signature(field: Field<'_>) -> Result<Signature, VerifyErrorKind> {
    let value = field.value.ok_or(VerifyErrorKind::MissingSignature)?;
    if field.repeated {
        return Err(VerifyErrorKind::RepeatedSignature);
    }
    signature::parse(trim_ows(value)).ok_or(VerifyErrorKind::MalformedSignature)
}

/// Optional white space of a header field: spaces and tabs, nothing else.
fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn requested_with(hook: Hook, field: Field<'_>) -> bool {
    let Some(value) = field.value.map(trim_ows) else {
        return false;
    };
    match hook {
        Hook::Link => value == b"unloq-app" && !field.repeated,
        _ => !value.is_empty(),
    }
}
