//! `GET /approvals` and `/approvals/:id`.

use serde_json::{Value as Json, json};

use super::{Call, Outcome, body};
use crate::unloq::{
    ApprovalKind, ApprovalStatus,
    envelope::{Meta, Refusal, success},
    moment::timestamp,
    question::Question,
};

pub(super) fn list(call: &Call<'_>) -> Outcome {
    let number = |name, least: usize, most: usize, default| match body::parameter(call, name)? {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| Refusal::malformed(format!("{name} is out of its range"))),
    };
    let limit = number("limit", 10, 100, 10)?;
    let page = number("page", 1, usize::MAX, 1)?;
    let mut world = call.shared.world();
    let now = world.moment();
    // Times out what is due.
    world.unloq.open_approvals(now);
    // The newest first.
    let mine: Vec<&Question> = world
        .unloq
        .questions
        .iter()
        .rev()
        .filter(|question| question.app == call.api_key)
        .collect();
    let start = limit.saturating_mul(page - 1);
    let shown: Vec<Json> = mine
        .iter()
        .skip(start)
        .take(limit)
        .map(|it| view(it))
        .collect();
    let meta = Meta {
        total_count: mine.len(),
        page_count: mine.len().div_ceil(limit),
        current_count: shown.len(),
        current_page: page,
    };
    Ok(success(call.envelope, "approval.find", &shown, Some(&meta)))
}

pub(super) fn read(call: &Call<'_>, id: &str) -> Outcome {
    let unknown = Refusal::new(404, "APPROVAL.NOT_FOUND", "there is no such approval");
    let mut world = call.shared.world();
    let now = world.moment();
    let found = match world.unloq.question(id, now) {
        Ok(question) if question.app == call.api_key => view(question),
        _ => return Err(unknown),
    };
    drop(world);
    call.ok("approval.read", &found)
}

fn view(question: &Question) -> Json {
    let status = match question.status {
        ApprovalStatus::New => "NEW",
        ApprovalStatus::Approved => "APPROVED",
        ApprovalStatus::Denied => "DENIED",
        ApprovalStatus::Timeout => "TIMEOUT",
    };
    let answered = question.answered.is_some() && question.method == "UNLOQ";
    let mut view = json!({
        "id": question.id,
        "type": question.kind,
        "method": question.method,
        "status": status,
        "ip_source": question.shown.ip,
        "ip_device": answered.then_some("127.0.0.1"),
        "created_at": timestamp(question.asked_unix),
    });
    if question.kind == ApprovalKind::Authentication {
        view["authentication"] = json!({
            "encryption_key": question.wants_key,
            "session": { "sent": question.session },
        });
    }
    view
}
