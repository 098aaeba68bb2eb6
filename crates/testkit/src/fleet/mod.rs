//! Ninety days in the journal of an organisation that does not exist, from a seed: what alerts are tried on. 200 principals
//! use 5,000 keys as services, jobs, appliances and people do; nothing in it knows of any rule. Not here: rules.
//!
//! Seeds 1 to 99 are for tuning rules. Seeds 1000 to 1004 are for the figures, and nobody looks at what they give meanwhile.

pub mod attacks;
pub mod calendar;
pub mod draw;
pub mod entry;
pub mod happenings;
pub mod journal;
pub mod keys;
pub mod lives;
pub mod members;
pub mod organisation;
pub mod plan;
pub mod projects;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use attacks::{Attack, Label};
use journal::Journal;
use plan::Plan;

/// Seeds that rules are tuned on.
pub const SEEDS_OF_TUNING: RangeInclusive<u64> = 1..=99;

/// Seeds of the figures that are told, which nobody tunes on.
pub const SEEDS_OF_FIGURES: RangeInclusive<u64> = 1000..=1004;

/// An organisation and its ninety days.
#[derive(Clone, Debug)]
pub struct Fleet {
    plan: Plan,
    labels: Vec<Label>,
}

impl Fleet {
    /// One in which nobody means harm.
    pub fn new(seed: u64) -> Self {
        Self::with(seed, std::iter::empty())
    }

    /// One with every attack in it.
    pub fn attacked(seed: u64) -> Self {
        Self::with(seed, attacks::all())
    }

    /// One with these attacks in it.
    pub fn with<'a>(seed: u64, attacks: impl Iterator<Item = &'a Attack>) -> Self {
        let mut plan = Plan::new(seed);
        lives::plan(&mut plan);
        projects::plan_ends(&mut plan);
        // Whoever uses a key later meets it in the state in which an attack left it.
        let labels = attacks::lay(&mut plan, attacks);
        projects::plan(&mut plan);
        plan.entries.sort_by_key(|draft| draft.at);
        Fleet { plan, labels }
    }

    /// What was settled before the first day.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the attacks are.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Its journal, from the beginning.
    pub fn journal(&self) -> Journal<'_> {
        Journal::new(&self.plan)
    }
}
