//! Whoever administers access lets themselves in, and uses that.

use std::collections::VecDeque;

use super::{About, Finding, HOUR_MS, Observed, Rule, Severity, memory::Subjects};
use crate::{
    access::Action,
    model::{KeyId, Lsn, Time},
};

static ABOUT: About = About {
    name: "own-use",
    notices: "a client grants something on a key and uses that key itself within a day: it warns. Keys that it used in the month before are its own work",
    then: "ask what it was for; `keyreeve audit search --principal NAME` says what was opened",
};

/// So long after a grant a use counts as by it.
const WITHIN_MS: i64 = 24 * HOUR_MS;

/// Keys of one client that are remembered, granted and used.
const KEYS_MAX: usize = 64;

/// The rule.
#[derive(Default)]
pub(super) struct OwnUse {
    clients: Subjects<Client>,
}

/// What a client did lately.
#[derive(Default)]
struct Client {
    granted: VecDeque<(KeyId, Time, Lsn)>,
    used: VecDeque<KeyId>,
}

impl Rule for OwnUse {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn observe(&mut self, entry: &Observed) -> Option<Finding> {
        let (name, key) = (entry.client().filter(|_| entry.is_done())?, entry.key?);
        let is_grant = entry.action == Action::Grant;
        if !is_grant && entry.action.use_kind().is_none() {
            return None;
        }
        let subject = format!("{}/{name}", entry.realm);
        // Most clients never grant anything: nothing is kept of them.
        if !is_grant && self.clients.get(&subject).is_none() {
            return None;
        }
        let client = self.clients.of(&subject, Client::default);
        if is_grant {
            if !client.used.contains(&key) {
                keep(&mut client.granted, (key, entry.time, entry.lsn));
            }
            return None;
        }
        let is_by_it = |(of, time, _): &&(KeyId, Time, Lsn)| *of == key && entry.time.0 - time.0 <= WITHIN_MS;
        let granted = client.granted.iter().rev().find(is_by_it).copied();
        if !client.used.contains(&key) {
            keep(&mut client.used, key);
        }
        let (_, since, lsn) = granted?;
        let target = entry.target.as_deref().unwrap_or("-");
        let found =
            entry.finding(&ABOUT, Severity::Warn, name, format!("{} of {target}", entry.action.word()));
        Some(Finding { since, evidence: vec![lsn, entry.lsn], ..found })
    }
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() >= KEYS_MAX {
        kept.pop_front();
    }
    kept.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn who_lets_themselves_in_is_told_and_who_lets_others_in_is_not() {
        let rule = OwnUse::default;
        assert_eq!(
            tells(rule(), "15:00 admin grant ok on-key\n15:05 admin decrypt ok on-key"),
            ["warn admin"]
        );
        assert!(tells(rule(), "15:00 admin grant ok on-key\n15:05 app decrypt ok on-key").is_empty());
        assert!(tells(rule(), "15:00 admin grant ok on-key\n15:05 admin decrypt denied on-key").is_empty());
        assert!(
            tells(rule(), "15:00 admin grant ok on-key\n15:05 admin get-attributes ok on-key").is_empty()
        );
        assert!(tells(rule(), "15:00 admin grant ok on-key\n40:00 admin decrypt ok on-key").is_empty());
    }
}
