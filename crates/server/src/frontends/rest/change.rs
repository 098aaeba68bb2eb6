//! Changing a key over REST: its name, labels, dates, usage limits and policy. Not here: steps of its life, which have
//! routes of their own (keys, destruction).

use keyreeve_core::attributes::AttributeEdit;
use keyreeve_core::model::{AttributeKind, AttributeName, Time, Value as Attribute};
use keyreeve_core::operations::change_key::{ChangeKey, PolicyChange};
use schemars::JsonSchema;
use serde::Deserialize;

use super::bounded::Map;
use super::conditional::{Change, KeyAnswer};
use super::counted::UsageLimitsRequest;
use super::errors::{Problem, Result};
use super::keys;
use super::request::{NamedKey, Patch};

/// Tags that one request changes: all that a key may have go, and as many come.
const TAGS_CHANGED_MAX: usize = 128;

/// Body of `change`. What is not named stays; null is the value of a tag alone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeRequest {
    name: Option<String>,
    /// The value that each tag shall have; null: the tag shall be gone. Those that are not named stay.
    #[serde(default)]
    tags: Map<Option<String>, TAGS_CHANGED_MAX>,
    /// When the newest version, which is not active yet, becomes active: RFC 3339.
    activation: Option<String>,
    /// When the newest version stops protecting: RFC 3339.
    deactivation: Option<String>,
    /// How much the newest version may protect, while nothing of a former limit is spent.
    usage_limits: Option<UsageLimitsRequest>,
    lease_seconds: Option<u32>,
    /// Not fewer than now.
    destroy_waiting_days: Option<u16>,
    /// False: never without the waiting period. There is no way back.
    destroy_at_once: Option<bool>,
    reject_duplicates: Option<bool>,
}

/// `PATCH /v1/keys/{name}`.
pub(super) async fn change(
    change: Change,
    NamedKey(key): NamedKey,
    Patch(request): Patch<ChangeRequest>,
) -> Result<KeyAnswer> {
    let edits = request.edits()?;
    let policy = PolicyChange {
        lease_seconds: request.lease_seconds,
        destroy_waiting_days: request.destroy_waiting_days,
        destroy_at_once: request.destroy_at_once,
        reject_duplicates: request.reject_duplicates,
    };
    keys::check_ranges(policy.destroy_waiting_days, policy.lease_seconds)?;
    let ChangeRequest { name, tags: Map(tags), .. } = request;
    if name.is_none() && tags.is_empty() && edits.is_empty() && policy == PolicyChange::default() {
        return Err(Problem::invalid("there is nothing to change: name a field"));
    }
    change.key(ChangeKey { key, name, tags, edits, policy }).await
}

impl ChangeRequest {
    /// The attributes that say so.
    fn edits(&self) -> Result<Vec<AttributeEdit>> {
        let mut edits = Vec::new();
        for (field, kind, date) in [
            ("activation", AttributeKind::ActivationDate, &self.activation),
            ("deactivation", AttributeKind::DeactivationDate, &self.deactivation),
        ] {
            let Some(text) = date else { continue };
            let date = text.parse::<Time>().map_err(|_| {
                Problem::invalid(format!("{field} is no time of RFC 3339, such as 2030-01-31T12:00:00Z"))
            })?;
            let name = AttributeName::Standard(kind);
            edits.push(AttributeEdit::Set { name, value: Attribute::Date(date) });
        }
        if let Some(limits) = self.usage_limits {
            let (name, values) = limits.attribute()?;
            edits.extend(values.into_iter().map(|value| AttributeEdit::Set { name: name.clone(), value }));
        }
        Ok(edits)
    }
}
