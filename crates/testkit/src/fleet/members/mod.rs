//! What each kind of principal does on one day; one file a kind. Not here: what was planned before the first day.

mod appliances;
mod batch;
mod people;
mod runners;
pub mod server;
pub mod services;
mod staff;

use super::{draw::Draw, entry::Draft, organisation::Kind, plan::Plan};

/// One day of one member.
pub struct Today<'p> {
    /// What is settled.
    pub plan: &'p Plan,
    /// Who.
    pub member: usize,
    /// The local day.
    pub day: usize,
    /// The lots of this member on this day.
    pub draw: Draw,
    /// What they leave on record, in any order; what lies behind the day's end is kept for later.
    pub drafts: Vec<Draft>,
}

/// What all do on a day, in the order of their places.
pub fn day(plan: &Plan, day: usize) -> Vec<Draft> {
    let (from, to) = (plan.calendar.begin(day), plan.calendar.begin(day + 1));
    let mut drafts = Vec::new();
    for (member, one) in plan.organisation.members.iter().enumerate() {
        if !(one.joins < to && one.leaves.is_none_or(|leaves| from < leaves)) {
            continue;
        }
        let draw = Draw::new(plan.seed, 1 << 40 | (member as u64) << 16 | day as u64);
        let mut today = Today { plan, member, day, draw, drafts: Vec::new() };
        match one.kind {
            Kind::Service => services::day(&mut today),
            Kind::Batch | Kind::Backup => batch::day(&mut today),
            Kind::Appliance => appliances::day(&mut today),
            Kind::Runner => runners::day(&mut today),
            Kind::Controller => runners::control(&mut today),
            Kind::Monitor => server::monitor(&mut today),
            Kind::Operator | Kind::Administrator | Kind::Auditor => staff::day(&mut today),
            Kind::Developer | Kind::Analyst => people::day(&mut today),
        }
        // Nobody asks before they are there, nor after; and some fall silent.
        let own = |draft: &Draft| one.is_there(draft.at) && !plan.is_silent(member, draft.at);
        drafts.extend(today.drafts.into_iter().filter(own));
    }
    let draw = Draw::new(plan.seed, 1 << 41 | day as u64);
    server::day(plan, day, draw, &mut drafts);
    drafts
}

impl Today<'_> {
    /// The local time of this day, so many milliseconds after midnight.
    pub fn at(&self, after_midnight: i64) -> i64 {
        self.plan.calendar.at(self.day, after_midnight)
    }

    /// The keys that the member uses at a time, the most used first.
    pub fn keys(&self, at: i64) -> Vec<usize> {
        let used = self.plan.ring.used[self.member].iter();
        let wanted = used.filter(|(key, since)| *since <= at && self.plan.key(*key).is_wanted(at));
        wanted.map(|(key, _)| *key).collect()
    }

    /// It uses a key.
    pub fn uses(&mut self, at: i64, action: keyreeve_core::access::Action, key: usize) {
        let draft = self.plan.uses(&mut self.draw, self.member, at, action, key);
        self.drafts.push(draft);
    }

    /// It asks something about a key.
    pub fn about(&mut self, at: i64, action: keyreeve_core::access::Action, key: usize) {
        let draft = self.plan.about(&mut self.draw, self.member, at, action, key);
        self.drafts.push(draft);
    }

    /// It asks something else.
    pub fn asks(&mut self, at: i64, action: keyreeve_core::access::Action, detail: Option<&str>) {
        let mut draft = self.plan.asks(&mut self.draw, self.member, at, action);
        draft.entry.detail = detail.map(str::to_owned);
        self.drafts.push(draft);
    }
}
