//! The connections that are open, by source, and which of them makes room for another. Not here: how many there may be
//! (limits).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::activity::Activity;
use crate::source::Source;

/// A connection that was quiet for so long makes room where a listener is full.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// A connection that was not authenticated for so long makes room where no other does.
pub(super) const STRANGER_AGE_MAX: Duration = Duration::from_secs(5);

/// Connections that are looked at for one that makes room: a flood must not cost more than it sends.
const LOOKED_AT_MAX: usize = 64;

/// The connections of one listener.
#[derive(Default)]
pub(super) struct Open {
    sources: HashMap<Source, OfSource>,
    /// INVARIANT: each source with a connection stands here once, with its number of them; others nowhere.
    by_weight: BTreeSet<(usize, Source)>,
    /// Those that had no authenticated request when they were looked at last, oldest first.
    strangers: BTreeMap<u64, Source>,
    total: usize,
    proven: usize,
    next: u64,
}

/// Numbers rise: of two connections, the older has the lower one.
#[derive(Default)]
struct OfSource {
    in_handshake: BTreeMap<u64, Arc<Activity>>,
    proven: BTreeMap<u64, Arc<Activity>>,
    /// Of both those that had no authenticated request, when they were looked at last.
    strangers: BTreeSet<u64>,
    /// The last that was looked at.
    looked_at: u64,
}

impl Open {
    /// Connections in all.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Those whose handshake is done.
    pub(super) fn proven(&self) -> usize {
        self.proven
    }

    /// Connections of one source.
    pub(super) fn of_source(&self, source: Source) -> usize {
        self.sources.get(&source).map_or(0, OfSource::weight)
    }

    /// Takes one more in; its number.
    pub(super) fn add(&mut self, source: Source, activity: Arc<Activity>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.change(source, |of_source| {
            of_source.in_handshake.insert(number, activity);
            of_source.strangers.insert(number);
        });
        self.strangers.insert(number, source);
        self.total += 1;
        number
    }

    /// Takes one out, where it is still there.
    pub(super) fn remove(&mut self, source: Source, number: u64) -> Option<Arc<Activity>> {
        self.strangers.remove(&number);
        let (in_handshake, proven) = self.change(source, |of_source| {
            of_source.strangers.remove(&number);
            (of_source.in_handshake.remove(&number), of_source.proven.remove(&number))
        });
        self.proven -= usize::from(proven.is_some());
        let removed = in_handshake.or(proven)?;
        self.total -= 1;
        Some(removed)
    }

    /// The handshake of one is done; false where it had to make room meanwhile.
    pub(super) fn prove(&mut self, source: Source, number: u64) -> bool {
        let Some(of_source) = self.sources.get_mut(&source) else { return false };
        let Some(activity) = of_source.in_handshake.remove(&number) else { return false };
        of_source.proven.insert(number, activity);
        self.proven += 1;
        true
    }

    /// Closes a connection for one of a source with so many: nobody keeps others away by being there.
    pub(super) fn make_room(&mut self, of_source: usize, proven: bool, connections_max: usize) -> bool {
        let victim = self.quiet(of_source, proven).or_else(|| self.overweight(of_source, connections_max));
        let victim = victim.or_else(|| self.lingering(of_source));
        let Some((source, number)) = victim else { return false };
        if let Some(activity) = self.remove(source, number) {
            activity.ask_to_end();
        }
        true
    }

    /// Of the source that has most, the one that was quiet for longest; `proven`: only of those whose handshake is done, or
    /// only of those that are still in it.
    fn quiet(&mut self, lighter: usize, proven: bool) -> Option<(Source, u64)> {
        let mut left = LOOKED_AT_MAX;
        for (_, source) in self.by_weight.iter().rev().take_while(|(weight, _)| *weight > lighter) {
            let of_source = self.sources.get_mut(source)?;
            let alike = if proven { &of_source.proven } else { &of_source.in_handshake };
            let behind = alike.range(of_source.looked_at + 1..);
            let mut quietest = None;
            for (number, activity) in behind.chain(alike.range(..=of_source.looked_at)).take(left) {
                left -= 1;
                of_source.looked_at = *number;
                let quiet = activity.quiet();
                quietest = quietest.max((quiet >= QUIET).then_some((quiet, *number)));
            }
            if let Some((_, number)) = quietest {
                return Some((*source, number));
            }
            // A source without any costs as much.
            left = left.saturating_sub(1);
            if left == 0 {
                break;
            }
        }
        None
    }

    /// The oldest stranger of a source that has far more than the other, and much of what each could have: such a one
    /// stays for no bytes that it sends, and no handshake.
    fn overweight(&mut self, lighter: usize, connections_max: usize) -> Option<(Source, u64)> {
        let sources = self.sources.len() + 1;
        let is_overweight =
            |weight: usize| weight > 2 * (lighter + 1) && 2 * weight * sources >= connections_max;
        let heavy = self.by_weight.iter().rev().take_while(|(weight, _)| is_overweight(*weight));
        for (_, source) in heavy.take(LOOKED_AT_MAX) {
            if let Some(number) = self.sources.get_mut(source)?.oldest_stranger() {
                return Some((*source, number));
            }
        }
        None
    }

    /// The oldest stranger that has been here for long enough to say who it is, of a source that has more than the other:
    /// many sources with a connection each keep nobody away by sending bytes.
    fn lingering(&mut self, lighter: usize) -> Option<(Source, u64)> {
        let (mut known, mut found) = (Vec::new(), None);
        for (number, source) in self.strangers.iter().take(LOOKED_AT_MAX) {
            let of_source = self.sources.get(source)?;
            let activity = of_source.activity(*number)?;
            if activity.known().is_set() {
                known.push(*number);
            } else if activity.age() < STRANGER_AGE_MAX {
                break;
            } else if of_source.weight() > lighter {
                found = Some((*source, *number));
                break;
            }
        }
        for number in known {
            self.strangers.remove(&number);
        }
        found
    }

    fn change<T>(&mut self, source: Source, change: impl FnOnce(&mut OfSource) -> T) -> T {
        let of_source = self.sources.entry(source).or_default();
        self.by_weight.remove(&(of_source.weight(), source));
        let changed = change(of_source);
        match of_source.weight() {
            0 => drop(self.sources.remove(&source)),
            weight => drop(self.by_weight.insert((weight, source))),
        }
        changed
    }
}

impl OfSource {
    fn weight(&self) -> usize {
        self.in_handshake.len() + self.proven.len()
    }

    fn activity(&self, number: u64) -> Option<&Activity> {
        self.proven.get(&number).or_else(|| self.in_handshake.get(&number)).map(|activity| &**activity)
    }

    /// Who was authenticated meanwhile is never looked at again.
    fn oldest_stranger(&mut self) -> Option<u64> {
        while let Some(number) = self.strangers.first().copied() {
            if self.activity(number).is_some_and(|activity| !activity.known().is_set()) {
                return Some(number);
            }
            self.strangers.pop_first();
        }
        None
    }
}

#[cfg(test)]
impl Open {
    /// Whether nothing is left behind.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
            && self.by_weight.is_empty()
            && self.strangers.is_empty()
            && self.total == 0
            && self.proven == 0
    }
}
