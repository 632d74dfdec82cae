//! `Secure` cookies on a site that is served over plain http: they do not come back.

use crate::keylockr::KeyLockr;

/// A site whose origin is not https. For adapters, which show it the cookies that their session
/// layers set.
#[derive(Clone, Debug)]
pub struct PlainHttp(KeyLockr);

impl KeyLockr {
    /// Nothing, where the public origin is https: `Secure` cookies are right there.
    #[must_use]
    pub fn plain_http(&self) -> Option<PlainHttp> {
        (!self.shared().site.is_secure()).then(|| PlainHttp(self.clone()))
    }
}

impl PlainHttp {
    /// Looks at a `Set-Cookie` header. If it is `Secure` the log says so, once, and names `setting`,
    /// which leaves that out.
    pub fn look_at(&self, set_cookie: &[u8], setting: &str) {
        let Ok(cookie) = str::from_utf8(set_cookie) else {
            return;
        };
        let mut parts = cookie.split(';').map(str::trim);
        let name = parts.next().and_then(|pair| pair.split('=').next());
        if !parts.any(|flag| flag.eq_ignore_ascii_case("secure")) {
            return;
        }
        self.0.shared().warn_secure_cookie.call_once(|| {
            tracing::warn!(
                name: "keylockr.cookie.secure_on_plain_http",
                cookie = name.unwrap_or_default(),
                "this site is plain http and its session cookie is `Secure`: browsers drop it (some keep it \
                 on loopback addresses), and whoever has signed in is signed out at the next page. While you \
                 develop write {setting}; in earnest serve https, and say so with .public_origin(\"https://..\")"
            );
        });
    }
}
