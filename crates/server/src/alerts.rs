//! Alerts over a journal that comes as lines: what `GET /v1/journal` streams, or what others wrote in that form (docs/alerts.md).
//! Not here: the rules (core/alerts), and watching the server's own journal as it grows (watch).

use std::io::{self, BufRead, Read as _};

use keyreeve_core::ErrorKind;
use keyreeve_core::access::Action;
use keyreeve_core::alerts::{Finding, Observed, Watch, names, rules};
use keyreeve_core::model::{KeyId, Lsn, PrincipalId, RealmId, Time};
use keyreeve_core::record::Outcome;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::entry_json::host;

/// Bytes of a line at most.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A journal that the rules are shown, line by line, from its beginning.
#[derive(Default)]
pub struct Replay {
    watch: Watch,
    /// Entries that the rules saw.
    pub entries: u64,
    /// Entries of actions that this version does not know, which no rule saw.
    pub unknown: u64,
}

/// Why a journal could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// A line is none of a journal.
    #[error("line {line}: {cause}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        cause: String,
    },
}

/// A line, as far as rules look at it; docs/alerts.md tells all fields.
#[derive(Deserialize)]
struct Line {
    lsn: u64,
    time: String,
    realm: Uuid,
    principal: String,
    principal_id: Uuid,
    protocol: String,
    #[serde(default)]
    source: Option<String>,
    action: String,
    #[serde(default)]
    key: Option<Uuid>,
    #[serde(default)]
    target: Option<String>,
    outcome: Outcome,
    #[serde(default)]
    reason: Option<ErrorKind>,
    #[serde(default)]
    canary: bool,
}

impl Replay {
    /// Shows the rules the next line; each finding is told as it comes.
    ///
    /// # Errors
    /// What is wrong with a line that is no entry.
    pub fn line(&mut self, text: &[u8], mut tell: impl FnMut(Value)) -> Result<(), String> {
        let read: Line = serde_json::from_slice(text).map_err(|cause| cause.to_string())?;
        match read.observed()? {
            Some(entry) => {
                self.entries += 1;
                self.watch.observe(&entry).iter().for_each(|finding| tell(finding_json(finding)));
            }
            None => self.unknown += 1,
        }
        Ok(())
    }

    /// Shows the rules all lines.
    ///
    /// # Errors
    /// Where they cannot be read, or one is no entry.
    pub fn read(&mut self, mut lines: impl BufRead, mut tell: impl FnMut(Value)) -> Result<(), ReplayError> {
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            if lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text)? == 0 {
                break;
            }
            let wrong = |cause: String| ReplayError::Line { line, cause };
            if text.last() != Some(&b'\n') && text.len() as u64 == LINE_BYTES_MAX {
                return Err(wrong(format!("longer than {LINE_BYTES_MAX} bytes")));
            }
            self.line(&text, &mut tell).map_err(wrong)?;
        }
        Ok(())
    }
}

impl Line {
    /// `None` for an action that this version does not know.
    fn observed(self) -> Result<Option<Observed>, String> {
        let time: Time = self.time.parse().map_err(|_| format!("{:?} is no time", self.time))?;
        let Some(action) = Action::from_word(&self.action) else { return Ok(None) };
        Ok(Some(Observed {
            lsn: Lsn(self.lsn),
            time,
            realm: RealmId(self.realm),
            principal: PrincipalId(self.principal_id),
            name: self.principal,
            by_kmip: self.protocol == "kmip",
            source: self.source.as_deref().map(|source| host(source).to_owned()),
            action,
            key: self.key.map(KeyId),
            target: self.target,
            outcome: self.outcome,
            reason: self.reason,
            canary: self.canary,
        }))
    }
}

/// A finding as JSON.
pub fn finding_json(finding: &Finding) -> Value {
    json!({
        "time": finding.time.to_string(),
        "severity": finding.severity.word(),
        "rule": finding.rule,
        "realm": finding.realm.to_string(),
        "subject": finding.subject,
        "observed": finding.observed,
        "since": finding.since.to_string(),
        "entries": finding.evidence.iter().map(|lsn| lsn.0).collect::<Vec<_>>(),
    })
}

/// Whether there is a rule of this name.
pub fn is_rule(name: &str) -> bool {
    names().contains(name)
}

/// A time as the server writes times.
///
/// # Errors
/// What is wrong with the text.
pub fn time_of(text: &str) -> Result<String, String> {
    let time =
        text.parse::<Time>().map_err(|_| format!("{text:?} is no time such as 2026-01-31T12:00:00Z"))?;
    Ok(time.to_string())
}

/// The rules as JSON: their names, what they notice, and what to do.
pub fn rules_json() -> Vec<Value> {
    let told = |rule: &dyn keyreeve_core::alerts::Rule| {
        let about = rule.about();
        json!({ "rule": about.name, "notices": about.notices, "then": about.then })
    };
    rules().iter().map(|rule| told(&**rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(lsn: u64, action: &str) -> String {
        json!({
            "lsn": lsn, "time": "2027-02-01T03:00:00.000Z", "realm": Uuid::nil(), "principal": "admin",
            "principal_id": Uuid::from_u128(7), "protocol": "rest", "request": Uuid::nil(), "source": "[2001:db8::1]:4711",
            "action": action, "key": null, "object": null, "target": null, "outcome": "success", "reason": null,
            "detail": "of no interest", "changes": 1, "later": true,
        })
        .to_string()
    }

    #[test]
    fn a_journal_is_read_line_by_line_and_what_is_none_is_told_by_its_number() {
        let journal =
            format!("{}\n{}\n{}", line(1, "start"), line(2, "of-tomorrow"), line(3, "change-unlock"));
        let mut found = Vec::new();
        let mut replay = Replay::default();
        replay.read(journal.as_bytes(), |finding| found.push(finding)).unwrap();
        assert_eq!((replay.entries, replay.unknown), (2, 1));
        let [found] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&found["rule"], &found["severity"]), (&json!("emergency"), &json!("page")));
        assert_eq!((&found["subject"], &found["entries"]), (&json!("admin"), &json!([3])));
        for (wrong, told) in [
            ("{}".to_owned(), "line 2: missing field `lsn`"),
            ("".to_owned(), "line 2: "),
            (
                line(2, "start").replace("2027-02", "2027-13"),
                "line 2: \"2027-13-01T03:00:00.000Z\" is no time",
            ),
            ("x".repeat(LINE_BYTES_MAX as usize + 1), "line 2: longer than 65536 bytes"),
        ] {
            let journal = format!("{}\n{wrong}\n", line(1, "start"));
            let error = Replay::default().read(journal.as_bytes(), |_| {}).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }

    /// Written anew with `KEYREEVE_WRITE_GOLDEN=1`.
    #[test]
    fn docs_tell_every_rule() {
        const BEGIN: &str = "<!-- rules: made by the tests -->\n";
        const END: &str = "<!-- end of rules -->\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let mut told = String::from("| rule | what it notices | what to do |\n|---|---|---|\n");
        for rule in rules() {
            let about = rule.about();
            told.push_str(&format!("| `{}` | {} | {} |\n", about.name, about.notices, about.then));
        }
        let wanted = format!("{before}{BEGIN}{told}{END}{after}");
        if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
            std::fs::write(path, &wanted).unwrap();
        }
        let is_same = std::fs::read_to_string(path).unwrap() == wanted;
        assert!(is_same, "write docs/alerts.md anew with KEYREEVE_WRITE_GOLDEN=1");
    }
}
