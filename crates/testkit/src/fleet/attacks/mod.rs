//! Attacks that are laid into a fleet at a time and place that follow from its seed; one file a family. Each is the trace
//! that an attacker leaves in the journal, or what is missing from it. Not here: what notices them.

mod access;
mod appliances;
mod credentials;
mod destruction;
mod evasion;
mod exfiltration;
mod insiders;
pub mod scene;

use std::{collections::BTreeSet, sync::Arc};

use super::{calendar::HOUR, plan::Plan};
use scene::{Scene, Taken};

/// By when an attack should be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// So many hours after its first entry.
    AfterBegin(i64),
    /// So many hours after its last entry, a day at most.
    AfterEnd(i64),
}

/// An attack.
pub struct Attack {
    /// Name, for labels and tables.
    pub name: &'static str,
    /// What happens, in two or three lines.
    pub story: &'static str,
    /// The alert of the issue that it was written from; `None` where it comes from elsewhere.
    pub from_rule: Option<&'static str>,
    /// Where it comes from, where it was written from no alert: a report, or plain malice.
    pub source: &'static str,
    /// By when it should be noticed.
    pub notice: Notice,
    /// Days that it takes at most.
    days: usize,
    lay: fn(&mut Scene<'_>),
}

/// Every attack, family by family: those first that need keys for which nothing else is planned.
pub fn all() -> impl Iterator<Item = &'static Attack> {
    [
        &destruction::ATTACKS[..],
        &credentials::ATTACKS,
        &access::ATTACKS,
        &insiders::ATTACKS,
        &exfiltration::ATTACKS,
        &evasion::ATTACKS,
        &appliances::ATTACKS,
    ]
    .into_iter()
    .flatten()
}

/// Where an attack lies in a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The attack's name.
    pub attack: &'static str,
    /// When it begins, in true milliseconds since the epoch.
    pub begins: i64,
    /// When it ends.
    pub ends: i64,
    /// By when it should be noticed.
    pub notice_by: i64,
    /// Whom its entries are by, or who and what is missing, by name: `sink/siem` is the sink's cursor.
    pub about: BTreeSet<Arc<str>>,
    /// How many entries of the journal are its own; none where something is missing instead.
    pub entries: usize,
}

/// Lays attacks into what is planned, each at its own place. What they do to keys and members stays so for all others.
pub(super) fn lay<'a>(plan: &mut Plan, attacks: impl Iterator<Item = &'a Attack>) -> Vec<Label> {
    let mut taken = Taken::default();
    attacks.map(|attack| lay_one(plan, attack, &mut taken)).collect()
}

fn lay_one(plan: &mut Plan, attack: &Attack, taken: &mut Taken) -> Label {
    let before = plan.entries.len();
    let mut scene = Scene::new(plan, attack.name, attack.days, taken);
    (attack.lay)(&mut scene);
    let missing = scene.missing.take();
    let own: Vec<_> = plan.entries[before..].iter().filter(|draft| draft.attack.is_some()).collect();
    let span = missing.iter().flat_map(|(span, _)| [span.from, span.to]);
    let times = || own.iter().map(|draft| draft.at).chain(span.clone());
    let (begins, ends) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let notice_by = match attack.notice {
        Notice::AfterBegin(hours) => begins + hours * HOUR,
        Notice::AfterEnd(hours) => ends + hours * HOUR,
    };
    let names = own.iter().map(|draft| &draft.entry.principal).chain(missing.iter().map(|(_, name)| name));
    let about = names.cloned().collect();
    Label { attack: attack.name, begins, ends, notice_by, about, entries: own.len() }
}

/// The table of docs/alerts.md.
pub fn table() -> String {
    let mut text = "| attack | what happens | written from | noticed by |\n|---|---|---|---|\n".to_owned();
    for attack in all() {
        let from = match attack.from_rule {
            Some(rule) => format!("the alert on {rule}"),
            None => attack.source.to_owned(),
        };
        let notice = match attack.notice {
            Notice::AfterBegin(hours) => format!("{hours} h after its beginning"),
            Notice::AfterEnd(hours) => format!("{hours} h after its end"),
        };
        text.push_str(&format!("| `{}` | {} | {from} | {notice} |\n", attack.name, attack.story));
    }
    text
}
