//! Every order of the events of a sign-in, duplicates among them, to a depth that `KEYLOCKR_EVENTS` sets.

use std::collections::BTreeMap;

use keylockr_proto::KeyLifetime;

use super::depth;
use crate::login_events::{Event, Run, Stage, kind_of};
use crate::peer::Dialect;

/// How many sequences there were, by what they came to.
type Counts = BTreeMap<&'static str, u64>;

/// Plays `order`, and then every order of up to `left` more events that can follow it.
fn explore(stage: &Stage, order: &mut Vec<Event>, left: usize, counts: &mut Counts) {
    let mut run = Run::new(stage);
    for event in order.iter() {
        run.take(*event);
    }
    let came_to = run.end().map_or("open", kind_of);
    *counts.entry(came_to).or_default() += 1;
    let can: Vec<Event> = if left == 0 || run.is_over() {
        Vec::new()
    } else {
        Event::ALL
            .into_iter()
            .filter(|event| run.can(*event))
            .collect()
    };
    run.let_go();
    for event in can {
        order.push(event);
        explore(stage, order, left - 1, counts);
        order.pop();
    }
}

fn all_orders(dialect: Dialect, lifetime: KeyLifetime, always: bool) {
    let stage = Stage::new(dialect, lifetime, always);
    let mut counts = Counts::new();
    // Before the greeting little tells events apart.
    explore(&stage, &mut Vec::new(), depth() - 1, &mut counts);
    explore(&stage, &mut vec![Event::Connected], depth(), &mut counts);
    for kind in ["open", "denied", "failed", "expired", "cancelled", "done"] {
        assert!(
            counts.contains_key(kind),
            "{dialect:?} {lifetime:?} always={always}: no sequence comes to {kind}: {counts:?}"
        );
    }
}

#[test]
fn all_sequences_seed() {
    all_orders(Dialect::Seed, KeyLifetime::Fresh, false);
}

#[test]
fn all_sequences_seed_data() {
    all_orders(Dialect::SeedData, KeyLifetime::Fresh, false);
}

#[test]
fn all_sequences_revision_1() {
    all_orders(Dialect::One, KeyLifetime::Fresh, false);
}

#[test]
fn all_sequences_revision_2() {
    all_orders(Dialect::Two, KeyLifetime::Fresh, false);
}

#[test]
fn all_sequences_revision_2_verified() {
    all_orders(Dialect::Two, KeyLifetime::Fresh, true);
}

#[test]
fn all_sequences_revision_2_fixed_keys() {
    all_orders(Dialect::Two, KeyLifetime::Fixed, false);
}
