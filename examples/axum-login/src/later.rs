//! Routes that later versions fill: the UNLOQ hooks.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use std::future::{Ready, ready};

use axum::extract::Path;

/// The UNLOQ hooks: there are none without a secret.
pub(crate) fn hook(
    configured: bool,
) -> impl Fn(Path<String>) -> Ready<Response> + Clone + Send + Sync + 'static {
    move |Path(hook)| {
        let known = matches!(hook.as_str(), "logout" | "activate" | "deactivate");
        ready(if configured && known {
            not_yet("UNLOQ hooks are not implemented yet.")
        } else {
            StatusCode::NOT_FOUND.into_response()
        })
    }
}

fn not_yet(detail: &'static str) -> Response {
    let problem = format!(
        r#"{{"type":"about:blank","title":"Not Implemented","status":501,"detail":"{detail}"}}"#
    );
    (
        StatusCode::NOT_IMPLEMENTED,
        [(header::CONTENT_TYPE, "application/problem+json")],
        problem,
    )
        .into_response()
}
