//! The server's clock is set.

use super::{About, Finding, HOUR_MS, MINUTE_MS, Observed, Rule, Severity};
use crate::model::Time;

static ABOUT: About = About {
    name: "clock-step",
    notices: "entries are more than ten minutes older than those before them: the clock went back, which pages. Entries that took long are seconds out of order",
    then: "compare the machine's clock with others; what had expired may have been used meanwhile",
};

/// Entries are written in the order of their ends, and bear the time of their beginning.
const OUT_OF_ORDER_MS: i64 = 10 * MINUTE_MS;

/// The rule.
#[derive(Default)]
pub(super) struct ClockStep {
    /// The latest time of the entries so far, since the clock was last seen to go back.
    latest: Option<Time>,
}

impl Rule for ClockStep {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn observe(&mut self, entry: &Observed) -> Option<Finding> {
        let latest = *self.latest.get_or_insert(entry.time);
        let back_ms = latest.0 - entry.time.0;
        if back_ms <= OUT_OF_ORDER_MS {
            self.latest = Some(latest.max(entry.time));
            return None;
        }
        self.latest = Some(entry.time);
        let observed = format!("{} minutes back, from {latest}", back_ms / MINUTE_MS);
        let severity = if back_ms >= HOUR_MS { Severity::Page } else { Severity::Warn };
        Some(Finding { since: latest, ..entry.finding(&ABOUT, severity, "clock", observed) })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn a_clock_that_goes_back_is_told_and_entries_out_of_order_are_not() {
        let rule = ClockStep::default;
        assert_eq!(tells(rule(), "12:00 app sign ok\n09:00 app sign ok\n09:01 app sign ok"), ["page clock"]);
        assert_eq!(tells(rule(), "12:00 app sign ok\n11:40 app sign ok"), ["warn clock"]);
        assert!(tells(rule(), "12:00 app sign ok\n11:55 app get ok\n18:00 app sign ok").is_empty());
    }
}
