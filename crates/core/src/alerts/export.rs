//! Keys leave the server, plain or wrapped.

use super::{
    About, HOUR_MS, Observed, Severity,
    burst::{Burst, Step},
};
use crate::access::Action;

static ABOUT: About = About {
    name: "export",
    notices: "a client that connects over REST is handed keys: 10 within an hour warn, 40 page. Appliances, whose work that is, do it over KMIP",
    then: "look which keys left (`keyreeve audit search --action get --principal NAME`), and rotate them where that was not meant",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        |entry| leaves(entry).then(|| entry.client().map(str::to_owned)).flatten(),
        &[
            Step { count: 40, within_ms: HOUR_MS, severity: Severity::Page },
            Step { count: 10, within_ms: HOUR_MS, severity: Severity::Warn },
        ],
    )
}

fn leaves(entry: &Observed) -> bool {
    entry.is_done() && !entry.by_kmip && entry.action == Action::Get
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn many_keys_that_leave_are_told_and_an_appliance_that_asks_is_not() {
        assert_eq!(tells(rule(), "12:00 ops get ok *40 every 30s"), ["warn ops", "page ops"]);
        assert!(tells(rule(), "12:00 ops get ok *9 every 30s").is_empty());
        assert!(tells(rule(), "12:00 array get ok kmip *40 every 30s").is_empty());
        assert!(tells(rule(), "12:00 ops get denied *40 every 30s").is_empty());
    }
}
