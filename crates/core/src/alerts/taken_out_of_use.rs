//! Keys are taken out of use: revoked or disabled.

use super::{
    About, HOUR_MS, Observed, Severity,
    burst::{Burst, Step},
};
use crate::access::Action;

static ABOUT: About = About {
    name: "taken-out-of-use",
    notices: "a client revokes or disables keys: 12 within a day warn, 30 within three days page",
    then: "ask whoever did it; `keyreeve key enable` takes back what was disabled. Services that need the keys fail meanwhile",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        |entry| ends(entry).then(|| entry.client().map(str::to_owned)).flatten(),
        &[
            Step { count: 30, within_ms: 72 * HOUR_MS, severity: Severity::Page },
            Step { count: 12, within_ms: 24 * HOUR_MS, severity: Severity::Warn },
        ],
    )
}

fn ends(entry: &Observed) -> bool {
    entry.is_done() && matches!(entry.action, Action::Revoke | Action::Disable)
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn one_after_the_other_over_days_is_noticed_and_some_are_not() {
        assert_eq!(tells(rule(), "00:00 ops revoke ok *30 every 3600s"), ["warn ops", "page ops"]);
        assert!(tells(rule(), "00:00 ops revoke ok *11 every 3600s").is_empty());
        assert!(tells(rule(), "00:00 ops disable ok *30 every 28800s").is_empty());
        assert!(tells(rule(), "00:00 ops revoke failed *30 every 60s").is_empty());
    }
}
