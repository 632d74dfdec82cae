//! The login routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header::CONTENT_LENGTH},
    web::{self, Payload, ServiceConfig},
};
use bytes::Bytes;
use keylockr_login::{BodyError, Found, Refusal, Request, Route};

use crate::{answer::response, handle::Handle, request};

/// The login routes: the sign-in page, and what the page and programs need.
///
/// Give them a scope of their own. Where that is not `/login`, tell
/// [`KeyLockrBuilder::mount`](crate::KeyLockrBuilder::mount), so that extractors send strangers to
/// the right place; the routes themselves find out.
///
/// ```
/// # use actix_web::{App, web};
/// # use keylockr_actix::routes;
/// # let _ =
/// App::new().service(web::scope("/login").configure(routes))
/// # ;
/// ```
pub fn routes(scope: &mut ServiceConfig) {
    for &route in Route::ALL {
        let answer = move |request, payload| answer(route, request, payload);
        scope.service(web::resource(route.path()).to(answer));
        if route == Route::Page {
            // The mount without a slash at its end.
            scope.service(web::resource("").to(answer));
        }
    }
}

async fn answer(route: Route, request: HttpRequest, payload: Payload) -> HttpResponse {
    let handle = match Handle::of(&request) {
        Ok(handle) => handle,
        Err(missing) => return missing.response(),
    };
    let keylockr = handle.keylockr();
    let head = request::head(&request, route, keylockr.mount());
    let route = match Route::find(request.method().as_str(), route.path()) {
        Found::Route(route) => route,
        Found::MethodNotAllowed { allow } => {
            let refusal = Refusal::MethodNotAllowed { allow };
            return response(handle.asker(&request).answer(refusal, Some(head.mount())));
        }
        Found::NotFound => {
            let asker = handle.asker(&request);
            return response(asker.answer(Refusal::NotFound, Some(head.mount())));
        }
    };
    let body = read(&request, payload).await;
    let answered = keylockr
        .answer(route, Request { head, body }, handle.session())
        .await;
    response(answered)
}

/// Only a POST has something to say.
async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, BodyError> {
    if request.method() != Method::POST {
        return Ok(Bytes::new());
    }
    let declared = request.headers().get(CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    request::body(payload, declared).await
}
