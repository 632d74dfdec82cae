//! UNLOQ's HTTP API (unloq.md 4): paths, methods, who asks.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::handle::Body;
use crate::{
    http::{answer::Answer, listen::to_response},
    world::Shared,
};

/// Whether a path is UNLOQ's.
pub(crate) fn is_api(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/") || path == "/widget" || path.starts_with("/widget/")
}

/// Answers a request, its body read.
pub(crate) async fn respond(shared: &Arc<Shared>, request: Request<Bytes>) -> Response<Body> {
    let _ = (shared, request);
    to_response(Answer::status(404))
}
