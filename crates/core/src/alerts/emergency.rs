//! What is for emergencies is done.

use super::{About, Finding, Observed, Rule, Severity};
use crate::access::Action;

static ABOUT: About = About {
    name: "emergency",
    notices: "an administrator is made by recovery shares, for an emergency or in place of a lost one; the server says that it was restored, or goes on after a roll-back; what unlocks the root key is changed, or the root key: each pages",
    then: "ask those who keep the shares. Where nobody knows of it, take the server off the network",
};

/// The rule.
pub(super) struct Emergency;

impl Rule for Emergency {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn observe(&mut self, entry: &Observed) -> Option<Finding> {
        use Action::{AcceptRollback, BreakGlass, ChangeUnlock, RecoverAdministrator, ReplaceRoot, Restored};
        let is_one = matches!(
            entry.action,
            BreakGlass | RecoverAdministrator | Restored | AcceptRollback | ChangeUnlock | ReplaceRoot
        );
        if !is_one || !entry.is_done() {
            return None;
        }
        let subject = entry.target.as_deref().or(entry.client()).unwrap_or(&entry.name);
        Some(entry.finding(&ABOUT, Severity::Page, subject, entry.action.word().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn each_of_them_pages_and_what_was_refused_does_not() {
        assert_eq!(tells(Emergency, "03:00 system break-glass ok"), ["page system"]);
        assert_eq!(tells(Emergency, "03:00 admin change-unlock ok"), ["page admin"]);
        assert!(tells(Emergency, "03:00 admin change-unlock denied").is_empty());
        assert!(tells(Emergency, "03:00 system start ok\n03:00 system unseal ok").is_empty());
    }
}
