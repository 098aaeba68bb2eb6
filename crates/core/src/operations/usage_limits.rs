//! Usage limits: how much a key may still protect.
//!
//! What was used up is a counter beside the object. A request adds to it by a change that commutes, and the committer
//! takes it only where as much is left: no use makes another run again, and none is too many.
//!
//! # Standard
//! KMIP 2.1 section 4.60 (Usage Limits): they bound protection (encrypting, signing, making MACs, wrapping), never
//! processing.

use crate::{
    attributes::part,
    error::{Error, ErrorKind, Result},
    model::{AttributeKind, AttributeName, ManagedObject, UsageLimits, UsageUnit, Value},
    request::Context,
};

/// The attribute.
pub(super) const NAME: AttributeName = AttributeName::Standard(AttributeKind::UsageLimits);

/// Takes what one use costs from the object's limits, where it has any. Without limits nothing is read or written.
///
/// # Errors
/// `UsageLimitExceeded` where not enough is left.
pub(super) fn spend(context: &mut Context<'_>, object: &ManagedObject, bytes: usize) -> Result<()> {
    spend_part(context, object, bytes, true)
}

/// As [`spend`], of a use that comes in parts: all of them together are one.
///
/// # Errors
/// As [`spend`].
pub(super) fn spend_part(
    context: &mut Context<'_>,
    object: &ManagedObject,
    bytes: usize,
    is_first: bool,
) -> Result<()> {
    let Some(granted) = granted(object) else { return Ok(()) };
    let units = match granted.unit {
        UsageUnit::Bytes => bytes as u64,
        UsageUnit::Uses => u64::from(is_first),
    };
    take(context, object, granted.left, units)
}

/// Takes so many units from the object's limits; false where it has none.
///
/// # Errors
/// As [`spend`].
pub(super) fn allocate(context: &mut Context<'_>, object: &ManagedObject, units: u64) -> Result<bool> {
    let Some(granted) = granted(object) else { return Ok(false) };
    take(context, object, granted.left, units)?;
    Ok(true)
}

/// Whether so many units are left.
///
/// # Errors
/// `UsageLimitExceeded` where they are not.
pub(super) fn check(context: &Context<'_>, object: &ManagedObject, units: u64) -> Result<()> {
    match limits(context, object)? {
        Some(limits) => check_left(limits.left, units),
        None => Ok(()),
    }
}

/// The object's limits with what is left of them now.
///
/// # Errors
/// The store's.
pub(super) fn limits(context: &Context<'_>, object: &ManagedObject) -> Result<Option<UsageLimits>> {
    let Some(granted) = granted(object) else { return Ok(None) };
    let left = granted.left.saturating_sub(context.spent(object.id)?);
    Ok(Some(UsageLimits { left, ..granted }))
}

/// Units that were used up of the object's limits; 0 where it has none.
///
/// # Errors
/// The store's.
pub(super) fn spent(context: &Context<'_>, object: &ManagedObject) -> Result<u64> {
    if object.further.contains_key(&NAME) { context.spent(object.id) } else { Ok(0) }
}

fn take(context: &mut Context<'_>, object: &ManagedObject, of: u64, units: u64) -> Result<()> {
    check_left(of.saturating_sub(context.spent(object.id)?), units)?;
    if units > 0 {
        context.spend(object.id, units, of);
    }
    Ok(())
}

fn check_left(left: u64, units: u64) -> Result<()> {
    if units <= left {
        return Ok(());
    }
    let public = format!("the usage limits of this key leave {left} units, not {units}");
    Err(Error::new(ErrorKind::UsageLimitExceeded, public))
}

/// The limits as the attribute says, where `left` is what was granted: the total, or less after a restore.
fn granted(object: &ManagedObject) -> Option<UsageLimits> {
    let value = object.further.get(&NAME)?.first()?;
    match (part(value, "UsageLimitsTotal"), part(value, "UsageLimitsCount"), part(value, "UsageLimitsUnit")) {
        (Some(Value::LongInteger(total)), Some(Value::LongInteger(left)), Some(Value::Enumeration(unit))) => {
            let units = |number: &i64| u64::try_from(*number).unwrap_or(0);
            Some(UsageLimits { total: units(total), left: units(left), unit: UsageUnit::from_code(*unit) })
        }
        _ => None,
    }
}
