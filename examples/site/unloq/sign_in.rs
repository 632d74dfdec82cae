//! Signing in with UNLOQ: by its widget, which brings the browser back with a token, or by asking
//! the phone ourselves.

use core::num::NonZeroU32;

use unloq_client::{
    AccessToken, Authenticate, Authenticated, Email, Error, ErrorCode, Exchange, Otp,
};
use unloq_webhooks::{UnloqId, sessions::SessionHandle};
use url::form_urlencoded;

use super::{
    Inner,
    answer::{
        Answer, CLOSED, CROSS_ORIGIN, NO_PASS, NO_TOKEN, Refusal, STALE_TOKEN, TOO_MANY,
        UNAVAILABLE, UNREACHABLE,
    },
    visit::{Asked, Member, Unavailable, Visit, WHOLE_LIFE},
};
use crate::{
    clock, html,
    keylockr_login::{BodyError, Zeroizing},
};

/// Where people find themselves signed in.
const AFTER: &str = "/unloq/me";

impl Inner {
    /// `GET /unloq`: the ways to sign in, and a pass for this browser.
    pub(crate) fn page(&self, asked: &Asked) -> Answer {
        self.form(asked, 200, &html::UnloqSignIn::default())
    }

    /// `POST /unloq`: asks the phone of an address, and signs in who approves.
    pub(crate) async fn push(
        &self,
        visit: &impl Visit,
        body: Result<impl AsRef<[u8]>, BodyError>,
    ) -> Answer {
        if !visit.is_same_origin() {
            return Answer::refused(&CROSS_ORIGIN);
        }
        let asked = visit.asked();
        let Ok(form) = body.map(|body| Typed::read(body.as_ref())) else {
            return self.form(asked, 400, &words("That was too much, or too slow."));
        };
        let shown = |message, asks_otp| html::UnloqSignIn {
            email: &form.email,
            message,
            asks_otp,
        };
        let Ok(email) = Email::parse(form.email.trim()) else {
            let shown = shown("Type the e-mail address that UNLOQ knows you by.", false);
            return self.form(asked, 400, &shown);
        };
        let otp = match form.otp.trim() {
            "" => None,
            typed => match Otp::parse(typed) {
                Ok(otp) => Some(otp),
                Err(_) => {
                    let shown = shown("The code has 4 to 10 digits; your phone shows it.", true);
                    return self.form(asked, 400, &shown);
                }
            },
        };
        if !self.limit.admits(asked.peer, clock::now()) {
            return Answer::refused(&TOO_MANY);
        }
        let Some(_ring) = self.ringing.begin(email.as_str()) else {
            let shown = shown("This phone is being asked already. Look at it.", false);
            return self.form(asked, 429, &shown);
        };
        let mut ask = Authenticate::push(email);
        if let Some(otp) = otp {
            ask = ask.with_otp(otp);
        }
        if let Some(peer) = asked.peer {
            ask = ask.ip(peer);
        }
        match self.client.authenticate(&ask).await {
            Ok(Authenticated::Token { token, .. }) => self.exchange(visit, &token).await,
            Ok(_) => Answer::refused(&UNREACHABLE),
            Err(error) => {
                let (status, message, asks_otp) = not_approved(&error);
                self.form(asked, status, &shown(message, asks_otp))
            }
        }
    }

    /// `GET /unloq/return?token=`: what UNLOQ's widget leads back to.
    pub(crate) async fn come_back(&self, visit: &impl Visit) -> Answer {
        self.returned(visit).await.without_referrer()
    }

    async fn returned(&self, visit: &impl Visit) -> Answer {
        let (asked, now) = (visit.asked(), clock::now());
        if asked.method != "GET" {
            // A HEAD would use the token up and show nobody anything.
            return Answer::page(405, String::new()).with("allow", "GET");
        }
        let Some(pass) = self.passes.of(asked, now).filter(|_| asked.is_navigation()) else {
            tracing::warn!("a return from UNLOQ without a pass; its token was not used");
            return Answer::refused(&NO_PASS);
        };
        let Some(token) = token(&asked.query) else {
            return Answer::refused(&NO_TOKEN);
        };
        if !self.limit.admits(asked.peer, now) {
            return Answer::refused(&TOO_MANY);
        }
        match self.passes.spend(&pass, now) {
            Ok(true) => {}
            Ok(false) => return Answer::refused(&NO_PASS),
            Err(Unavailable) => return Answer::refused(&UNAVAILABLE),
        }
        match self.signed_in(visit, &token).await {
            Ok(()) => Answer::see_other(AFTER).with("set-cookie", &self.passes.take_away()),
            Err(Failed::NotAsked(refusal)) => {
                self.passes.give_back(&pass);
                Answer::refused(&refusal)
            }
            Err(Failed::Refused(refusal)) => {
                Answer::refused(&refusal).with("set-cookie", &self.passes.take_away())
            }
        }
    }

    async fn exchange(&self, visit: &impl Visit, token: &AccessToken) -> Answer {
        match self.signed_in(visit, token).await {
            Ok(()) => Answer::see_other(AFTER).with("set-cookie", &self.passes.take_away()),
            Err(Failed::NotAsked(refusal) | Failed::Refused(refusal)) => Answer::refused(&refusal),
        }
    }

    /// Exchanges a token, and begins the session of whoever it stands for. Who was signed in
    /// before is not any more.
    async fn signed_in(&self, visit: &impl Visit, token: &AccessToken) -> Result<(), Failed> {
        let store = |Unavailable| Failed::NotAsked(UNAVAILABLE);
        // Before the token is used up: a store that is down is noticed here.
        let before = visit.keylockr_user().await.map_err(store)?;
        let handle = SessionHandle::random().map_err(|_| store(Unavailable))?;
        let sid = unloq_client::SessionHandle::parse(handle.as_str());
        let sid = sid.map_err(|_| store(Unavailable))?;
        let mut exchange = Exchange::new(token).session(&sid, NonZeroU32::new(WHOLE_LIFE));
        if let Some(peer) = visit.asked().peer {
            exchange = exchange.ip(peer);
        }
        let exchanged = self.client.exchange(&exchange).await;
        let user = exchanged.map_err(|error| not_taken(&error))?;

        let store = |Unavailable| Failed::Refused(UNAVAILABLE);
        let id = UnloqId::parse(&user.unloq_id().to_string());
        let id = id.ok_or(store(Unavailable))?;
        if !self.accounts.is_open(&id).await.map_err(store)? {
            tracing::info!(user = %id, "somebody with a closed account was not signed in");
            return Err(Failed::Refused(CLOSED));
        }
        if let Some(before) = before {
            let ended = self.keylockr.end_session(before.session_handle()).await;
            ended.map_err(|_| store(Unavailable))?;
        }
        let remembered = self.accounts.remember(&id, user.email());
        remembered.await.map_err(store)?;
        let member = Member {
            id: user.unloq_id(),
            email: user.email().clone(),
            since: clock::now(),
        };
        visit.begin(&member, &handle).await.map_err(store)?;
        // Closed in the meantime: whoever closed it may not have seen this session yet.
        let is_open = self.accounts.is_open(&id).await;
        if !matches!(is_open, Ok(true)) {
            visit.end().await.map_err(store)?;
            is_open.map_err(store)?;
            return Err(Failed::Refused(CLOSED));
        }
        tracing::info!(user = %id, "signed in with UNLOQ");
        Ok(())
    }

    /// Who is signed in with UNLOQ.
    pub(crate) async fn member(&self, visit: &impl Visit) -> Result<Option<Member>, Unavailable> {
        if visit.keylockr_user().await?.is_some() {
            return Ok(None);
        }
        let kept = visit.read().await?;
        let Some(member) = kept.as_ref().and_then(Member::from_json) else {
            return Ok(None);
        };
        let Some(id) = UnloqId::parse(&member.id.to_string()) else {
            return Ok(None);
        };
        let is_open = self.accounts.is_open(&id).await?;
        Ok(is_open.then_some(member))
    }

    /// `GET /` of somebody who is not signed in with KeyLockr.
    pub(crate) async fn home(&self, visit: &impl Visit) -> Answer {
        let phone = self.phone.as_deref();
        match self.member(visit).await {
            Ok(Some(member)) => {
                Answer::page(200, html::home(&html::Visitor::Unloq(&member), phone, true))
            }
            Ok(None) => Answer::page(200, html::home(&html::Visitor::Stranger, phone, true)),
            Err(Unavailable) => Answer::refused(&UNAVAILABLE),
        }
    }

    /// `GET /unloq/me`: the signed-in person's page.
    pub(crate) async fn me(&self, visit: &impl Visit) -> Answer {
        match self.member(visit).await {
            Ok(Some(member)) => Answer::page(200, html::unloq_me(&member)),
            Ok(None) => Answer::see_other("/unloq"),
            Err(Unavailable) => Answer::refused(&UNAVAILABLE),
        }
    }

    /// `POST /unloq/logout`
    pub(crate) async fn sign_out(&self, visit: &impl Visit) -> Answer {
        if !visit.is_same_origin() {
            return Answer::refused(&CROSS_ORIGIN);
        }
        let ended = match self.member(visit).await {
            Ok(Some(_)) => visit.end().await,
            Ok(None) => Ok(()),
            Err(Unavailable) => Err(Unavailable),
        };
        match ended {
            Ok(()) => Answer::see_other("/"),
            Err(Unavailable) => Answer::refused(&UNAVAILABLE),
        }
    }

    fn form(&self, asked: &Asked, status: u16, shown: &html::UnloqSignIn<'_>) -> Answer {
        let page = html::unloq_sign_in(shown, self.widget.as_deref(), self.phone.as_deref());
        match self.passes.give(asked, clock::now()) {
            Ok(cookie) => Answer::page(status, page).with("set-cookie", &cookie),
            Err(Unavailable) => Answer::refused(&UNAVAILABLE),
        }
    }
}

/// Why nobody was signed in.
enum Failed {
    /// The token is as good as before.
    NotAsked(Refusal),
    /// The token is gone.
    Refused(Refusal),
}

/// What was typed into the form.
#[derive(Default)]
struct Typed {
    email: String,
    otp: Zeroizing<String>,
}

impl Typed {
    fn read(body: &[u8]) -> Self {
        let mut typed = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "email" => typed.email = value.into_owned(),
                "otp" => *typed.otp = value.into_owned(),
                _ => {}
            }
        }
        typed
    }
}

/// The one token of a query.
fn token(query: &str) -> Option<AccessToken> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut tokens = pairs.filter(|(name, _)| name == "token");
    let (_, text) = tokens.next()?;
    let token = AccessToken::parse(&text).ok();
    token.filter(|_| tokens.next().is_none())
}

fn words(message: &str) -> html::UnloqSignIn<'_> {
    html::UnloqSignIn {
        message,
        ..html::UnloqSignIn::default()
    }
}

/// Status, words, and whether the code of the phone is asked for next.
fn not_approved(error: &Error) -> (u16, &'static str, bool) {
    match error.code() {
        Some(ErrorCode::Denied) => {
            let next = "The request was refused on the phone. To ask again, add the code that the phone shows.";
            return (403, next, true);
        }
        Some(ErrorCode::OtpRequired) => {
            return (403, "Add the code that your phone shows.", true);
        }
        Some(ErrorCode::ApprovalTimeout) => return (403, NO_ANSWER, false),
        Some(ErrorCode::Throttled | ErrorCode::Blocked) => {
            return (429, "UNLOQ asks for a pause of some minutes.", false);
        }
        Some(ErrorCode::NoDevice | ErrorCode::PushUnregistered) => {
            return (403, NO_PHONE, false);
        }
        _ => {}
    }
    tracing::warn!(%error, "UNLOQ did not ask somebody");
    match error {
        Error::Timeout { .. } => (403, NO_ANSWER, false),
        // Whoever is not known there is told no more than who has no phone.
        Error::Refused { refusal, .. } if is_theirs(refusal) => (403, NO_PHONE, false),
        _ => (
            503,
            "UNLOQ cannot be reached right now. Nobody was signed in.",
            false,
        ),
    }
}

const NO_ANSWER: &str = "Nobody answered on the phone in time. You can ask again.";
const NO_PHONE: &str = "UNLOQ cannot ask a phone for this address.";

fn not_taken(error: &Error) -> Failed {
    let refusal = match error {
        Error::Refused { refusal, .. } if is_theirs(refusal) => STALE_TOKEN,
        _ => UNREACHABLE,
    };
    tracing::warn!(%error, "UNLOQ did not exchange a token");
    match error.was_not_sent() {
        true => Failed::NotAsked(refusal),
        false => Failed::Refused(refusal),
    }
}

/// Whether the fault is the person's, and not ours or UNLOQ's.
pub(crate) fn is_theirs(refusal: &unloq_client::Refusal) -> bool {
    let ours = matches!(
        refusal.code(),
        ErrorCode::ApplicationNotFound | ErrorCode::Throttled | ErrorCode::Blocked
    );
    let status = refusal.status().unwrap_or(400);
    !ours && (400..500).contains(&status) && !matches!(status, 401 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_and_no_more() {
        for (query, good) in [
            ("token=abc", true),
            ("a=b&token=a%2Bc", true),
            ("", false),
            ("token=", false),
            ("token=a%20b", false),
            ("token=a&token=b", false),
            ("Token=a", false),
        ] {
            assert_eq!(token(query).is_some(), good, "{query}");
        }
        let long = format!("token={}", "t".repeat(4097));
        assert!(token(&long).is_none());
    }
}
