//! The login routes for axum.

use axum::Router;
use keylockr_login::Route;

use crate::service::service;

/// The login routes: the sign-in page, and what the page and programs need.
///
/// Nest them where you like. Where that is not `/login`, tell
/// [`KeyLockrBuilder::mount`](crate::KeyLockrBuilder::mount), so that extractors send strangers to
/// the right place; the routes themselves find out.
///
/// ```
/// # use axum::Router;
/// # use keylockr_tower::routes;
/// # let _: Router =
/// Router::new().nest("/login", routes())
/// # ;
/// ```
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Route::ALL.iter().fold(Router::new(), |router, route| {
        router.route_service(route.path(), service())
    })
}
