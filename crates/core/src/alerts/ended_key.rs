//! A key that was taken out of use, has not begun, or is gone is tried.

use super::{
    About, HOUR_MS, Observed, Severity,
    burst::{Burst, Step},
};
use crate::{ErrorKind, record::Outcome};

static ABOUT: About = About {
    name: "ended-key",
    notices: "a client tries to use keys that are disabled, deactivated, compromised, pending or destroyed: one informs, 20 within six hours warn",
    then: "tell the client's owner which key to use instead; where the key was compromised, look where the requests come from",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        |entry| is_refused(entry).then(|| entry.client().map(str::to_owned)).flatten(),
        &[
            Step { count: 20, within_ms: 6 * HOUR_MS, severity: Severity::Warn },
            Step { count: 1, within_ms: 0, severity: Severity::Inform },
        ],
    )
}

fn is_refused(entry: &Observed) -> bool {
    let ended = matches!(entry.reason, Some(ErrorKind::WrongState | ErrorKind::Destroyed));
    ended && entry.outcome == Outcome::Failed && entry.action.use_kind().is_some()
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn uses_of_what_has_ended_are_told_and_other_failures_are_not() {
        assert_eq!(tells(rule(), "12:00 app encrypt failed wrong_state"), ["inform app"]);
        assert_eq!(
            tells(rule(), "12:00 app encrypt failed wrong_state *20 every 600s"),
            ["inform app", "warn app"]
        );
        assert_eq!(tells(rule(), "12:00 app encrypt failed destroyed *20 every 3600s"), ["inform app"]);
        assert!(tells(rule(), "12:00 app decrypt failed crypto_failed *20 every 60s").is_empty());
        assert!(tells(rule(), "12:00 app revoke failed wrong_state").is_empty());
    }
}
