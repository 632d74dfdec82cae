//! Routes that later versions fill: the UNLOQ hooks.

use actix_web::{HttpResponse, http::StatusCode, web};

/// The UNLOQ hooks: there are none without a secret.
pub(crate) async fn hook(configured: bool, hook: web::Path<String>) -> HttpResponse {
    let known = matches!(hook.as_str(), "logout" | "activate" | "deactivate");
    if configured && known {
        not_yet("UNLOQ hooks are not implemented yet.")
    } else {
        HttpResponse::NotFound().finish()
    }
}

fn not_yet(detail: &'static str) -> HttpResponse {
    let problem = format!(
        r#"{{"type":"about:blank","title":"Not Implemented","status":501,"detail":"{detail}"}}"#
    );
    HttpResponse::build(StatusCode::NOT_IMPLEMENTED)
        .content_type("application/problem+json")
        .body(problem)
}
