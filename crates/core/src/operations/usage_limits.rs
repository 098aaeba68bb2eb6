//! Usage limits: how much a key may still protect.
//!
//! # Standard
//! KMIP 2.1 section 4.60 (Usage Limits): they bound protection (encrypting, signing, making MACs, wrapping), never
//! processing.

use std::sync::Arc;

use crate::{
    attributes::part,
    error::{Error, ErrorKind, Result},
    model::{AttributeKind, AttributeName, ManagedObject, Value},
    request::Context,
};

const NAME: AttributeName = AttributeName::Standard(AttributeKind::UsageLimits);
const UNIT_BYTE: u32 = 1;

/// Takes what one use costs from the object's limits, where it has any. Without limits nothing is read or written.
///
/// # Errors
/// `Denied` where not enough is left.
pub(super) fn spend(context: &mut Context<'_>, object: &Arc<ManagedObject>, bytes: usize) -> Result<()> {
    let Some(limits) = Limits::of(object) else { return Ok(()) };
    let units = if limits.unit == UNIT_BYTE { bytes as u64 } else { 1 };
    limits.check(units)?;
    let left = limits.left - units as i64;
    let mut object = ManagedObject::clone(object);
    let full = Value::Structure(vec![
        ("UsageLimitsTotal".to_owned(), Value::LongInteger(limits.total)),
        ("UsageLimitsCount".to_owned(), Value::LongInteger(left)),
        ("UsageLimitsUnit".to_owned(), Value::Enumeration(limits.unit)),
    ]);
    object.further.insert(NAME, vec![full]);
    context.put_changed(object)?;
    Ok(())
}

/// Whether so many units are left.
///
/// # Errors
/// `Denied` where they are not.
pub(super) fn check(object: &ManagedObject, units: u64) -> Result<()> {
    Limits::of(object).map_or(Ok(()), |limits| limits.check(units))
}

struct Limits {
    total: i64,
    left: i64,
    unit: u32,
}

impl Limits {
    fn of(object: &ManagedObject) -> Option<Self> {
        let value = object.further.get(&NAME)?.first()?;
        match (
            part(value, "UsageLimitsTotal"),
            part(value, "UsageLimitsCount"),
            part(value, "UsageLimitsUnit"),
        ) {
            (
                Some(Value::LongInteger(total)),
                Some(Value::LongInteger(left)),
                Some(Value::Enumeration(unit)),
            ) => Some(Self { total: *total, left: *left, unit: *unit }),
            _ => None,
        }
    }

    fn check(&self, units: u64) -> Result<()> {
        if i64::try_from(units).is_ok_and(|units| units <= self.left) {
            return Ok(());
        }
        let public = format!("the usage limits of this key leave {} units, not {units}", self.left);
        Err(Error::new(ErrorKind::Denied, public))
    }
}
