//! A browser's cookies, as far as one application in a test needs them.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, header};

/// By name alone: one host, one path. `Secure` cookies are kept on plain http, as browsers do for
/// `localhost`.
#[derive(Clone, Debug, Default)]
pub(super) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Takes over what an answer sets and removes.
    pub(super) fn keep(&mut self, answer: &HeaderMap) {
        for cookie in answer.get_all(header::SET_COOKIE) {
            let Ok(cookie) = cookie.to_str() else {
                continue;
            };
            let mut parts = cookie.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let removes = value.is_empty()
                || parts.any(|attribute| {
                    let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
                    name.eq_ignore_ascii_case("max-age")
                        && value.trim().parse::<i64>().is_ok_and(|age| age <= 0)
                });
            if removes {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The header of a request; `None` without cookies.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = pairs.join("; ");
        (!text.is_empty())
            .then(|| HeaderValue::try_from(text).ok())
            .flatten()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};

    use super::Jar;

    fn answer(cookies: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie.parse().unwrap());
        }
        headers
    }

    #[test]
    fn cookies_are_set_replaced_and_removed() {
        let mut jar = Jar::default();
        assert_eq!(jar.header(), None);
        jar.keep(&answer(&[
            "id=a=b; Path=/; HttpOnly",
            "kl_login=x; Secure",
            "nonsense",
        ]));
        assert_eq!(jar.header().unwrap(), "id=a=b; kl_login=x");
        jar.keep(&answer(&["id=c", "kl_login=gone; max-age=0"]));
        assert_eq!(jar.header().unwrap(), "id=c");
        jar.keep(&answer(&["id=; Path=/"]));
        assert_eq!((jar.header(), jar.get("id")), (None, None));
    }
}
