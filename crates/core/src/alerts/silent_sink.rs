//! A sink is told nothing any more, while much happens.

use super::{About, Finding, HOUR_MS, Observed, Rule, Severity};
use crate::{
    access::Action,
    model::{Lsn, RealmId, Time},
};

static ABOUT: About = About {
    name: "silent-sink",
    notices: "a sink that was told things (its cursor moved) is told nothing for 8 hours in which others make 1,000 entries: it pages",
    then: "`keyreeve sink list` and `keyreeve doctor` say why; compare the configuration with the one that you know (its SHA-256 stands in the entry `start`)",
};

/// For so long a cursor may stand.
const STANDS_MS: i64 = 8 * HOUR_MS;

/// Entries that must be there meanwhile: where nothing happens, nothing is told.
const ENTRIES: u64 = 1000;

/// Readers of the journal that are watched at most.
const READERS_MAX: usize = 64;

/// The rule.
#[derive(Default)]
pub(super) struct SilentSink {
    /// When each cursor moved last, and the entry that said so.
    moved: Vec<(String, Time, u64)>,
}

impl Rule for SilentSink {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn observe(&mut self, entry: &Observed) -> Option<Finding> {
        let reader = entry.target.as_deref().filter(|reader| reader.starts_with("sink/"));
        if let (Action::MoveCursor, Some(reader)) = (entry.action, reader) {
            self.moved.retain(|(known, ..)| known != reader);
            if self.moved.len() < READERS_MAX {
                self.moved.push((reader.to_owned(), entry.time, entry.lsn.0));
            }
            return None;
        }
        let stands = |(_, time, lsn): &(String, Time, u64)| {
            entry.time.0 - time.0 >= STANDS_MS && entry.lsn.0 - lsn >= ENTRIES
        };
        let at = self.moved.iter().position(stands)?;
        // Once, until it moves again.
        let (reader, since, lsn) = self.moved.remove(at);
        let observed = format!("not moved since {since}, while {} entries came", entry.lsn.0 - lsn);
        let mut found = entry.finding(&ABOUT, Severity::Page, &reader, observed);
        (found.since, found.realm, found.evidence) = (since, RealmId::DEFAULT, vec![Lsn(lsn)]);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn a_cursor_that_stands_while_much_happens_is_told_and_a_quiet_night_is_not() {
        let rule = SilentSink::default;
        let moves = "00:00 system move-cursor ok at sink/siem\n";
        let busy = "00:01 app sign ok *1200 every 30s";
        assert_eq!(tells(rule(), &format!("{moves}{busy}")), ["page sink/siem"]);
        let quiet = "00:01 app sign ok *900 every 60s";
        assert!(tells(rule(), &format!("{moves}{quiet}")).is_empty());
        let soon = "00:01 app sign ok *2000 every 10s";
        assert!(tells(rule(), &format!("{moves}{soon}")).is_empty());
        assert!(tells(rule(), busy).is_empty(), "no sink was ever told anything");
    }
}
