//! What the tests start from.

use std::{
    fmt::Debug,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use unloq_webhooks::{
    Activate, Deactivate, Event, Head, Hooks, HooksBuilder, Logout, Secret, UnixTime, Verified,
    VerifyError, VerifyErrorKind, sign,
};

/// The secret of most vectors.
pub(crate) const SECRET: &str = "7f3c1a9e5b2d48c6a0e4f1b8d2c37a65";
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_785_000_000);
pub(crate) const JSON: &str = "application/json";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) const LOGOUT: &str = "/hooks/unloq/logout";
pub(crate) const ACTIVATE: &str = "/hooks/unloq/activate";
pub(crate) const DEACTIVATE: &str = "/hooks/unloq/deactivate";

pub(crate) fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

pub(crate) fn builder() -> HooksBuilder {
    Hooks::builder(secret())
        .on::<Logout>(LOGOUT)
        .on::<Activate>(ACTIVATE)
        .on::<Deactivate>(DEACTIVATE)
}

pub(crate) fn hooks() -> Hooks {
    builder().build().unwrap()
}

/// One request.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A POST with its signature, right for this path.
    pub(crate) fn signed(path: &str, content_type: &str, body: &str) -> Self {
        let signature = sign(&secret(), path, content_type, body.as_bytes()).unwrap();
        Self::with(path, content_type, body.as_bytes(), &signature)
    }

    pub(crate) fn with(target: &str, content_type: &str, body: &[u8], signature: &str) -> Self {
        Self {
            method: "POST",
            target: target.into(),
            headers: vec![
                ("Content-Type".into(), content_type.into()),
                ("X-Unloq-Signature".into(), signature.into()),
                ("Content-Length".into(), body.len().to_string().into()),
            ],
            body: body.into(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn head(&self) -> Head<'_> {
        let headers = self.headers.iter();
        Head::new(self.method, &self.target)
            .with_headers(headers.map(|(name, value)| (name.as_str(), value.as_slice())))
    }

    pub(crate) fn verify<E: Event>(&self, hooks: &Hooks) -> Result<Verified<E>, VerifyError> {
        hooks.verify::<E>(&self.head(), &self.body, NOW)
    }

    /// Signature and parameters alone: what the vectors speak of.
    pub(crate) fn authenticate<E: Event>(&self, hooks: &Hooks) -> Result<usize, VerifyError> {
        let admitted = hooks.admit::<E>(&self.head())?;
        let authentic = admitted.authenticate(&self.body, NOW)?;
        Ok(authentic.secret_index())
    }
}

/// The kind of a refusal.
pub(crate) fn refused<T: Debug>(result: Result<T, VerifyError>) -> VerifyErrorKind {
    result.expect_err("a refusal").kind()
}

/// The output of a future that has nothing to wait for.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Small numbers that look random and are the same every time.
pub(crate) struct Sequence(pub(crate) u64);

impl Sequence {
    pub(crate) fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
