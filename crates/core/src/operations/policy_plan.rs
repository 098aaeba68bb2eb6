//! Plan policy: what a document would do to the realm's keys from now on, day by day, were it attached to all of them. Nothing
//! changes. Not here: deciding (policy).

use std::{collections::BTreeSet, ops::Bound};

use super::{
    Operation, Subject,
    policies::{DEEDS, next_rotation, stored},
};
use crate::{
    access::{Action, Permit},
    error::Result,
    model::{Key, KeyId, ManagedObject, Time},
    policy::{self, Decision, Deed, Document, Facts},
    ports::store::IndexRange,
    record::{IndexKind, Record, RecordKey},
    request::{Context, Resolved},
};

/// Days that a plan looks ahead at most.
pub const PLAN_DAYS_MAX: u16 = 3660;

/// Keys that are looked at.
const KEYS_MAX: usize = 10_000;

/// Events that are told.
const EVENTS_MAX: usize = 1000;

/// Changes by time of one version that are looked at: a document has fewer rules.
const CHANGES_MAX: usize = 128;

/// Keys in one page.
const PAGE: usize = 512;

/// Tells what a document would do.
pub struct PlanPolicy {
    /// Its name.
    pub name: String,
    /// Days to look ahead, [`PLAN_DAYS_MAX`] at most.
    pub days: u16,
}

/// Something that would happen.
pub struct Event {
    /// When; now for what would hold at once.
    pub time: Time,
    /// The key's name.
    pub key: String,
    /// Its version.
    pub version: u32,
    /// `rotate`, or what is asked for: `make`, `protect`, `process`, `export-wrapped`, `export-plain`.
    pub what: &'static str,
    /// `done` for a rotation, else `warned`, `refused`, or `allowed` again.
    pub outcome: &'static str,
    /// Why.
    pub why: String,
}

/// What would happen.
pub struct Plan {
    /// In the order of time.
    pub events: Vec<Event>,
    /// Keys that were looked at.
    pub keys: usize,
    /// False where there are more keys or events than are looked at.
    pub complete: bool,
}

impl Operation for PlanPolicy {
    type Reply = Plan;

    fn action(&self) -> Action {
        Action::ShowPolicies
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Plan> {
        context.note_target(&self.name);
        let document = stored(context)?.document(&self.name)?;
        let until = context.now().plus_days(self.days.min(PLAN_DAYS_MAX));
        let (keys, mut complete) = all_keys(context)?;
        let mut events = Vec::new();
        for key in &keys {
            if events.len() > EVENTS_MAX {
                break;
            }
            let record = context.store().get(&RecordKey::Key(*key))?;
            let Some(Record::Key(key)) = record.as_deref() else { continue };
            plan_key(context, &document, key, until, &mut events)?;
        }
        events.sort_by(|a, b| (a.time, &a.key, a.version).cmp(&(b.time, &b.key, b.version)));
        complete &= events.len() <= EVENTS_MAX;
        events.truncate(EVENTS_MAX);
        Ok(Plan { events, keys: keys.len(), complete })
    }
}

/// The realm's keys, and whether these are all. Not tracked: a plan tells what was true a moment ago.
fn all_keys(context: &Context<'_>) -> Result<(BTreeSet<KeyId>, bool)> {
    let (from, to) = (Bound::Unbounded, Bound::Unbounded);
    let range = IndexRange { realm: context.realm(), kind: IndexKind::KeyByName, from, to };
    let (mut keys, mut after) = (BTreeSet::new(), None);
    loop {
        let page = context.find(&range, after.as_ref(), PAGE)?;
        keys.extend(page.iter().map(|hit| KeyId(hit.id)));
        match page.last() {
            Some(_) if page.len() == PAGE && keys.len() >= KEYS_MAX => return Ok((keys, false)),
            Some(last) if page.len() == PAGE => after = Some(last.clone()),
            _ => return Ok((keys, true)),
        }
    }
}

fn plan_key(
    context: &Context<'_>,
    document: &Document,
    key: &Key,
    until: Time,
    events: &mut Vec<Event>,
) -> Result<()> {
    let now = context.now();
    if let Some(reason) = policy::against_names(document, &key.name, &key.tags) {
        let version = key.latest().map_or(1, |latest| latest.number);
        let (key, why) = (key.name.clone(), format!("a key such as this: {reason}"));
        events.push(Event { time: now, key, version, what: "make", outcome: "refused", why });
    }
    for version in &key.versions {
        let record = context.store().get(&RecordKey::Object(version.primary))?;
        let Some(Record::Object(object)) = record.as_deref() else { continue };
        if object.state.is_destroyed() {
            continue;
        }
        if key.latest().is_some_and(|latest| latest.number == version.number) {
            plan_rotations(document, key, object, (now, until), events);
        }
        plan_deeds(document, key, object, (now, until), events);
    }
    Ok(())
}

/// The rotations that the document adds to what the key does by itself.
fn plan_rotations(
    document: &Document,
    key: &Key,
    object: &ManagedObject,
    (now, until): (Time, Time),
    events: &mut Vec<Event>,
) {
    let Some(rotation) = document.rotation.filter(|_| policy::can_rotate(object)) else { return };
    let mut time = object.dates.initial.plus_days(rotation.every_days).max(now);
    let mut version = object.version;
    let own =
        next_rotation(object).map(|own| format!("; by itself it would be on {own}")).unwrap_or_default();
    while time <= until && events.len() <= EVENTS_MAX {
        version += 1;
        let why = format!("policy {}, rule rotation: every {} days{own}", document.name, rotation.every_days);
        events.push(Event { time, key: key.name.clone(), version, what: "rotate", outcome: "done", why });
        time = time.plus_days(rotation.every_days);
    }
}

fn plan_deeds(
    document: &Document,
    key: &Key,
    object: &ManagedObject,
    (now, until): (Time, Time),
    events: &mut Vec<Event>,
) {
    let facts = Facts::of(object, Some(key), false);
    let mut before: [Decision; DEEDS.len()] = std::array::from_fn(|_| Decision::Allowed);
    let mut time = Some(now);
    for _ in 0..CHANGES_MAX {
        let Some(at) = time.filter(|at| *at <= until) else { return };
        for ((deed, word), before) in DEEDS.iter().zip(&mut before) {
            let decision = policy::decide(document, &facts, *deed, at);
            if decision != *before {
                let (outcome, why) = told(&decision);
                let (key, version) = (key.name.clone(), object.version);
                // An object that keeps its own is told of once: exports are warned of as uses are.
                if !(matches!(deed, Deed::Export { .. }) && outcome == "warned") {
                    events.push(Event { time: at, key, version, what: word, outcome, why });
                }
                *before = decision;
            }
        }
        time = policy::next_change(document, &facts, at);
    }
}

/// The word and the reasons of a decision.
pub fn told(decision: &Decision) -> (&'static str, String) {
    match decision {
        Decision::Allowed => ("allowed", String::new()),
        Decision::Warned(reasons) => {
            ("warned", reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        Decision::Refused(reason) => ("refused", reason.to_string()),
    }
}
