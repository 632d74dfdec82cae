//! The faults that are set.

use serde_json::{Value as Json, json};

use super::{
    kind::{Fault, FaultKind},
    table::FAULTS,
};

/// What a frame or call belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope<'a> {
    pub(crate) tmp_id: Option<&'a str>,
    pub(crate) app_id: Option<&'a str>,
}

/// The faults that are set, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<Active>,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    left: Option<u32>,
}

impl Faults {
    pub(crate) fn set(&mut self, fault: Fault) {
        let left = match &fault.kind {
            FaultKind::VerConflict { writes } => fault.times.or(Some(*writes)),
            _ => fault.times,
        };
        if left != Some(0) {
            self.active.push(Active { fault, left });
        }
    }

    /// Ends all faults, or those of one name.
    pub(crate) fn clear(&mut self, only: Option<&str>) {
        self.active
            .retain(|active| only.is_some_and(|name| active.fault.kind.name() != name));
    }

    /// The first fault that fits, which counts as one use of it.
    pub(crate) fn take<T>(
        &mut self,
        scope: Scope<'_>,
        pick: impl Fn(&FaultKind) -> Option<T>,
    ) -> Option<T> {
        let (at, picked) = self.find(scope, pick)?;
        if let Some(left) = self
            .active
            .get_mut(at)
            .and_then(|active| active.left.as_mut())
        {
            *left -= 1;
            self.active.retain(|active| active.left != Some(0));
        }
        Some(picked)
    }

    /// Everything that fits at once; one use of each.
    pub(crate) fn take_all<T>(
        &mut self,
        scope: Scope<'_>,
        pick: impl Fn(&FaultKind) -> Option<T>,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for active in &mut self.active {
            if fits(&active.fault, scope)
                && let Some(picked) = pick(&active.fault.kind)
            {
                all.push(picked);
                if let Some(left) = &mut active.left {
                    *left -= 1;
                }
            }
        }
        if !all.is_empty() {
            self.active.retain(|active| active.left != Some(0));
        }
        all
    }

    /// Whether this fault fits; one use of it.
    pub(crate) fn takes(&mut self, scope: Scope<'_>, kind: &FaultKind) -> bool {
        self.take(scope, |known| (known == kind).then_some(()))
            .is_some()
    }

    /// The first fault that fits, without using it.
    pub(crate) fn peek<T>(
        &self,
        scope: Scope<'_>,
        pick: impl Fn(&FaultKind) -> Option<T>,
    ) -> Option<T> {
        self.find(scope, pick).map(|(_, picked)| picked)
    }

    fn find<T>(
        &self,
        scope: Scope<'_>,
        pick: impl Fn(&FaultKind) -> Option<T>,
    ) -> Option<(usize, T)> {
        self.active
            .iter()
            .enumerate()
            .filter(|(_, active)| fits(&active.fault, scope))
            .find_map(|(at, active)| pick(&active.fault.kind).map(|picked| (at, picked)))
    }

    /// What is set, and all there is.
    pub(crate) fn to_json(&self) -> Json {
        let active: Vec<Json> = self.active.iter().map(Active::to_json).collect();
        let known: Vec<Json> = FAULTS
            .iter()
            .map(|known| {
                json!({
                    "fault": known.name,
                    "args": known.args,
                    "does": known.does,
                    "expect": known.expect,
                })
            })
            .collect();
        json!({ "active": active, "known": known })
    }
}

impl Active {
    fn to_json(&self) -> Json {
        let name = self.fault.kind.name();
        let expect = FAULTS
            .iter()
            .find(|known| known.name == name)
            .map(|known| known.expect);
        json!({
            "fault": name,
            "args": self.fault.kind.args(),
            "left": self.left,
            "tmp_id": self.fault.tmp_id,
            "app_id": self.fault.app_id,
            "expect": expect,
        })
    }
}

fn fits(fault: &Fault, scope: Scope<'_>) -> bool {
    match (fault.tmp_id.as_deref(), fault.app_id.as_deref()) {
        (None, None) => true,
        (tmp, app) => {
            (tmp.is_some() && tmp == scope.tmp_id) || (app.is_some() && app == scope.app_id)
        }
    }
}
