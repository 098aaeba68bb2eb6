//! The Cedar schema: what rules can speak of, made of `entities.cedarschema` and of the list of actions, so that no action
//! is forgotten. Not here: the entities of one request (`facts`).

use std::{fmt::Write, sync::LazyLock};

use cedar_policy::Schema;

use crate::{
    access::{Action, ActionGroup},
    error::{Error, Result},
};

const ENTITIES: &str = include_str!("entities.cedarschema");

/// The schema, and its text for people.
pub(super) struct Known {
    pub(super) schema: Schema,
    pub(super) text: String,
}

/// Parsed once; a schema that does not parse is a fault of this program, which the tests find.
pub(super) fn known() -> Result<&'static Known> {
    static KNOWN: LazyLock<Result<Known, String>> = LazyLock::new(|| {
        let text = text();
        let (schema, _) = Schema::from_cedarschema_str(&text).map_err(|error| format!("{error:?}"))?;
        Ok(Known { schema, text })
    });
    KNOWN.as_ref().map_err(Error::internal)
}

/// The word of a group, as rules write it; `None` for what no rule decides.
pub(super) fn group_word(group: ActionGroup) -> Option<&'static str> {
    match group {
        ActionGroup::Use => Some("use"),
        ActionGroup::Manage => Some("manage"),
        ActionGroup::Read => Some("read"),
        ActionGroup::Make => Some("make"),
        ActionGroup::Share => Some("share"),
        ActionGroup::Administer => Some("administer"),
        ActionGroup::Audit => Some("audit"),
        ActionGroup::Open => Some("open"),
        // INVARIANT: what the server does by itself is neither permitted nor forbidden by a rule.
        ActionGroup::System => None,
    }
}

fn text() -> String {
    let mut text = ENTITIES.to_owned();
    let groups = ["use", "manage", "read", "make", "share", "administer", "audit", "open"];
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\naction {};", groups.map(|word| format!("\"{word}\"")).join(", "));
    for action in Action::ALL {
        let Some(group) = group_word(action.group()) else { continue };
        let resource = if action.is_about_keys() { "Key" } else { "Realm" };
        let _ = writeln!(
            text,
            "action \"{}\" in [\"{group}\"] appliesTo {{ principal: Principal, resource: {resource}, context: Request }};",
            action.word()
        );
    }
    text
}
