//! Doctor: says in plain words what the present set-up survives, what a destruction would prove, and what is amiss.
//!
//! A pure judgement over facts of the store. Not here: mending anything.

use std::sync::Arc;

use keyreeve_core::model::{Place, PlaceKind, Time};
use keyreeve_core::operations::recovery::Administered;
use keyreeve_store::backup::{Acknowledge, RollbackCheck, TargetStatus};
use keyreeve_store::{Trouble, UnlockKind};
use serde_json::{Value, json};

use crate::backups::Last;
use crate::memory::Memory;

/// Days after which a backup or a drill counts as old.
const OLD_DAYS: i64 = 30;

/// Days before which doctor says that administrators will be shut out.
pub const WARNED_DAYS: i64 = 30;

/// Facts that doctor judges.
pub struct Facts {
    /// Places of epoch keys.
    pub places: Vec<Arc<Place>>,
    /// Targets as their shippers see them.
    pub targets: Vec<TargetStatus>,
    /// Targets that lie where none should: each in a sentence.
    pub misplaced: Vec<String>,
    /// What keeps places from their part in destructions.
    pub troubles: Vec<Trouble>,
    /// Whether this start could tell a roll-back.
    pub rollback: RollbackCheck,
    /// What opens the root key.
    pub unlocks: Vec<UnlockKind>,
    /// Versions of former root keys that are kept.
    pub retired: Vec<u32>,
    /// When a change is answered.
    pub acknowledge: Acknowledge,
    /// What is damaged in the index.
    pub index_damage: Option<String>,
    /// The disk of the journal is full.
    pub is_full: bool,
    /// Bytes of it that are held back for what destroys and revokes.
    pub reserve_bytes: u64,
    /// Whether this process's memory can come to swap.
    pub memory: Memory,
    /// Who administers each realm, now and in [`WARNED_DAYS`].
    pub administered: Vec<Administered>,
    /// When the last full backup was taken, and the last drill ended well.
    pub last: Last,
    /// The present.
    pub now: Time,
    /// The grade that a destruction would get.
    pub grade: &'static str,
}

/// One thing that doctor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Something to see to.
    pub is_warning: bool,
    /// In plain words.
    pub text: String,
}

/// What doctor says, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// See [`Finding`].
    pub findings: Vec<Finding>,
    /// The grade that a destruction would get.
    pub grade: &'static str,
}

impl Report {
    /// For REST and scripts.
    pub fn to_json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            json!({ "level": if finding.is_warning { "warning" } else { "fine" }, "text": finding.text })
        });
        json!({
            "fine": !self.findings.iter().any(|finding| finding.is_warning),
            "grade": self.grade,
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    fn fine(&mut self, text: impl Into<String>) {
        self.findings.push(Finding { is_warning: false, text: text.into() });
    }

    /// Something more to see to.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.findings.push(Finding { is_warning: true, text: text.into() });
    }
}

/// Judges.
pub fn judge(facts: &Facts) -> Report {
    let mut report = Report { grade: facts.grade, ..Report::default() };
    losses(facts, &mut report);
    recovery_point(facts, &mut report);
    root_key(facts, &mut report);
    destruction(facts, &mut report);
    rollback(facts, &mut report);
    memory(&facts.memory, &mut report);
    facts.administered.iter().for_each(|realm| administrators(realm, &mut report));
    if let Some(damage) = &facts.index_damage {
        report.warn(format!(
            "{damage}. Restart the server, which makes the index anew from the journal, and look at the disk."
        ));
    }
    let reserve = format!("{} KiB of disk that the journal holds back", facts.reserve_bytes / 1024);
    match facts.is_full {
        true => report.warn(format!(
            "The disk of the journal is full: only destroying and revoking go on, in {reserve}, until these are used up. \
             Free space."
        )),
        false => report.fine(format!("On a full disk, destroying and revoking go on in {reserve}.")),
    }
    report
}

/// Accesses for an emergency, and who will be shut out.
fn administrators(of: &Administered, report: &mut Report) {
    let Administered { realm, now, later, has_rules, open } = of;
    for (name, ends) in open {
        report.warn(format!(
            "An access for an emergency is open until {ends}: {name} in the realm {realm}. `keyreeve audit search --principal \
             {name}` says what it did; `keyreeve client revoke {name}` ends it."
        ));
    }
    let wanted = if *has_rules { 2 } else { 1 };
    if now < &wanted {
        report.warn(format!(
            "{now} administrators of the realm {realm} can prove who they are, and {wanted} are needed{}. `keyreeve client renew` \
             makes credentials; where nobody may, `keyreeve recover administrator` does by recovery shares.",
            if *has_rules { " where rules want approvals" } else { "" }
        ));
    } else if later < &wanted {
        report.warn(format!(
            "The credentials of administrators of the realm {realm} end within {WARNED_DAYS} days, and fewer than {wanted} would be \
             left who can prove who they are. `keyreeve client renew` makes new ones."
        ));
    }
}

/// Which losses are survived.
fn losses(facts: &Facts, report: &mut Report) {
    let machine = facts.places.iter().find(|place| place.kind == PlaceKind::Machine && place.lost.is_none());
    let apart = |target: &&TargetStatus| {
        let place = facts.places.iter().find(|place| place.name == target.address);
        let domain = |place: &Arc<Place>| place.domain.clone();
        let (here, there) = (machine.and_then(domain), place.and_then(domain));
        here.is_none() || there.is_none() || here != there
    };
    if facts.targets.is_empty() {
        report.warn(
            "No backup target: losing this machine's disk loses every key. `keyreeve backup create --to TARGET`.",
        );
        return;
    }
    let whole: Vec<_> = facts.targets.iter().filter(|target| target.has_cell).filter(apart).collect();
    for target in facts.targets.iter().filter(|target| !apart(target)) {
        report.warn(format!(
            "{} lies on the same file system as the data: it does not survive the loss of that disk.",
            target.address
        ));
    }
    for target in facts.targets.iter().filter(|target| !target.has_cell) {
        report.warn(format!(
            "{} holds no epoch key: restoring from it alone needs `--cell PLACE`.",
            target.address
        ));
    }
    for told in &facts.misplaced {
        report.warn(format!("{told} (`keyreeve target remove`)."));
    }
    report.findings.push(survived(machine.map_or(1, |machine| machine.threshold), &whole));
    let old = |last: Option<Time>| last.is_none_or(|last| facts.now.0 - last.0 > OLD_DAYS * 86_400_000);
    if old(facts.last.full) {
        report.warn("No full backup in the last 30 days: a restore replays all entries since.");
    }
    if old(facts.last.drill) {
        report.warn(
            "No recovery drill in the last 30 days: `keyreeve backup drill` proves that restoring works.",
        );
    }
}

/// How many places may be lost together: this machine, and the targets off it that have a cell.
fn survived(threshold: u8, whole: &[&TargetStatus]) -> Finding {
    let (count, needed) = (whole.len(), usize::from(threshold.max(1)));
    let (is_warning, text) = match (needed, count) {
        (_, 0) => (
            true,
            "Losing this machine and its cell loses every key: no target off it has a cell.".to_owned(),
        ),
        (1, 1) => {
            let address = &whole[0].address;
            (
                false,
                format!("Survives the loss of this machine (from {address}) or of that target, not of both."),
            )
        }
        (1, _) => {
            let with = count - 1;
            (
                false,
                format!("Survives the loss of this machine together with any {with} of its {count} targets."),
            )
        }
        // The machine has a share as each target has.
        _ if needed > count => {
            let text = format!(
                "Losing this machine loses every key: an epoch key takes {needed} shares, and its targets have {count}."
            );
            (true, text)
        }
        _ => {
            let lost = count + 1 - needed;
            let text = format!(
                "Survives the loss of any {lost} of this machine and its {count} targets: an epoch key takes {needed} of \
                 their {} shares.",
                count + 1
            );
            (false, text)
        }
    };
    Finding { is_warning, text }
}

/// How much a loss of the machine would take now.
fn recovery_point(facts: &Facts, report: &mut Report) {
    for target in &facts.targets {
        let lag = format!("{} entries, {} ms", target.lag_entries, target.lag_ms);
        let objective = if target.breached { ", more than its objective" } else { "" };
        let behind = format!("{} is behind by {lag}{objective}", target.address);
        match &target.trouble {
            Some(trouble) => report.warn(format!("{behind}: {trouble}")),
            None if target.breached => report.warn(format!("{behind}.")),
            None => report.fine(format!("{behind}.")),
        }
    }
    match (facts.acknowledge, facts.targets.is_empty()) {
        (_, true) => {}
        (Acknowledge::Target, _) => report.fine("Changes are answered once a target has them: none is lost."),
        (Acknowledge::Local, _) => report.fine(
            "Changes are answered once this disk has them: losing it loses what no target has yet (backup.ack).",
        ),
    }
}

fn root_key(facts: &Facts, report: &mut Report) {
    let shares = facts.unlocks.iter().find(|kind| matches!(kind, UnlockKind::Shares { .. }));
    let others = facts.unlocks.iter().filter(|kind| !matches!(kind, UnlockKind::Shares { .. })).count();
    match (shares, others) {
        (Some(UnlockKind::Shares { threshold, count, .. }), others) => {
            report.fine(format!(
                "The root key comes back from {threshold} of {count} recovery shares{}.",
                if others > 0 { ", and opens without them" } else { "" }
            ));
        }
        _ => report.warn(
            "Only one secret opens the root key: losing it loses every key, backups included. Recovery shares: \
             `keyreeve root change-unlock`.",
        ),
    }
    if !facts.retired.is_empty() {
        let versions: Vec<String> = facts.retired.iter().map(u32::to_string).collect();
        report.fine(format!(
            "Former root keys are kept, wrapped by the present one, for backups from before: version {}. Who has such a \
             backup, its epoch key and root.json with what unlocks it opens what lived then.",
            versions.join(", ")
        ));
    }
}

/// What a destruction would prove, and what keeps one from being complete.
fn destruction(facts: &Facts, report: &mut Report) {
    report.fine(match facts.grade {
        "copyable" => {
            "A destruction gets the grade copyable: a cell may have been imaged before it was erased (one machine, or \
             places that share a file system or provider)."
                .to_owned()
        }
        grade => format!("A destruction gets the grade {grade}."),
    });
    for Trouble { place, at, what } in &facts.troubles {
        report.warn(format!("Destructions wait for {place} ({at}): {what}."));
    }
    for place in facts.places.iter().filter(|place| place.has_cell && place.lost.is_some()) {
        if place.attested.is_none() {
            report.warn(format!(
                "{} is lost, and its epoch key not accounted for: destructions stay pending. `keyreeve cell retire {} \
                 --attest TEXT` once you know that it is gone.",
                place.name, place.name
            ));
        }
    }
}

fn memory(memory: &Memory, report: &mut Report) {
    match memory {
        Memory::Locked => report.fine("The server's memory is locked: no key of it comes to swap."),
        Memory::Unlocked { why, has_swap: true } => report.warn(format!(
            "The server's memory is not locked ({why}), and this machine has swap: keys may come to disk there."
        )),
        Memory::Unlocked { why, has_swap: false } => report.fine(format!(
            "The server's memory is not locked ({why}), but this machine has no swap now."
        )),
    }
}

fn rollback(facts: &Facts, report: &mut Report) {
    match facts.rollback {
        RollbackCheck::Passed => report.fine("An anchor off this machine shows that its disk was not rolled back."),
        RollbackCheck::Unchecked => report.warn(
            "Whether this disk was rolled back could not be checked: no anchor off this machine. An older machine \
             that still runs is not detected either, where no target is shared.",
        ),
        RollbackCheck::Accepted => report.warn("This start accepted a data folder older than its anchor."),
    }
}

#[cfg(test)]
mod tests;
