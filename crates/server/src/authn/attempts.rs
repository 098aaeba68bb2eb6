//! Failed logins, by whose name they were and by where they came from: each one beyond a few makes the next one wait longer.
//! Not here: what a login is (login).

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::source::Source;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;
/// Seconds to wait at most.
const WAIT_SECONDS_MAX: i64 = 900;
/// Names and sources that are remembered at most.
const REMEMBERED_MAX: usize = 4096;

/// Failures, remembered while they count.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<Whose, Failures>>);

/// Whose failures are counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// Those under a name, whether it is anybody's or not.
    Name(String),
    /// Those from a source.
    Source(Source),
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last_second: i64,
}

impl Failures {
    /// The second from which on another attempt is taken.
    fn wait_until(&self) -> i64 {
        let beyond = self.count.saturating_sub(FREE);
        let wait = if beyond == 0 { 0 } else { 2_i64.saturating_pow(beyond) };
        self.last_second.saturating_add(wait.min(WAIT_SECONDS_MAX))
    }

    /// Whether they are forgotten: nothing came for as long as anybody waits.
    fn is_over(&self, second: i64) -> bool {
        second.abs_diff(self.last_second) > WAIT_SECONDS_MAX.unsigned_abs()
    }
}

impl Attempts {
    /// Whether an attempt is taken now, or comes too soon after failures.
    pub(super) fn may(&self, whose: &[Whose], second: i64) -> bool {
        let known = self.0.lock();
        let waits = |failures: &Failures| !failures.is_over(second) && second < failures.wait_until();
        !whose.iter().filter_map(|whose| known.get(whose)).any(waits)
    }

    /// Counts a failure. An attempt counts as one before it is known how it ends: many at once are not taken for the first.
    pub(super) fn failed(&self, whose: &[Whose], second: i64) {
        let known = &mut *self.0.lock();
        if known.len() + whose.len() > REMEMBERED_MAX {
            known.retain(|_, failures| !failures.is_over(second));
        }
        while known.len() + whose.len() > REMEMBERED_MAX {
            let least = known.iter().min_by_key(|(_, failures)| failures.wait_until());
            let Some(least) = least.map(|(whose, _)| whose.clone()) else { break };
            known.remove(&least);
        }
        for whose in whose {
            let failures = known.entry(whose.clone()).or_insert(Failures { count: 0, last_second: second });
            let before = if failures.is_over(second) { 0 } else { failures.count };
            *failures = Failures { count: before.saturating_add(1), last_second: second };
        }
    }

    /// Takes back what counted as a failure and was none. The name's others are forgotten, too: its owner was there.
    pub(super) fn succeeded(&self, whose: &[Whose]) {
        self.take_back(whose);
        self.0.lock().retain(|known, _| !matches!(known, Whose::Name(_)) || !whose.contains(known));
    }

    /// Takes back what counted as a failure and was no attempt: it came to no answer. All else still counts, or who keeps the
    /// server busy would be free to guess.
    pub(super) fn take_back(&self, whose: &[Whose]) {
        let known = &mut *self.0.lock();
        for whose in whose {
            match known.get_mut(whose) {
                Some(failures) if failures.count > 1 => failures.count -= 1,
                _ => drop(known.remove(whose)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> [Whose; 1] {
        [Whose::Name(text.to_owned())]
    }

    #[test]
    fn each_failure_beyond_a_few_makes_the_next_attempt_wait_longer() {
        let attempts = Attempts::default();
        for _ in 0..FREE {
            assert!(attempts.may(&name("alice"), 0));
            attempts.failed(&name("alice"), 0);
        }
        let mut second = 0;
        for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert!(attempts.may(&name("alice"), second), "{wait}");
            attempts.failed(&name("alice"), second);
            assert!(!attempts.may(&name("alice"), second + wait - 1), "{wait}");
            assert!(attempts.may(&name("bob"), second), "nobody else waits");
            second += wait;
        }
        attempts.succeeded(&name("alice"));
        assert!(attempts.may(&name("alice"), 0));
    }

    #[test]
    fn a_good_login_does_not_wash_a_source_clean_and_time_does() {
        let attempts = Attempts::default();
        let source = [Whose::Source("192.0.2.1".parse::<std::net::IpAddr>().unwrap().into())];
        for _ in 0..20 {
            attempts.failed(&source, 0);
        }
        attempts.succeeded(&source);
        assert!(!attempts.may(&source, 899));
        assert!(attempts.may(&source, 901));
    }

    #[test]
    fn a_login_that_came_to_no_answer_frees_no_name() {
        let attempts = Attempts::default();
        for _ in 0..20 {
            attempts.failed(&name("alice"), 0);
        }
        attempts.failed(&name("alice"), 0);
        attempts.take_back(&name("alice"));
        assert!(!attempts.may(&name("alice"), 899));
    }

    #[test]
    fn a_flood_of_names_is_remembered_within_bounds_and_frees_nobody() {
        let attempts = Attempts::default();
        for _ in 0..20 {
            attempts.failed(&name("alice"), 0);
        }
        for number in 0..10_000 {
            attempts.failed(&name(&number.to_string()), 0);
        }
        assert!(attempts.0.lock().len() <= REMEMBERED_MAX);
        assert!(!attempts.may(&name("alice"), 0));
    }
}
