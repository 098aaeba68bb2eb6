//! Strangers from one place try to get in.

use super::{
    About, HOUR_MS, Observed, Severity,
    burst::{Burst, Step},
};
use crate::{access::Action, record::Outcome};

static ABOUT: About = About {
    name: "failed-authentications",
    notices: "authentications from one address fail: 30 within an hour warn, 100 page",
    then: "the server slows such a source down by itself; find whose it is, and whether one of the tries succeeded (`keyreeve audit search --source ADDRESS`)",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        |entry| if is_failed(entry) { entry.source.clone() } else { None },
        &[
            Step { count: 100, within_ms: HOUR_MS, severity: Severity::Page },
            Step { count: 30, within_ms: HOUR_MS, severity: Severity::Warn },
        ],
    )
}

fn is_failed(entry: &Observed) -> bool {
    entry.outcome == Outcome::Denied && matches!(entry.action, Action::Authenticate | Action::CountFailures)
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn guessing_from_one_address_is_told_and_mistyping_is_not() {
        let guessing = "12:00 anonymous@192.0.2.7 authenticate denied unauthenticated *100 every 10s";
        assert_eq!(tells(rule(), guessing), ["warn 192.0.2.7", "page 192.0.2.7"]);
        // Somebody mistypes a password some times; a client is configured wrongly, and tries every few minutes.
        assert!(
            tells(rule(), "12:00 anonymous@192.0.2.7 authenticate denied unauthenticated *5 every 10s")
                .is_empty()
        );
        assert!(
            tells(rule(), "12:00 anonymous@192.0.2.7 authenticate denied unauthenticated *100 every 180s")
                .is_empty()
        );
    }
}
