//! What each login route answers.

mod came_back;
mod challenge;
mod finish;
mod leave;
mod live;
mod page;
mod start;
mod verify;

use std::sync::Arc;

use tracing::Instrument as _;

use crate::{
    answer::Answer,
    attempt::AttemptRecord,
    binding::{AttemptId, BrowserHash},
    body,
    body::{Members, Posted},
    cookies,
    keylockr::KeyLockr,
    metrics,
    refusal::Refusal,
    request::{Head, Request},
    return_to::ReturnTo,
    route::Route,
    session::HttpSession,
    shared::Shared,
    store::StoreUnavailable,
};

impl From<StoreUnavailable> for Refusal {
    fn from(_: StoreUnavailable) -> Self {
        Self::StoreUnavailable
    }
}

/// Answers one request. Nothing but a refusal ever leaves by the error path.
pub(crate) async fn answer<S: HttpSession>(
    keylockr: &KeyLockr,
    route: Route,
    request: &Request,
    session: &S,
) -> Answer {
    let call = Call {
        keylockr,
        shared: keylockr.shared(),
        head: &request.head,
        mount: mount(keylockr, &request.head),
    };
    let span = tracing::info_span!("keylockr.request", route = route.path());
    let answer = call.route(route, request, session).instrument(span).await;
    let answer = answer.unwrap_or_else(|refusal| call.refuse(refusal));
    if let Some(refusal) = &answer.refusal {
        metrics::refused(refusal);
    }
    answer
}

/// One request, with what its answer needs.
struct Call<'a> {
    keylockr: &'a KeyLockr,
    shared: &'a Arc<Shared>,
    head: &'a Head,
    mount: String,
}

impl Call<'_> {
    async fn route<S: HttpSession>(
        &self,
        route: Route,
        request: &Request,
        session: &S,
    ) -> Result<Answer, Refusal> {
        match route {
            Route::Page => self.page(session).await,
            Route::Script => Ok(self.asset(self.shared.page.script())),
            Route::Style => Ok(self.asset(self.shared.page.style())),
            Route::Qr => self.qr().await,
            Route::Events => self.events().await,
            Route::Status => self.status().await,
            Route::Start => self.start(request).await,
            Route::Finish => self.finish(request, session).await,
            Route::Cancel => self.cancel(request).await,
            Route::Logout => self.logout(request, session).await,
            Route::Challenge => self.challenge(request).await,
            Route::Verify => self.verify(request, session).await,
        }
    }

    /// A POST that is ours, with its body.
    fn posted(&self, request: &Request) -> Result<Posted, Refusal> {
        self.same_origin()?;
        body::read(request)
    }

    /// The same with members of the route's own; whether it is a form comes first.
    fn posted_members<M: Members>(&self, request: &Request) -> Result<(bool, M), Refusal> {
        self.same_origin()?;
        body::members(request)
    }

    fn same_origin(&self) -> Result<(), Refusal> {
        self.keylockr.same_origin(self.head)
    }

    /// The origin that people see, or a refusal in development mode off loopback.
    fn origin(&self) -> Result<String, Refusal> {
        self.keylockr.origin(self.head)
    }

    /// Which browser this is, if it has a cookie of ours.
    fn browser(&self) -> Option<BrowserHash> {
        cookies::browser_secret(self.head, self.shared.site.is_secure()).map(|secret| secret.hash())
    }

    /// The attempt that the request is about, if it is this browser's: the one it names, or the
    /// newest. An unknown and a foreign one are both nothing, and take the same way here.
    async fn attempt(&self, named: Option<&str>) -> Result<Option<AttemptRecord>, Refusal> {
        let browser = self.browser();
        let query = body::query(self.head, "attempt");
        let Some(named) = query.as_deref().or(named) else {
            let Some(browser) = browser else {
                return Ok(None);
            };
            let now = self.shared.now();
            let attempts = self.shared.attempts.of_browser(&browser, now).await?;
            return Ok(attempts.into_iter().next_back());
        };
        match AttemptId::parse(named) {
            Some(id) => self.own(&id).await,
            None => Ok(None),
        }
    }

    /// This attempt, if it is this browser's.
    async fn own(&self, id: &AttemptId) -> Result<Option<AttemptRecord>, Refusal> {
        let record = self.shared.attempts.load(id, self.shared.now()).await?;
        let browser = self.browser();
        Ok(record.filter(|record| browser.is_some_and(|browser| browser == record.browser)))
    }

    fn refuse(&self, refusal: Refusal) -> Answer {
        // Whoever posts a form looks at the answer, as whoever opens a page does.
        let language = self.head.only("accept-language").unwrap_or_default();
        let wants_page = self.head.accepts_html();
        self.keylockr
            .refusal_answer(refusal, wants_page, Some(&self.mount), "/", language)
    }

    /// Where a page without script goes on.
    fn page_of(&self, attempt: Option<&AttemptId>) -> Answer {
        let page = self.page_path();
        let location = match attempt {
            Some(attempt) => format!("{page}?attempt={attempt}"),
            None => page.to_owned(),
        };
        Answer::see_other(location).private()
    }

    /// The same where no attempt is meant, and none is to be started by looking.
    fn page_of_no_attempt(&self) -> Answer {
        Answer::see_other(format!("{}?attempt=", self.page_path())).private()
    }

    fn page_path(&self) -> &str {
        if self.mount.is_empty() {
            "/"
        } else {
            &self.mount
        }
    }
}

/// Where the adapter was reached, as far as it is a plain local path; else where it should be.
fn mount(keylockr: &KeyLockr, head: &Head) -> String {
    let mount = head.mount();
    if mount.is_empty() || ReturnTo::parse(mount).as_str() == mount {
        mount.to_owned()
    } else {
        keylockr.mount().to_owned()
    }
}
