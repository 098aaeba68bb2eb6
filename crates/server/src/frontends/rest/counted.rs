//! What is counted of keys over REST: usage limits, as a request sets them and an answer shows them, uses and exports. Not
//! here: the counting (core and store).

use keyreeve_core::attributes::new_usage_limits;
use keyreeve_core::model::{AttributeName, KeyVersion, UsageLimits, UsageUnit, Uses, Value as Attribute};
use keyreeve_core::operations::show::Shown;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::{Problem, Result};

/// How much every version of a key may protect.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageLimitsRequest {
    /// At least 1.
    total: u64,
    /// `uses` or `bytes`.
    unit: Unit,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Unit {
    Uses,
    Bytes,
}

impl UsageLimitsRequest {
    /// The attribute that says so.
    pub(super) fn attribute(self) -> Result<(AttributeName, Vec<Attribute>)> {
        let unit = match self.unit {
            Unit::Uses => UsageUnit::Uses,
            Unit::Bytes => UsageUnit::Bytes,
        };
        if self.total == 0 || i64::try_from(self.total).is_err() {
            let detail = format!("the total of usage_limits is 1 to {}", i64::MAX);
            return Err(Problem::invalid(detail));
        }
        let (name, value) = new_usage_limits(self.total, unit);
        Ok((name, vec![value]))
    }
}

/// Adds what is counted of a version, of both halves of a pair together, to its answer. Nothing of a key as it was.
pub(super) fn add(answer: &mut Value, shown: &Shown, version: &KeyVersion) {
    let halves = [Some(version.primary), version.public];
    let counted: Vec<_> = halves.iter().flatten().filter_map(|id| shown.counted.get(id)).collect();
    let uses = counted.iter().filter_map(|counted| counted.uses).reduce(|mut all, half| {
        all.add(&half);
        all
    });
    let limits = counted.iter().filter_map(|counted| counted.limits).min_by_key(|limits| limits.left);
    let known = !counted.is_empty();
    let number = |of: fn(&Uses) -> u64| known.then(|| uses.as_ref().map_or(0, of));
    answer["uses"] =
        json!({ "protect": number(|uses| uses.protect), "process": number(|uses| uses.process) });
    answer["first_used"] = json!(uses.map(|uses| uses.first.to_string()));
    answer["last_used"] = json!(uses.map(|uses| uses.last.to_string()));
    answer["exports"] = json!(known.then(|| counted.iter().map(|counted| counted.exported).sum::<u64>()));
    answer["usage_limits"] = json!(limits.map(|UsageLimits { total, left, unit }| {
        json!({ "total": total, "left": left, "unit": unit.word() })
    }));
}
