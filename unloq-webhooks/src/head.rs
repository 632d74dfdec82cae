//! What a verifier needs of a request before its body.

/// The head of a delivery, borrowed from whatever the framework has.
///
/// Nothing is allocated; of the headers, the first value of each kind that matters is kept, and
/// whether there was a second.
///
/// ```
/// # use unloq_webhooks::Head;
/// # fn head(request: &http_like::Request) -> Head<'_> {
/// Head::new(request.method(), request.target()).with_headers(request.headers())
/// # }
/// # mod http_like {
/// #     pub struct Request;
/// #     impl Request {
/// #         pub fn method(&self) -> &str { "POST" }
/// #         pub fn target(&self) -> &str { "/" }
/// #         pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> { std::iter::empty() }
/// #     }
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Head<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) authority: Option<&'a str>,
    pub(crate) signature: Field<'a>,
    pub(crate) requested_with: Field<'a>,
    pub(crate) content_type: Field<'a>,
    pub(crate) content_encoding: Field<'a>,
    pub(crate) content_length: Field<'a>,
    pub(crate) host: Field<'a>,
}

/// A header field: its first value, and whether there were more.
#[derive(Clone, Copy, Default)]
pub(crate) struct Field<'a> {
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) repeated: bool,
}

impl<'a> Head<'a> {
    /// A head without headers. `target` is what stood in the request line (`:path` in HTTP/2), path
    /// and query, undecoded. Never take it from a forwarded header.
    pub fn new(method: &'a str, target: &'a str) -> Self {
        Self {
            method,
            target,
            authority: None,
            signature: Field::default(),
            requested_with: Field::default(),
            content_type: Field::default(),
            content_encoding: Field::default(),
            content_length: Field::default(),
            host: Field::default(),
        }
    }

    /// The authority of an HTTP/2 request, which has no `Host` field. Only
    /// [`expected_hosts`](crate::HooksBuilder::expected_hosts) looks at it.
    #[must_use]
    pub fn with_authority(mut self, authority: Option<&'a str>) -> Self {
        self.authority = authority;
        self
    }

    /// Adds header fields: every field of the request, in any case, repeated ones as often as they
    /// occur.
    #[must_use]
    pub fn with_headers<N: AsRef<[u8]>>(
        mut self,
        headers: impl IntoIterator<Item = (N, &'a [u8])>,
    ) -> Self {
        for (name, value) in headers {
            if let Some(field) = self.field(name.as_ref()) {
                field.repeated = field.value.is_some();
                field.value = field.value.or(Some(value));
            }
        }
        self
    }

    fn field(&mut self, name: &[u8]) -> Option<&mut Field<'a>> {
        // By length first: most fields of a request are none of these.
        let (expected, field): (&[u8], _) = match name.len() {
            4 => (b"host", &mut self.host),
            12 => (b"content-type", &mut self.content_type),
            14 => (b"content-length", &mut self.content_length),
            16 if name
                .first()
                .is_some_and(|byte| byte.eq_ignore_ascii_case(&b'c')) =>
            {
                (b"content-encoding", &mut self.content_encoding)
            }
            16 => (b"x-requested-with", &mut self.requested_with),
            17 => (b"x-unloq-signature", &mut self.signature),
            _ => return None,
        };
        // Frameworks and HTTP/2 have names in lower case already.
        (name == expected || name.eq_ignore_ascii_case(expected)).then_some(field)
    }
}

impl std::fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head").finish_non_exhaustive()
    }
}
