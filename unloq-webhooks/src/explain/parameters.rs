//! Parameters that a signer may have seen.

use std::borrow::Cow;

use super::finding::ParameterChange;
use crate::{
    media::Format,
    order,
    params::{Kind, Params},
};

/// What may have become of a value.
type Map = fn(Kind, &str) -> Cow<'_, str>;

/// What may have been signed after the path.
pub(super) enum Variant<'a> {
    Pairs(Vec<(String, String)>),
    Raw(&'a [u8]),
}

impl Variant<'_> {
    /// How long the text after a path of so many bytes is, without making it.
    pub(super) fn text_len(&self, path: usize) -> usize {
        path + match self {
            Self::Raw(body) => body.len(),
            Self::Pairs(pairs) => pairs
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum(),
        }
    }

    pub(super) fn text(&self, path: &str) -> Vec<u8> {
        let mut text = path.as_bytes().to_vec();
        match self {
            Self::Raw(body) => text.extend_from_slice(body),
            Self::Pairs(pairs) => {
                for (name, value) in pairs {
                    text.extend_from_slice(name.as_bytes());
                    text.extend_from_slice(value.as_bytes());
                }
            }
        }
        text
    }
}

/// The parameters as the verifier reads them, if it can, then others.
pub(super) fn variants(
    format: Option<Format>,
    body: &[u8],
) -> Vec<(Option<ParameterChange>, Variant<'_>)> {
    use ParameterChange as Change;
    let read = format.and_then(|format| Params::read(format, body).ok());
    let params: Vec<(String, Kind, String)> = read
        .iter()
        .flat_map(Params::iter)
        .map(|(name, kind, value)| (name.to_owned(), kind, value.to_owned()))
        .collect();
    let mut all = Vec::new();
    if read.is_some() || body.is_empty() {
        all.push((
            None,
            Variant::Pairs(mapped(&params, |_, value| value.into())),
        ));
    }
    if body.is_empty() {
        return all;
    }
    all.push((Some(Change::None), Variant::Pairs(Vec::new())));
    all.push((Some(Change::RawBody), Variant::Raw(body)));
    let own = all.first().map(|(_, own)| own.text("")).unwrap_or_default();
    let mut add = |change: Change, pairs: Vec<(String, String)>| {
        let variant = Variant::Pairs(pairs);
        if variant.text("") != own {
            all.push((Some(change), variant));
        }
    };
    let without = |skipped: &str| {
        let mut pairs = mapped(&params, |_, value| value.into());
        pairs.retain(|(name, _)| name != skipped);
        pairs
    };
    add(Change::SkippedUauth, without("uauth"));
    add(Change::SkippedUnloqUauth, without("unloq_uauth"));
    for (name, _, _) in &params {
        add(Change::OneMore, without(name));
    }
    if format == Some(Format::Json)
        && let Ok(written) = Params::read_numbers_as_written(body)
    {
        let pairs = written
            .iter()
            .map(|(name, _, text)| (name.into(), text.into()));
        add(Change::NumbersAsWritten, pairs.collect());
    }
    let changes: [(Change, Map); 6] = [
        (Change::NumbersBecameText, |_, text| {
            number_text(text).into()
        }),
        (Change::NullWasEmpty, |kind, text| match (kind, text) {
            (Kind::Other, "null") => "".into(),
            _ => text.into(),
        }),
        (Change::OnlyTexts, |kind, text| match kind {
            Kind::Text => text.into(),
            Kind::Number | Kind::Other => "".into(),
        }),
        (Change::Trimmed, |_, text| text.trim().into()),
        (Change::HtmlEscaped, |_, text| html_unescaped(text).into()),
        (Change::PlusKept, |_, text| text.replace(' ', "+").into()),
    ];
    for (change, map) in changes {
        add(change, mapped(&params, map));
    }
    let mut by_bytes = mapped(&params, |_, value| value.into());
    by_bytes.sort();
    add(Change::ByteOrder, by_bytes);
    if format == Some(Format::Form) {
        add(Change::Undecoded, undecoded(body));
    }
    all
}

fn mapped(
    params: &[(String, Kind, String)],
    map: impl Fn(Kind, &str) -> Cow<'_, str>,
) -> Vec<(String, String)> {
    params
        .iter()
        .map(|(name, kind, value)| (name.clone(), map(*kind, value).into_owned()))
        .collect()
}

/// The text of a number that is written like this, or the text itself.
fn number_text(text: &str) -> String {
    let body = format!("{{\"\":{text}}}");
    let number = match Params::read(Format::Json, body.as_bytes()) {
        Ok(params) => match params.get("") {
            Some((Kind::Number, number)) => Some(number.to_owned()),
            _ => None,
        },
        Err(_) => None,
    };
    number.unwrap_or_else(|| text.to_owned())
}

fn html_unescaped(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#039;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (escaped, plain)| {
        text.replace(escaped, plain)
    })
}

/// A form as it stands.
fn undecoded(body: &[u8]) -> Vec<(String, String)> {
    let body = String::from_utf8_lossy(body);
    let mut pairs: Vec<(String, String)> = body
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    pairs.sort_by(|(a, _), (b, _)| order::compare(a, b));
    pairs
}
