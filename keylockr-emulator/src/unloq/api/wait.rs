//! Waiting for a device.

use crate::{
    unloq::{
        ApprovalStatus, Profile,
        envelope::Refusal,
        question::{Ask, Parcel},
    },
    world::Shared,
};

/// Checks that the user can be asked on a device.
pub(super) fn reachable(profile: &Profile) -> Result<(), Refusal> {
    if !profile.enrolled() {
        return Err(Refusal::DEVICE);
    }
    if !profile.push {
        return Err(Refusal::PUSH);
    }
    Ok(())
}

/// Puts a question on a device.
pub(super) fn ask(shared: &Shared, ask: Ask) -> String {
    let mut world = shared.world();
    let now = world.moment();
    world.unloq.ask(ask, now)
}

/// Waits for the answer. Whoever stops waiting leaves the question on the device.
pub(in crate::unloq) async fn answer(shared: &Shared, id: &str) -> Result<(), Refusal> {
    let mut changes = shared.hub().watch();
    loop {
        // Marks this version as seen before looking, so that no change slips through.
        changes.borrow_and_update();
        let deadline = {
            let mut world = shared.world();
            let now = world.moment();
            let clock = world.server.clock.clone();
            // A reset takes questions away: nobody will answer.
            let question = world
                .unloq
                .question(id, now)
                .map_err(|_| Refusal::TIMEOUT)?;
            match question.status {
                ApprovalStatus::New => clock.instant(question.deadline),
                ApprovalStatus::Approved => return Ok(()),
                ApprovalStatus::Denied => return Err(Refusal::DENIED),
                ApprovalStatus::Timeout => {
                    // It leaves the phone page.
                    world.unloq.changed();
                    return Err(Refusal::TIMEOUT);
                }
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() {
                return Err(Refusal::TIMEOUT);
            },
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}

/// Takes what the device handed out, once.
pub(super) fn parcel(shared: &Shared, id: &str) -> Option<Parcel> {
    let mut world = shared.world();
    let now = world.moment();
    let question = world.unloq.question(id, now).ok()?;
    question.parcel.take()
}
