//! A canary is touched: a key that nobody has any reason to use.

use super::{About, Finding, Observed, Rule, Severity};
use crate::access::ActionGroup;

static ABOUT: About = About {
    name: "canary",
    notices: "somebody uses, manages or is handed a key that was made as a canary, or tries to: it pages. Reading its attributes, which an inventory does, is nothing",
    then: "whose credentials these are, somebody else has them: revoke them, and look at all that they did (`keyreeve audit search --principal NAME`)",
};

/// The rule.
pub(super) struct Canary;

impl Rule for Canary {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn observe(&mut self, entry: &Observed) -> Option<Finding> {
        let touches =
            !matches!(entry.action.group(), ActionGroup::Read | ActionGroup::Open | ActionGroup::System);
        // Whoever makes one makes no alert.
        let is_its_own = entry.action.group() == ActionGroup::Make;
        let subject = entry.client().filter(|_| entry.canary && touches && !is_its_own)?;
        let observed =
            format!("{} of the canary {}", entry.action.word(), entry.target.as_deref().unwrap_or("-"));
        Some(entry.finding(&ABOUT, Severity::Page, subject, observed))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::trace::tells, *};

    #[test]
    fn a_try_pages_and_an_inventory_does_not() {
        assert_eq!(tells(Canary, "12:00 ci decrypt denied denied canary"), ["page ci"]);
        assert_eq!(tells(Canary, "12:00 ci sign ok canary"), ["page ci"]);
        assert!(tells(Canary, "12:00 auditor get-attributes ok canary").is_empty());
        assert!(tells(Canary, "12:00 ops create ok canary").is_empty());
        assert!(tells(Canary, "12:00 ci sign ok").is_empty());
    }
}
