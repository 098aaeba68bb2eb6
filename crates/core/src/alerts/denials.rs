//! A client is refused again and again, and then something is let through.

use super::{
    About, HOUR_MS, Observed, Severity,
    burst::{Burst, Step},
};
use crate::record::Outcome;

static ABOUT: About = About {
    name: "denials",
    notices: "a client is refused by access rules: 25 times within an hour warns",
    then: "where it is a client that is configured wrongly, grant it what it needs; where it looks for what it could get, revoke its credentials",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        |entry| is_refused(entry).then(|| entry.client().map(str::to_owned)).flatten(),
        &[Step { count: 25, within_ms: HOUR_MS, severity: Severity::Warn }],
    )
}

fn is_refused(entry: &Observed) -> bool {
    entry.outcome == Outcome::Denied && entry.key.is_some()
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn looking_for_what_is_open_is_told_and_a_few_refusals_are_not() {
        assert_eq!(
            tells(rule(), "12:00 dev get-attributes denied denied on-key *25 every 30s"),
            ["warn dev"]
        );
        assert!(tells(rule(), "12:00 dev get-attributes denied denied on-key *24 every 30s").is_empty());
        assert!(tells(rule(), "12:00 dev get-attributes denied denied on-key *25 every 300s").is_empty());
        assert!(tells(rule(), "12:00 dev list-principals denied denied *25 every 30s").is_empty());
    }
}
