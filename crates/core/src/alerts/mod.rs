//! Alerts: what in the journal should be looked at by somebody. Rules are pure functions over its entries; their only clock is the
//! time of the entries. One file a rule, with what it notices, what it leaves alone, and traces of both. Not here: how entries
//! come, and how findings reach people.

mod backup_place;
mod burst;
mod canary;
mod clock_step;
mod denials;
mod destruction;
mod emergency;
mod ended_key;
mod export;
mod failed_authentications;
mod malformed;
mod memory;
mod own_use;
mod silent_client;
mod silent_sink;
mod stored;
mod taken_out_of_use;
#[cfg(test)]
mod trace;

use std::collections::BTreeSet;

use crate::{
    ErrorKind,
    access::Action,
    model::{KeyId, Lsn, PrincipalId, RealmId, Time},
    record::Outcome,
};
use memory::Subjects;
use serde::{Deserialize, Serialize};
pub use stored::{
    ALERTS_MAX, Acknowledged, Alert, Alerts, NOTE_BYTES_MAX, SUPPRESSION_HOURS_MAX, SUPPRESSIONS_MAX,
    Suppression, raised,
};
pub(crate) use stored::{SUBJECT_BYTES_MAX, address, read, record_name};

/// Entries that a finding names at most, the latest.
pub const EVIDENCE_MAX: usize = 16;

/// For so long the same is not told again, in milliseconds, unless it became worse.
const TOLD_FOR_MS: i64 = 24 * HOUR_MS;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// An entry of the journal, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its position.
    pub lsn: Lsn,
    /// When it ran, by the server's clock.
    pub time: Time,
    /// Realm of who asked.
    pub realm: RealmId,
    /// Who asked.
    pub principal: PrincipalId,
    /// The name that it had.
    pub name: String,
    /// Whether it came over KMIP.
    pub by_kmip: bool,
    /// Address of who asked, without its port; `None`: the server itself.
    pub source: Option<String>,
    /// What was asked.
    pub action: Action,
    /// The key, where one was found.
    pub key: Option<KeyId>,
    /// What was asked for, by its name or id.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Of what kind a denial or failure was.
    pub reason: Option<ErrorKind>,
    /// The key was made as a canary.
    pub canary: bool,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Inform,
    /// To be looked at on the next working day.
    Warn,
    /// To be looked at now.
    Page,
}

impl Severity {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inform => "inform",
            Self::Warn => "warn",
            Self::Page => "page",
        }
    }
}

/// Something that should be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The realm.
    pub realm: RealmId,
    /// Whom or what it is about: a client's name, an address, a sink.
    pub subject: String,
    /// When the first entry of the evidence was.
    pub since: Time,
    /// When it was noticed.
    pub time: Time,
    /// What was observed.
    pub observed: String,
    /// Entries that show it, oldest first, [`EVIDENCE_MAX`] at most.
    pub evidence: Vec<Lsn>,
}

/// What a rule is, for people.
#[derive(Debug)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// What it notices, and how much that matters.
    pub notices: &'static str,
    /// What to do.
    pub then: &'static str,
}

/// A rule. INVARIANT: it keeps a bounded amount of memory, whatever the entries say.
pub trait Rule: Send {
    /// What it is.
    fn about(&self) -> &'static About;

    /// Looks at an entry, in the order of the journal; gives what is to be told.
    fn observe(&mut self, entry: &Observed) -> Option<Finding>;
}

/// All rules, in the order of their names.
pub fn rules() -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(backup_place::rule()),
        Box::new(canary::Canary),
        Box::new(clock_step::ClockStep::default()),
        Box::new(denials::rule()),
        Box::new(destruction::rule()),
        Box::new(emergency::Emergency),
        Box::new(ended_key::rule()),
        Box::new(export::rule()),
        Box::new(failed_authentications::rule()),
        Box::new(malformed::rule()),
        Box::new(own_use::OwnUse::default()),
        Box::new(silent_client::SilentClient::default()),
        Box::new(silent_sink::SilentSink::default()),
        Box::new(taken_out_of_use::rule()),
    ]
}

/// All rules together, each telling the same once a day, or again where it became worse.
pub struct Watch {
    rules: Vec<Box<dyn Rule>>,
    told: Subjects<(Severity, Time)>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { rules: rules(), told: Subjects::default() }
    }
}

impl Watch {
    /// What the next entry of the journal brings.
    pub fn observe(&mut self, entry: &Observed) -> Vec<Finding> {
        let found = self.rules.iter_mut().filter_map(|rule| rule.observe(entry));
        let mut new = Vec::new();
        for finding in found {
            let subject = format!("{}/{}/{}", finding.rule, finding.realm, finding.subject);
            let is_news = |(severity, time): &(Severity, Time)| {
                finding.severity > *severity || finding.time.0 - time.0 >= TOLD_FOR_MS
            };
            if self.told.get(&subject).is_none_or(is_news) {
                self.told.insert(subject, (finding.severity, finding.time));
                new.push(finding);
            }
        }
        new
    }
}

impl Observed {
    /// Whether it was done.
    fn is_done(&self) -> bool {
        self.outcome == Outcome::Success
    }

    /// Who asked, unless that is the server itself.
    fn client(&self) -> Option<&str> {
        (self.principal != PrincipalId::SYSTEM).then_some(&*self.name)
    }

    /// A finding by this entry alone.
    fn finding(&self, rule: &About, severity: Severity, subject: &str, observed: String) -> Finding {
        Finding {
            rule: rule.name,
            severity,
            realm: self.realm,
            subject: subject.to_owned(),
            since: self.time,
            time: self.time,
            observed,
            evidence: vec![self.lsn],
        }
    }
}

/// The names of all rules.
pub fn names() -> BTreeSet<&'static str> {
    rules().iter().map(|rule| rule.about().name).collect()
}
