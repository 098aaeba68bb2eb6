//! Keys are destroyed, or their destruction begins.

use super::{
    About, HOUR_MS, Observed, Severity,
    burst::{Burst, Step},
};
use crate::access::Action;

static ABOUT: About = About {
    name: "destruction",
    notices: "a client destroys keys: one informs, 10 within an hour warn, 40 page; as soon as they wait for their destruction",
    then: "look at the keys in `keyreeve audit search --action destroy`; what waits is saved by `keyreeve key cancel-destroy`; revoke the client where it was not meant",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        |entry| begins(entry).then(|| entry.client().map(str::to_owned)).flatten(),
        &[
            Step { count: 40, within_ms: HOUR_MS, severity: Severity::Page },
            Step { count: 10, within_ms: HOUR_MS, severity: Severity::Warn },
            Step { count: 1, within_ms: 0, severity: Severity::Inform },
        ],
    )
}

fn begins(entry: &Observed) -> bool {
    entry.is_done() && matches!(entry.action, Action::Destroy | Action::Erase)
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn many_keys_at_once_page_and_a_few_do_not() {
        assert_eq!(tells(rule(), "12:00 ops destroy ok"), ["inform ops"]);
        assert_eq!(
            tells(rule(), "12:00 ops destroy ok *40 every 60s"),
            ["inform ops", "warn ops", "page ops"]
        );
        // A project that is wound up.
        assert_eq!(tells(rule(), "12:00 ops destroy ok *18 every 60s"), ["inform ops", "warn ops"]);
        // Tidying all day.
        assert_eq!(tells(rule(), "08:00 ops destroy ok *40 every 900s"), ["inform ops"]);
        // What is refused, and what the server completes.
        assert!(tells(rule(), "12:00 ops destroy denied *40 every 60s").is_empty());
        assert!(tells(rule(), "12:00 system destroy ok *40 every 60s").is_empty());
    }
}
