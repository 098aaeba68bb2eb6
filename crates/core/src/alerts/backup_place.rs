//! Backups go to a place where none went before.

use super::{
    About, Observed, Severity,
    burst::{Burst, Step},
};
use crate::access::Action;

static ABOUT: About = About {
    name: "backup-place",
    notices: "a backup target is registered: it warns, since all keys go there",
    then: "ask whoever did it; `keyreeve target list` says what is there. Where it was not meant, all keys that were in the backup are compromised for whoever has an epoch key",
};

/// The rule.
pub(super) fn rule() -> Burst {
    Burst::new(
        &ABOUT,
        // The server registers it, for the backup that somebody asks for.
        |entry| is_new(entry).then(|| entry.client().unwrap_or("store").to_owned()),
        &[Step { count: 1, within_ms: 0, severity: Severity::Warn }],
    )
}

fn is_new(entry: &Observed) -> bool {
    entry.is_done() && entry.action == Action::RegisterTarget
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn a_new_place_is_told_and_a_backup_to_a_known_one_is_not() {
        assert_eq!(tells(rule(), "03:00 admin register-target ok"), ["warn admin"]);
        assert_eq!(tells(rule(), "03:00 system register-target ok"), ["warn store"]);
        assert!(tells(rule(), "03:00 admin register-target denied").is_empty());
        assert!(tells(rule(), "03:00 admin backup ok").is_empty());
    }
}
