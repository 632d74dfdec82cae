//! `GET M`, and the files that the page loads.

use super::{Call, start::unavailable};
use crate::{
    agent,
    answer::Answer,
    attempt::{AttemptRecord, Phase},
    body,
    limits::PAGE_WAIT,
    page::{Asset, View},
    refusal::Refusal,
    return_to::ReturnTo,
    session::HttpSession,
    starting::Begun,
    status::Status,
};

impl Call<'_> {
    pub(super) async fn page<S: HttpSession>(&self, session: &S) -> Result<Answer, Refusal> {
        if let Some(answer) = self.came_back().await? {
            return Ok(answer);
        }
        let next = body::query(self.head, "next").map(|next| ReturnTo::parse(&next));
        let named = body::query(self.head, "attempt").is_some();
        let own = if named {
            self.attempt(None).await?.filter(has_page)
        } else {
            None
        };
        if self.shared.resolve(session).await?.is_some() {
            let kept = own.as_ref().map(|record| ReturnTo::parse(&record.next));
            let next = next.or(kept).unwrap_or_else(|| ReturnTo::parse("/"));
            return Ok(Answer::see_other(next.as_str()).private());
        }
        let next = next.unwrap_or_else(|| ReturnTo::parse("/"));
        if named {
            return match own {
                Some(record) => {
                    let record = self.until_shown(record).await?;
                    self.page_with(200, record.as_ref(), &next)
                }
                // Not this browser's, or forgotten: it may have its own, on request.
                None => self.page_with(200, None, &next),
            };
        }
        if !agent::is_navigation(self.head) {
            return self.page_with(200, None, &next);
        }
        self.origin()?;
        let Begun { record, cookie } = match self.shared.begin(self.head, &next).await {
            Ok(begun) => begun,
            Err(refusal) => return self.page_that_failed(refusal, &next, None),
        };
        let record = self.until_shown(record).await?;
        let failed = record
            .as_ref()
            .is_none_or(|record| matches!(record.phase, Phase::Ended(_)));
        let answer = if failed {
            self.page_that_failed(unavailable(), &next, record.as_ref())?
        } else {
            self.page_with(200, record.as_ref(), &next)?
        };
        Ok(match cookie {
            Some(cookie) => answer.header("set-cookie", cookie),
            None => answer,
        })
    }

    /// Waits a moment for the code, so that the page shows it at once.
    pub(super) async fn until_shown(
        &self,
        record: AttemptRecord,
    ) -> Result<Option<AttemptRecord>, Refusal> {
        Ok(self
            .shared
            .wait_until(record, PAGE_WAIT, |record| {
                record.phase != Phase::Waiting || !has_page(record)
            })
            .await?)
    }

    /// The page for an attempt that could not be started, with the refusal's status.
    pub(super) fn page_that_failed(
        &self,
        refusal: Refusal,
        next: &ReturnTo,
        record: Option<&AttemptRecord>,
    ) -> Result<Answer, Refusal> {
        if !matches!(
            refusal,
            Refusal::TooMany { .. } | Refusal::Full { .. } | Refusal::ServiceUnavailable { .. }
        ) {
            return Err(refusal);
        }
        let origin = self.origin()?;
        // Whoever set the site up wrongly is told apart from a KeyLockr that is away.
        let ended = record.and_then(|record| Status::of(record, self.shared.now()).code);
        let status = Status {
            word: "failed",
            code: Some(match refusal {
                Refusal::TooMany { .. } => "too_many",
                Refusal::Full { .. } => "full",
                _ => ended.unwrap_or("unavailable"),
            }),
            expires_in: 0,
            next: Some(next.clone()),
        };
        let page = self.render(&origin, &status, record, next);
        let mut answer = refusal.complete(self.html(refusal.status(), page));
        answer.refusal = Some(refusal);
        Ok(answer)
    }

    fn page_with(
        &self,
        code: u16,
        record: Option<&AttemptRecord>,
        next: &ReturnTo,
    ) -> Result<Answer, Refusal> {
        let origin = self.origin()?;
        let status =
            record.map_or_else(Status::none, |record| Status::of(record, self.shared.now()));
        let page = self.render(&origin, &status, record, next);
        Ok(self.html(code, page))
    }

    fn render(
        &self,
        origin: &str,
        status: &Status,
        record: Option<&AttemptRecord>,
        next: &ReturnTo,
    ) -> String {
        let shared = self.shared;
        let code = record.and_then(|record| record.code.as_ref());
        let shown = code.filter(|_| status.word == "connected");
        let picture = shown.and_then(|code| picture(&code.0));
        let approved = record
            .filter(|record| record.phase == Phase::Done)
            .and_then(|record| shared.open_approved(record, record.approved.as_ref()?));
        let next = status.next.as_ref().unwrap_or(next);
        let attempt = record.filter(|_| status.word != "none");
        let mut view = View::new(&shared.site_title, origin, &self.mount);
        view.status = status.word;
        view.error_code = status.code;
        view.attempt = attempt.map(|record| record.id.as_str());
        view.qr_svg = picture.as_deref();
        view.qr_uri = code
            .filter(|_| matches!(status.word, "waiting" | "connected"))
            .map(|code| code.0.as_str());
        let link = code
            .zip(record.and_then(|record| record.returning.as_ref()))
            .and_then(|(code, returning)| {
                returning.link(&code.0, &format!("{origin}{}", self.page_path()))
            });
        view.link = link.as_deref().filter(|_| view.qr_uri.is_some());
        view.expires_in = status.expires_in;
        view.life = shared.attempt_life.as_secs();
        view.next = next.as_str();
        let back = self.came_from(origin);
        if let Some(back) = &back {
            view.back = back.as_str();
        }
        view.nickname = approved
            .as_ref()
            .and_then(|approved| approved.principal.nickname());
        view.language = self.head.only("accept-language").unwrap_or_default();
        shared.page.render(&view)
    }

    /// The page of this site that the person came from, if the browser says so.
    fn came_from(&self, origin: &str) -> Option<ReturnTo> {
        let path = self.head.only("referer")?.strip_prefix(origin)?;
        let path = ReturnTo::parse(path);
        let below = path.as_str().strip_prefix(self.mount.as_str());
        let own = below.is_some_and(|below| below.is_empty() || below.starts_with(['/', '?']));
        (!own && !path.is_home()).then_some(path)
    }

    fn html(&self, status: u16, page: String) -> Answer {
        Answer::with_body(status, "text/html; charset=utf-8", page)
            .private()
            .header("content-security-policy", self.shared.page.csp())
            .header("x-frame-options", "DENY")
            .header("cross-origin-opener-policy", "same-origin")
            .header("vary", "accept-language, cookie")
    }

    /// A file of the page: kept for ever under the address that the page gives it.
    pub(super) fn asset(&self, asset: &Asset) -> Answer {
        let tag = format!("\"{}\"", asset.version);
        let asked = body::query(self.head, "v");
        let cache = if asked.as_deref() == Some(asset.version.as_str()) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let known = self
            .head
            .only("if-none-match")
            .is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
        let answer = if known {
            Answer::empty(304)
        } else {
            Answer::with_body(200, asset.content_type, asset.body.clone())
        };
        answer
            .header("cache-control", cache)
            .header("etag", tag)
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
    }
}

/// Whether the sign-in page is about it: a browser that holds its keys has a page of its own.
fn has_page(record: &AttemptRecord) -> bool {
    record.held_key.is_none()
}

#[cfg(feature = "qr")]
pub(super) fn picture(code: &str) -> Option<String> {
    crate::qr::svg_of(code).ok()
}

#[cfg(not(feature = "qr"))]
pub(super) fn picture(_: &str) -> Option<String> {
    None
}
