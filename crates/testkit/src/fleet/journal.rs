//! The journal of a fleet: what everybody left on record, day by day, in the order of its time, with positions and without
//! gaps. No more than a day and what was planned is in memory.

use keyreeve_core::model::{RequestId, Time};

use super::{
    calendar::{DAYS, SECOND},
    draw::Draw,
    entry::{Draft, Entry},
    members,
    plan::Plan,
};

/// An entry, and what only the generator knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The entry.
    pub entry: Entry,
    /// The attack that it is a part of.
    pub attack: Option<&'static str>,
}

/// The entries of a fleet, in order.
pub struct Journal<'p> {
    plan: &'p Plan,
    draw: Draw,
    day: usize,
    planned: usize,
    /// Of today, the last one first.
    today: Vec<Draft>,
    /// Of later days.
    later: Vec<Draft>,
    lsn: u64,
}

impl<'p> Journal<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let mut draw = Draw::new(plan.seed, 5);
        // The server is years old: its journal does not begin here.
        let lsn = 2_000_000 + draw.below(90_000_000) as u64;
        Journal { plan, draw, day: 0, planned: 0, today: Vec::new(), later: Vec::new(), lsn }
    }

    /// Makes the next day; false behind the last.
    fn make_day(&mut self) -> bool {
        if self.day == DAYS {
            return false;
        }
        let end = self.plan.calendar.begin(self.day + 1);
        let mut drafts = std::mem::take(&mut self.later);
        drafts.extend(members::day(self.plan, self.day));
        let planned = &self.plan.entries[self.planned..];
        let until = planned.partition_point(|draft| draft.at < end);
        drafts.extend(planned[..until].iter().cloned());
        self.planned += until;
        drafts.retain_mut(|draft| self.is_served(draft));
        drafts.sort_by_key(|draft| draft.at);
        let later = drafts.partition_point(|draft| draft.at < end);
        self.later = drafts.split_off(later);
        drafts.reverse();
        self.today = drafts;
        self.day += 1;
        true
    }

    /// While the server is not there nobody is served: who asks tries again behind its start, or gives up.
    fn is_served(&mut self, draft: &mut Draft) -> bool {
        let all = &self.plan.happenings;
        let mut downs = all.restarts.iter().chain(&all.stopped);
        let Some(down) = downs.find(|span| span.holds(draft.at)) else { return true };
        draft.at = down.to + 1 + self.draw.exponential(4.0 * SECOND as f64) as i64;
        draft.entry.source.is_none() || draft.attack.is_some() || self.draw.chance(0.8)
    }

    fn written(&mut self, draft: Draft) -> Told {
        let Draft { at, mut entry, attack, tells_position } = draft;
        let steps = self.plan.happenings.steps.iter().filter(|(when, _)| *when <= at);
        entry.time = Time(at + steps.map(|(_, step)| step).sum::<i64>());
        entry.request = RequestId::from_parts(entry.time.0 as u64, &self.draw.ten_bytes());
        if let (true, Some(detail)) = (tells_position, &mut entry.detail) {
            detail.push_str(&self.lsn.to_string());
        }
        self.lsn += 1;
        entry.lsn = self.lsn;
        Told { entry, attack }
    }
}

impl Iterator for Journal<'_> {
    type Item = Told;

    fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(draft) = self.today.pop() {
                return Some(self.written(draft));
            }
            if !self.make_day() {
                return None;
            }
        }
    }
}
