//! Where the signed-in person is signed in, and ending that, whatever the framework.

use url::form_urlencoded;

use crate::{
    KeyLockr, User, html,
    keylockr_login::{BodyError, Refusal},
    unloq::answer::{Answer, UNAVAILABLE},
};

/// `GET /private`: the members' page, with their sessions.
pub(crate) async fn page(keylockr: &KeyLockr, user: &User) -> Answer {
    let sessions = keylockr.sessions_of(user.safe_id()).await;
    Answer::page(200, html::private(user, sessions.as_deref().ok()))
}

/// `POST /private/sessions`: ends one of them.
pub(crate) async fn end(
    keylockr: &KeyLockr,
    user: &User,
    body: Result<impl AsRef<[u8]>, BodyError>,
) -> Answer {
    let handle = body.ok().and_then(|body| {
        let mut pairs = form_urlencoded::parse(body.as_ref());
        let found = pairs.find(|(name, _)| name == "session");
        found.map(|(_, handle)| handle.into_owned())
    });
    let ended = match &handle {
        // Of this person, or nothing happens: whoever posts it made it up then.
        Some(handle) => keylockr.end_session_of(user.safe_id(), handle).await,
        None => Err(Refusal::Malformed),
    };
    match ended {
        Ok(true) if handle.as_deref() == Some(user.session_handle()) => Answer::see_other("/"),
        Ok(_) => Answer::see_other("/private"),
        Err(Refusal::Malformed) => Answer::page(400, html::private(user, None)),
        Err(_) => Answer::refused(&UNAVAILABLE),
    }
}
