//! Alerts of a realm as they are stored: one record, with those that were raised lately, what people made of them, and what is
//! suppressed for a while. Not here: what is noticed (the rules), and who may settle it (the operations).

use serde::{Deserialize, Serialize};

use super::{EVIDENCE_MAX, Finding, Severity};
use crate::{
    access::Action,
    error::{Error, ErrorKind, Result},
    model::{Lsn, RealmId, Time},
    record::{Change, Entry, Record, RecordKey, ServerData},
    request::shortened,
};

/// Alerts that a realm keeps. Of more, those go that matter least: the journal has them still.
pub const ALERTS_MAX: usize = 200;

/// Silences of a realm at most.
pub const SUPPRESSIONS_MAX: usize = 64;

/// Hours that a suppression lasts at most: 90 days.
pub const SUPPRESSION_HOURS_MAX: u16 = 90 * 24;

/// Bytes of a note, or of the reason for a suppression, at most.
pub const NOTE_BYTES_MAX: usize = 512;

/// Bytes of whom or what an alert is about at most; what is longer is cut.
pub(crate) const SUBJECT_BYTES_MAX: usize = 256;

/// Bytes of what was observed that are kept.
const OBSERVED_BYTES_MAX: usize = 1024;

/// Something that should be looked at, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number in the realm, from 1.
    pub number: u64,
    /// The rule.
    pub rule: String,
    /// How much it matters: as much as ever since it was raised first.
    pub severity: Severity,
    /// Whom or what it is about.
    pub subject: String,
    /// What was observed, the last time.
    pub observed: String,
    /// When the first entry of the evidence was.
    pub since: Time,
    /// When it was noticed first.
    pub first: Time,
    /// When it was noticed last.
    pub last: Time,
    /// How often it was raised: again each day that it lasts, and where it became worse.
    pub raised: u32,
    /// Entries that show it, oldest first, [`EVIDENCE_MAX`] at most.
    pub evidence: Vec<Lsn>,
    /// It was suppressed when it was raised last: nobody was told.
    #[serde(default)]
    pub suppressed: bool,
    /// Somebody looked at it; from then on the same is a new alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
}

/// Who looked at an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// When.
    pub time: Time,
    /// Name of the principal.
    pub by: String,
    /// What they found, in their words; empty where they said nothing.
    pub note: String,
}

/// What is raised without telling anybody, until an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// The rule.
    pub rule: String,
    /// Only of this subject; `None`: of all.
    pub subject: Option<String>,
    /// Until then.
    pub until: Time,
    /// Why.
    pub reason: String,
    /// When it was asked for.
    pub since: Time,
    /// Name of the principal that asked.
    pub by: String,
}

/// The alerts of a realm, and what is suppressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// The number that was given last.
    pub newest: u64,
    /// By their numbers.
    pub alerts: Vec<Alert>,
    /// What is suppressed, some of it perhaps not any more.
    pub suppressions: Vec<Suppression>,
}

impl Severity {
    /// The severity of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Inform, Self::Warn, Self::Page].into_iter().find(|severity| severity.word() == word)
    }
}

impl Suppression {
    /// Whether it holds for this at a time.
    pub fn covers(&self, rule: &str, subject: &str, now: Time) -> bool {
        self.rule == rule
            && self.subject.as_ref().is_none_or(|only| only == subject)
            && (self.since..self.until).contains(&now)
    }
}

impl Alerts {
    /// Whether what was found is here already: it is told again where a server stopped before it noted how far it had looked.
    pub fn has(&self, finding: &Finding) -> bool {
        let rest = (finding.evidence.last(), finding.time);
        self.alerts.iter().any(|alert| {
            alert.is_of(finding)
                && (alert.evidence.last(), alert.last) >= rest
                && alert.severity >= finding.severity
        })
    }

    /// Adds what was found: to the alert that nobody has looked at yet, or as a new one. Gives its number.
    pub(crate) fn raise(&mut self, finding: &Finding, now: Time) -> u64 {
        self.suppressions.retain(|suppression| suppression.until > now);
        let (rule, subject) = (finding.rule, shortened(&finding.subject, SUBJECT_BYTES_MAX));
        let suppressed = self.suppressions.iter().any(|suppression| suppression.covers(rule, &subject, now));
        let observed = shortened(&finding.observed, OBSERVED_BYTES_MAX);
        let open = |alert: &&mut Alert| alert.is_of(finding) && alert.acknowledged.is_none();
        if let Some(alert) = self.alerts.iter_mut().find(open) {
            alert.severity = alert.severity.max(finding.severity);
            (alert.observed, alert.last, alert.suppressed) = (observed, finding.time, suppressed);
            alert.raised = alert.raised.saturating_add(1);
            alert.evidence.extend(&finding.evidence);
            alert.evidence.sort_unstable();
            alert.evidence.dedup();
            alert.evidence.drain(..alert.evidence.len().saturating_sub(EVIDENCE_MAX));
            return alert.number;
        }
        self.newest += 1;
        self.alerts.push(Alert {
            number: self.newest,
            rule: rule.to_owned(),
            severity: finding.severity,
            subject,
            observed,
            since: finding.since,
            first: finding.time,
            last: finding.time,
            raised: 1,
            evidence: finding.evidence.clone(),
            suppressed,
            acknowledged: None,
        });
        while self.alerts.len() > ALERTS_MAX {
            self.drop_least();
        }
        self.newest
    }

    /// What somebody looked at goes first, then what matters least; of equals the oldest.
    fn drop_least(&mut self) {
        let weight =
            |(_, alert): &(usize, &Alert)| (alert.acknowledged.is_none(), alert.severity, alert.last);
        if let Some((at, _)) = self.alerts.iter().enumerate().min_by_key(weight) {
            self.alerts.remove(at);
        }
    }

    /// The alert of this number.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn numbered(&self, number: u64) -> Result<&Alert> {
        let found = self.alerts.iter().find(|alert| alert.number == number);
        found.ok_or_else(|| Error::not_found("alert"))
    }

    /// Notes who looked at an alert. `false`: somebody did before.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn acknowledge(&mut self, number: u64, acknowledged: Acknowledged) -> Result<bool> {
        self.numbered(number)?;
        let open = |alert: &&mut Alert| alert.number == number && alert.acknowledged.is_none();
        let Some(alert) = self.alerts.iter_mut().find(open) else { return Ok(false) };
        alert.acknowledged = Some(acknowledged);
        Ok(true)
    }

    /// Adds a suppression, in place of one of the same.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub(crate) fn suppress(&mut self, suppression: Suppression) -> Result<()> {
        let now = suppression.since;
        self.suppressions.retain(|known| {
            known.until > now && !known.is_as(&suppression.rule, suppression.subject.as_deref())
        });
        if self.suppressions.len() >= SUPPRESSIONS_MAX {
            let public =
                format!("a realm has at most {SUPPRESSIONS_MAX} suppressions at a time: end some first");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        self.suppressions.push(suppression);
        Ok(())
    }

    /// Ends a suppression.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn end_suppression(&mut self, rule: &str, subject: Option<&str>, now: Time) -> Result<()> {
        let at = self.suppressions.iter().position(|known| known.until > now && known.is_as(rule, subject));
        let at = at.ok_or_else(|| Error::not_found("suppression of that rule and subject"))?;
        self.suppressions.remove(at);
        Ok(())
    }
}

impl Suppression {
    fn is_as(&self, rule: &str, subject: Option<&str>) -> bool {
        self.rule == rule && self.subject.as_deref() == subject
    }
}

impl Alert {
    fn is_of(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.subject == shortened(&finding.subject, SUBJECT_BYTES_MAX)
    }
}

/// The alert that an entry says was raised; `None` for other entries.
///
/// # Errors
/// `Internal` where the entry is damaged.
pub fn raised(entry: &Entry) -> Result<Option<Alert>> {
    if entry.draft.action != Action::RaiseAlert {
        return Ok(None);
    }
    let Some(number) = entry.draft.target.as_deref().and_then(|target| target.parse().ok()) else {
        return Ok(None);
    };
    let name = record_name(entry.draft.realm);
    for change in &entry.draft.changes {
        if let Change::Put(Record::Server(data)) = change
            && data.name == name
        {
            return Ok(Some(read(data)?.numbered(number)?.clone()));
        }
    }
    Ok(None)
}

/// Where a realm's alerts are.
pub(crate) fn address(realm: RealmId) -> RecordKey {
    RecordKey::Server(record_name(realm))
}

/// The name of the record of a realm's alerts.
pub(crate) fn record_name(realm: RealmId) -> String {
    format!("alerts of realm {realm}")
}

/// The alerts in their record.
///
/// # Errors
/// `Internal` where they cannot be read.
pub(crate) fn read(data: &ServerData) -> Result<Alerts> {
    ciborium::from_reader(&data.data[..]).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(subject: &str, severity: Severity, minute: i64) -> Finding {
        Finding {
            rule: "denials",
            severity,
            realm: RealmId::DEFAULT,
            subject: subject.to_owned(),
            since: Time(0),
            time: Time(minute * 60_000),
            observed: format!("at {minute}"),
            evidence: vec![Lsn(minute as u64)],
        }
    }

    fn acknowledged() -> Acknowledged {
        Acknowledged { time: Time(0), by: "admin".into(), note: String::new() }
    }

    #[test]
    fn the_same_is_one_alert_until_somebody_has_looked_at_it() {
        let mut alerts = Alerts::default();
        let first = finding("ci", Severity::Warn, 1);
        assert!(!alerts.has(&first));
        assert_eq!(alerts.raise(&first, first.time), 1);
        // What a server found before it stopped, and finds again.
        assert!(alerts.has(&first));
        let worse = finding("ci", Severity::Page, 2);
        assert!(!alerts.has(&worse));
        assert_eq!(alerts.raise(&worse, worse.time), 1);
        let milder = finding("ci", Severity::Inform, 30 * 60);
        assert_eq!(alerts.raise(&milder, milder.time), 1);
        let alert = alerts.numbered(1).unwrap();
        assert_eq!((alert.severity, alert.raised, &*alert.observed), (Severity::Page, 3, "at 1800"));
        assert_eq!(alert.evidence, [Lsn(1), Lsn(2), Lsn(1800)]);
        assert_eq!((alert.first, alert.last), (first.time, milder.time));
        assert_eq!(alerts.raise(&finding("other", Severity::Warn, 3), Time(0)), 2);
        assert!(alerts.acknowledge(1, acknowledged()).unwrap());
        assert!(!alerts.acknowledge(1, acknowledged()).unwrap(), "once is enough");
        assert!(alerts.has(&milder), "it was looked at, and is not raised again");
        assert_eq!(alerts.raise(&finding("ci", Severity::Warn, 2000), Time(0)), 3);
        assert_eq!(alerts.acknowledge(9, acknowledged()).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_is_suppressed_is_raised_and_says_so_until_its_end() {
        let mut alerts = Alerts::default();
        let of = |subject: Option<&str>, until| Suppression {
            rule: "denials".into(),
            subject: subject.map(str::to_owned),
            until: Time(until),
            reason: "a test".into(),
            since: Time(0),
            by: "admin".into(),
        };
        alerts.suppress(of(Some("ci"), 100_000)).unwrap();
        let raised = |alerts: &mut Alerts, subject: &str, minute: i64, now: i64| {
            let number = alerts.raise(&finding(subject, Severity::Warn, minute), Time(now));
            alerts.numbered(number).unwrap().suppressed
        };
        assert!(raised(&mut alerts, "ci", 1, 1));
        assert!(!raised(&mut alerts, "other", 1, 1));
        assert!(!raised(&mut alerts, "ci", 2, 100_000), "its end has come");
        assert!(alerts.suppressions.is_empty());
        alerts.suppress(of(None, 200_000)).unwrap();
        alerts.suppress(of(None, 300_000)).unwrap();
        assert_eq!(alerts.suppressions.len(), 1, "the newer one stands in its place");
        assert!(raised(&mut alerts, "other", 3, 250_000));
        assert!(alerts.end_suppression("denials", Some("other"), Time(250_000)).is_err());
        alerts.end_suppression("denials", None, Time(250_000)).unwrap();
        assert!(!raised(&mut alerts, "other", 4, 250_001));
        for each in 0..SUPPRESSIONS_MAX {
            alerts.suppress(of(Some(&each.to_string()), 300_000)).unwrap();
        }
        assert_eq!(alerts.suppress(of(None, 300_000)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn of_too_many_those_go_that_matter_least() {
        let mut alerts = Alerts::default();
        alerts.raise(&finding("page", Severity::Page, 1), Time(0));
        alerts.raise(&finding("seen", Severity::Page, 2), Time(0));
        alerts.acknowledge(2, acknowledged()).unwrap();
        for each in 0..ALERTS_MAX as i64 {
            alerts.raise(&finding(&format!("x{each}"), Severity::Warn, 10 + each), Time(0));
        }
        assert_eq!(alerts.alerts.len(), ALERTS_MAX);
        assert!(alerts.numbered(1).is_ok(), "a page that nobody has looked at stays");
        assert!(alerts.numbered(2).is_err(), "what was looked at goes first");
        assert!(alerts.numbered(3).is_err(), "then the oldest of the mildest");
        let long = "é".repeat(4000);
        let number =
            alerts.raise(&Finding { observed: long.clone(), ..finding(&long, Severity::Page, 0) }, Time(0));
        let alert = alerts.numbered(number).unwrap();
        assert!(alert.subject.len() <= SUBJECT_BYTES_MAX && alert.observed.len() <= OBSERVED_BYTES_MAX);
        assert!(alerts.has(&finding(&long, Severity::Page, 0)));
    }
}
