//! What a client sends cannot be meant.

use super::{
    About, HOUR_MS, Observed, Severity,
    burst::{Burst, Step},
};
use crate::{ErrorKind, record::Outcome};

static ABOUT: About = About {
    name: "malformed",
    notices: "a client's requests are malformed or ask for what nobody offers: 20 within an hour warn, 100 page",
    then: "look at what comes (`keyreeve audit search --principal NAME --outcome failed`): a broken client, or somebody who looks for a way in by its certificate",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        |entry| is_senseless(entry).then(|| entry.client().map(str::to_owned)).flatten(),
        &[
            Step { count: 100, within_ms: HOUR_MS, severity: Severity::Page },
            Step { count: 20, within_ms: HOUR_MS, severity: Severity::Warn },
        ],
    )
}

fn is_senseless(entry: &Observed) -> bool {
    use ErrorKind::{Invalid, InvalidField, TooLarge, Unsupported};
    entry.outcome == Outcome::Failed
        && matches!(entry.reason, Some(Invalid | InvalidField | TooLarge | Unsupported))
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn many_senseless_requests_are_told_and_a_client_that_asks_for_what_is_not_there_is_not() {
        assert_eq!(
            tells(rule(), "12:00 array other-request failed invalid *100 every 5s"),
            ["warn array", "page array"]
        );
        assert!(tells(rule(), "12:00 array query failed unsupported *19 every 5s").is_empty());
        assert!(tells(rule(), "12:00 array query failed unsupported *100 every 600s").is_empty());
        assert!(tells(rule(), "12:00 array get failed not_found *100 every 5s").is_empty());
    }
}
