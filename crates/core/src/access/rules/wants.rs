//! What the condition of a rule wants of a key before it looks at anything else, told from its syntax: a name, or a label. So a rule
//! that names its key in its condition is not looked at for others. Not here: scopes (`set`).

use cedar_policy::Policy;
use serde_json::Value;

use crate::error::{Error, Result};

/// What a key must have, or the condition is false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// This name.
    Name(String),
    /// A label of this name with this value.
    Label(String, String),
}

impl Wants {
    /// INVARIANT: only what Cedar evaluates first counts. Behind anything else that could fail, a rule that forbids would
    /// do so for other keys too.
    ///
    /// # Errors
    /// `Internal` where Cedar cannot write the policy as JSON.
    pub(super) fn of(policy: &Policy) -> Result<Option<Self>> {
        if !policy.has_non_scope_constraint() {
            return Ok(None);
        }
        let json = policy.to_json().map_err(Error::internal)?;
        let first = json.get("conditions").and_then(|conditions| conditions.get(0));
        let Some(when) = first.filter(|first| first.get("kind").and_then(Value::as_str) == Some("when"))
        else {
            return Ok(None);
        };
        let mut conjuncts = Vec::new();
        flatten(when.get("body").unwrap_or(&Value::Null), &mut conjuncts);
        Ok(match conjuncts[..] {
            [first, ..] if name(first).is_some() => name(first),
            [first, second, ..] => label(first, second),
            _ => None,
        })
    }
}

/// The parts of a conjunction in the order in which they are evaluated.
fn flatten<'j>(body: &'j Value, conjuncts: &mut Vec<&'j Value>) {
    match body.get("&&") {
        Some(both) => {
            for side in ["left", "right"] {
                flatten(both.get(side).unwrap_or(&Value::Null), conjuncts);
            }
        }
        None => conjuncts.push(body),
    }
}

/// `resource.name == "..."`, either way round.
fn name(conjunct: &Value) -> Option<Wants> {
    let (left, right) = sides(conjunct, "==")?;
    let is_name = |side: &Value| {
        let read = side.get(".");
        let attribute = read.and_then(|read| read.get("attr")).and_then(Value::as_str);
        attribute == Some("name") && read.and_then(|read| read.get("left")).is_some_and(is_resource)
    };
    let value = if is_name(left) { right } else { Some(left).filter(|_| is_name(right))? };
    Some(Wants::Name(text(value)?))
}

/// `resource.hasTag("t") && resource.getTag("t") == "..."`.
fn label(first: &Value, second: &Value) -> Option<Wants> {
    let (resource, tag) = sides(first, "hasTag")?;
    let tag = text(tag).filter(|_| is_resource(resource))?;
    let (left, right) = sides(second, "==")?;
    let is_tag = |side: &Value| {
        sides(side, "getTag")
            .is_some_and(|(resource, read)| is_resource(resource) && text(read).as_ref() == Some(&tag))
    };
    let value = if is_tag(left) { right } else { Some(left).filter(|_| is_tag(right))? };
    Some(Wants::Label(tag, text(value)?))
}

fn sides<'j>(json: &'j Value, operator: &str) -> Option<(&'j Value, &'j Value)> {
    let operands = json.get(operator)?;
    Some((operands.get("left")?, operands.get("right")?))
}

fn is_resource(json: &Value) -> bool {
    json.get("Var").and_then(Value::as_str) == Some("resource")
}

fn text(json: &Value) -> Option<String> {
    json.get("Value").and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_first_is_wanted_and_nothing_else_is() {
        let name = |name: &str| Some(Wants::Name(name.into()));
        let label = |tag: &str, value: &str| Some(Wants::Label(tag.into(), value.into()));
        let cases = [
            ("when { resource.name == \"cards\" }", name("cards")),
            ("when { \"cards\" == resource.name && context.protocol == \"rest\" }", name("cards")),
            ("when { (resource.name == \"a\" && true) && false }", name("a")),
            ("when { resource.hasTag(\"t\") && resource.getTag(\"t\") == \"v\" && true }", label("t", "v")),
            ("when { resource.name == \"a\" } unless { resource.name == \"b\" }", name("a")),
            ("when { context.protocol == \"rest\" && resource.name == \"cards\" }", None),
            ("when { resource.name == \"a\" || resource.name == \"b\" }", None),
            ("when { !(resource.name == \"a\") }", None),
            ("unless { resource.name == \"a\" }", None),
            ("when { resource.hasTag(\"t\") && resource.getTag(\"u\") == \"v\" }", None),
            ("when { resource.hasTag(\"t\") }", None),
            ("when { resource.name like \"a*\" }", None),
            ("when { principal.name == \"a\" }", None),
            ("", None),
        ];
        for (condition, wanted) in cases {
            let policy =
                Policy::parse(None, format!("forbid (principal, action, resource) {condition};")).unwrap();
            assert_eq!(Wants::of(&policy).unwrap(), wanted, "{condition}");
        }
    }
}
