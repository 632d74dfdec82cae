//! JSON or form: what a POST says, and in which language it wants its answer.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    refusal::Refusal,
    request::{Head, MAX_BODY, Request},
};

/// A POST's body, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    /// A form from a page without script: answered by redirects.
    pub(crate) form: bool,
    pub(crate) next: Option<String>,
    pub(crate) attempt: Option<String>,
}

/// The members of a body that mean something to a route; whatever else was posted is ignored.
pub(crate) trait Members: Default + DeserializeOwned {
    /// The member of this name, in a form.
    fn member(&mut self, name: &str) -> Option<&mut Option<String>>;
}

/// What most routes read. Identities, if any were posted, are not among it (A6).
#[derive(Default, Deserialize)]
struct Plain {
    next: Option<String>,
    attempt: Option<String>,
}

impl Members for Plain {
    fn member(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "next" => Some(&mut self.next),
            "attempt" => Some(&mut self.attempt),
            _ => None,
        }
    }
}

/// Whether the request says of itself that it is a form.
pub(crate) fn is_form(head: &Head) -> bool {
    head.only("content-type").is_some_and(|value| {
        media_type(value).eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

pub(crate) fn read(request: &Request) -> Result<Posted, Refusal> {
    let (form, Plain { next, attempt }) = members(request)?;
    Ok(Posted {
        form,
        next,
        attempt,
    })
}

/// The members that a route reads, and whether they came as a form.
pub(crate) fn members<M: Members>(request: &Request) -> Result<(bool, M), Refusal> {
    let body = match &request.body {
        Ok(body) if body.len() > MAX_BODY => return Err(Refusal::TooLarge),
        Ok(body) => body,
        Err(error) => return Err((*error).into()),
    };
    let head = &request.head;
    Ok(if !head.has("content-type") {
        if !body.is_empty() {
            return Err(Refusal::WrongType);
        }
        (false, M::default())
    } else if is_form(head) {
        (true, read_form(body).ok_or(Refusal::Malformed)?)
    } else if head
        .only("content-type")
        .is_some_and(|value| media_type(value).eq_ignore_ascii_case("application/json"))
    {
        (false, read_json(body).ok_or(Refusal::Malformed)?)
    } else {
        return Err(Refusal::WrongType);
    })
}

fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

fn read_json<M: Members>(body: &[u8]) -> Option<M> {
    if body.is_empty() {
        return Some(M::default());
    }
    // An array would be read as a struct's members in order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(body).ok()
}

fn read_form<M: Members>(body: &[u8]) -> Option<M> {
    let mut members = M::default();
    for (name, value) in pairs(std::str::from_utf8(body).ok()?) {
        let (name, value) = (name?, value?);
        let Some(member) = members.member(&name) else {
            continue;
        };
        if member.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    Some(members)
}

/// The only value of a query parameter; a repeated or broken one is nothing.
pub(crate) fn query<'a>(head: &'a Head, name: &str) -> Option<Cow<'a, str>> {
    let mut values = pairs(head.query())
        .filter_map(|(candidate, value)| (candidate.as_deref() == Some(name)).then_some(value));
    let value = values.next()?;
    match values.next() {
        None => value,
        Some(_) => None,
    }
}

/// Whether the query has a parameter of this name, in whatever state.
pub(crate) fn has_query(head: &Head, name: &str) -> bool {
    pairs(head.query()).any(|(candidate, _)| candidate.as_deref() == Some(name))
}

type Pair<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>);

/// Names and values of an urlencoded text; `None` for one that is not well-formed.
fn pairs(text: &str) -> impl Iterator<Item = Pair<'_>> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::BodyError;

    fn post(content_type: Option<&str>, body: &[u8]) -> Result<Posted, Refusal> {
        let mut head = Head::new("POST", "/login", "/start", "", None);
        if let Some(content_type) = content_type {
            head = head.header("Content-Type", content_type);
        }
        read(&Request {
            head,
            body: Ok(body.to_vec().into()),
        })
    }

    fn next(form: bool, next: Option<&str>) -> Result<Posted, Refusal> {
        Ok(Posted {
            form,
            next: next.map(str::to_owned),
            attempt: None,
        })
    }

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
    const JSON: Option<&str> = Some("application/json");

    #[test]
    fn the_content_type_tells_json_from_a_form() {
        assert_eq!(post(None, b""), next(false, None));
        assert_eq!(post(JSON, b""), next(false, None));
        assert_eq!(post(JSON, b" {\"next\":\"/a\"} "), next(false, Some("/a")));
        assert_eq!(
            post(Some("Application/JSON; charset=utf-8"), b"{}"),
            next(false, None)
        );
        assert_eq!(
            post(JSON, b"{\"next\":null,\"safe_id\":\"1\"}"),
            next(false, None)
        );
        assert_eq!(post(FORM, b""), next(true, None));
        assert_eq!(post(FORM, b"x=1&next=%2Fa+b&y"), next(true, Some("/a b")));
    }

    #[test]
    fn wrong_types_and_malformed_bodies_are_named() {
        for wrong in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "",
            "application/msgpack",
        ] {
            assert_eq!(post(Some(wrong), b"{}"), Err(Refusal::WrongType), "{wrong}");
        }
        assert_eq!(post(None, b"{}"), Err(Refusal::WrongType));
        for wrong in [
            "{",
            "[]",
            "[\"/a\"]",
            "null",
            "\"/a\"",
            "1",
            "{\"next\":1}",
            "{\"next\":\"/a\",\"next\":\"/b\"}",
            "{} {}",
        ] {
            assert_eq!(
                post(JSON, wrong.as_bytes()),
                Err(Refusal::Malformed),
                "{wrong}"
            );
        }
        assert_eq!(post(JSON, b"{\"next\":\"\xff\"}"), Err(Refusal::Malformed));
        for wrong in [
            &b"next=%"[..],
            b"next=%zz",
            b"next=%ff",
            b"next=\xff",
            b"next=/a&next=/b",
        ] {
            assert_eq!(post(FORM, wrong), Err(Refusal::Malformed), "{wrong:?}");
        }
        let deep = format!("{{\"x\":{}", "[".repeat(30_000));
        assert_eq!(post(JSON, deep.as_bytes()), Err(Refusal::Malformed));
    }

    #[test]
    fn bodies_that_could_not_be_read_are_refused_as_such() {
        for (error, refusal) in [
            (BodyError::TooLarge, Refusal::TooLarge),
            (BodyError::Broken, Refusal::Malformed),
            (BodyError::TimedOut, Refusal::BodyTimedOut),
        ] {
            let request = Request {
                head: Head::new("POST", "/login", "/start", "", None),
                body: Err(error),
            };
            assert_eq!(read(&request), Err(refusal));
        }
        assert_eq!(
            post(JSON, &vec![b' '; MAX_BODY + 1]),
            Err(Refusal::TooLarge)
        );
    }

    #[test]
    fn a_repeated_query_parameter_is_nothing() {
        let of = |text: &'static str| {
            query(&Head::new("GET", "/login", "/", text, None), "next").map(Cow::into_owned)
        };
        assert_eq!(of("next=%2Fa&x=%"), Some("/a".to_owned()));
        assert_eq!(of("n%65xt=/a"), Some("/a".to_owned()));
        assert_eq!(of("next=/a&next=/b"), None);
        assert_eq!(of("next=%"), None);
        assert_eq!(of(""), None);
    }
}
