//! Many of the same within some time: what most rules come to. Not here: of what, and how many are too many.

use std::collections::VecDeque;

use super::{About, EVIDENCE_MAX, Finding, Observed, Rule, Severity, memory::Subjects};
use crate::model::{Lsn, Time};

/// So many within so many milliseconds are this.
pub(super) struct Step {
    pub(super) count: usize,
    pub(super) within_ms: i64,
    pub(super) severity: Severity,
}

/// A rule about many of the same.
pub(super) struct Burst {
    about: &'static About,
    /// Whom an entry is about, where it is one that counts.
    of: fn(&Observed) -> Option<String>,
    /// The gravest first.
    steps: &'static [Step],
    seen: Subjects<VecDeque<(Time, Lsn)>>,
}

impl Burst {
    pub(super) fn new(
        about: &'static About,
        of: fn(&Observed) -> Option<String>,
        steps: &'static [Step],
    ) -> Self {
        Self { about, of, steps, seen: Subjects::default() }
    }
}

impl Rule for Burst {
    fn about(&self) -> &'static About {
        self.about
    }

    fn observe(&mut self, entry: &Observed) -> Option<Finding> {
        let subject = (self.of)(entry)?;
        let kept = self.steps.iter().map(|step| step.count).max().unwrap_or(1);
        let seen = self.seen.of(&format!("{}/{subject}", entry.realm), VecDeque::new);
        if seen.len() >= kept {
            seen.pop_front();
        }
        seen.push_back((entry.time, entry.lsn));
        let step = self.steps.iter().find(|step| {
            let first = seen.len().checked_sub(step.count).and_then(|at| seen.get(at));
            first.is_some_and(|(time, _)| entry.time.0 - time.0 <= step.within_ms)
        })?;
        let first = seen.len() - step.count;
        let since = seen.get(first).map_or(entry.time, |(time, _)| *time);
        let named = first.max(seen.len().saturating_sub(EVIDENCE_MAX));
        let minutes = (entry.time.0 - since.0).max(0) / super::MINUTE_MS;
        Some(Finding {
            since,
            evidence: seen.iter().skip(named).map(|(_, lsn)| *lsn).collect(),
            ..entry.finding(
                self.about,
                step.severity,
                &subject,
                match step.count {
                    1 => entry.action.word().to_owned(),
                    count => format!("{count} times {} within {minutes} minutes", entry.action.word()),
                },
            )
        })
    }
}
