//! A client that asks by a schedule asks no more: a dead appliance.

use super::{About, Finding, HOUR_MS, Observed, Rule, Severity, memory::Subjects};
use crate::model::{Lsn, RealmId, Time};

static ABOUT: About = About {
    name: "silent-client",
    notices: "a client that asked over KMIP in each of 168 hours one after the other asks nothing for 12 hours, in which others ask: it warns",
    then: "look whether the appliance is there and reaches the server; where it was taken out of service, revoke it (`keyreeve client revoke`)",
};

/// Hours one after the other that make a schedule: a week.
const HOURS: i64 = 168;

/// For so long it may be away.
const AWAY_MS: i64 = 12 * HOUR_MS;

/// Clients that are watched at most.
const CLIENTS_MAX: usize = 4096;

/// How often it is looked who is away, in milliseconds.
const EVERY_MS: i64 = HOUR_MS / 2;

/// The rule.
#[derive(Default)]
pub(super) struct SilentClient {
    /// How many hours one after the other there was something of each, and what was last.
    seen: Subjects<(i64, Time, Lsn)>,
    /// Those with a schedule.
    watched: Vec<(RealmId, String)>,
    looked: Option<Time>,
}

impl Rule for SilentClient {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn observe(&mut self, entry: &Observed) -> Option<Finding> {
        if let Some(name) = entry.client().filter(|_| entry.by_kmip) {
            self.note(entry, name);
        }
        let looked = *self.looked.get_or_insert(entry.time);
        // Also where the clock went back.
        if (0..EVERY_MS).contains(&(entry.time.0 - looked.0)) {
            return None;
        }
        let away = self.watched.iter().position(|(realm, name)| {
            let last = self.seen.get(&subject(*realm, name)).map(|(_, last, _)| *last);
            last.is_none_or(|last| entry.time.0 - last.0 >= AWAY_MS)
        });
        let Some(at) = away else {
            self.looked = Some(entry.time);
            return None;
        };
        // Once, until it has a schedule again.
        let (realm, name) = self.watched.swap_remove(at);
        let (_, since, lsn) = *self.seen.get(&subject(realm, &name))?;
        self.seen.insert(subject(realm, &name), (0, since, lsn));
        let found = entry.finding(&ABOUT, Severity::Warn, &name, format!("nothing since {since}"));
        Some(Finding { realm, since, evidence: vec![lsn], ..found })
    }
}

impl SilentClient {
    fn note(&mut self, entry: &Observed, name: &str) {
        let (hours, last, lsn) = self.seen.of(&subject(entry.realm, name), || (1, entry.time, entry.lsn));
        match entry.time.0 / HOUR_MS - last.0 / HOUR_MS {
            0 => {}
            1 => *hours += 1,
            // Some minutes out of order, or a gap.
            apart if apart < 0 => return,
            _ => *hours = 1,
        }
        let begins = *hours == HOURS && entry.time.0 / HOUR_MS != last.0 / HOUR_MS;
        (*last, *lsn) = (entry.time, entry.lsn);
        let one = (entry.realm, name.to_owned());
        if begins && self.watched.len() < CLIENTS_MAX && !self.watched.contains(&one) {
            self.watched.push(one);
        }
    }
}

fn subject(realm: RealmId, name: &str) -> String {
    format!("{realm}/{name}")
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn who_asked_every_hour_and_stops_is_told_and_who_comes_now_and_then_is_not() {
        let rule = SilentClient::default;
        let others = "180:00 app sign ok *60 every 1200s";
        assert_eq!(
            tells(rule(), &format!("00:00 array get ok kmip *180 every 3600s\n{others}")),
            ["warn array"]
        );
        // For too short, with a gap, and over REST.
        assert!(tells(rule(), &format!("30:00 array get ok kmip *150 every 3600s\n{others}")).is_empty());
        let gap = "00:00 array get ok kmip *90 every 3600s\n92:00 array get ok kmip *88 every 3600s";
        assert!(tells(rule(), &format!("{gap}\n{others}")).is_empty());
        assert!(tells(rule(), "00:00 app sign ok *180 every 3600s\n200:00 ops get ok").is_empty());
        // Away for some hours.
        let back = "00:00 array get ok kmip *180 every 3600s\n187:00 array get ok kmip *5 every 3600s";
        assert!(tells(rule(), &format!("{back}\n192:00 app sign ok")).is_empty());
    }
}
