//! What the model asks of records that come back from a backup: that they open, that their attributes bear their MAC,
//! and that what is counted never goes back.

use std::sync::Arc;

use crate::{
    attributes::part,
    error::{Error, Result},
    model::{AttributeKind, AttributeName, ManagedObject, Value},
    operations::server,
    ports::{
        crypto::Crypto,
        seal::{SealedMaterial, Sealer},
    },
    record::ServerData,
    request::{binding, canonical},
};

const USAGE_LIMITS: AttributeName = AttributeName::Standard(AttributeKind::UsageLimits);
/// Of its total, a limit loses one part in so many with every restore: uses that no backup saw.
const SKIPPED_PARTS: i64 = 100;

/// Opens an object's material, which is dropped at once, and checks the MAC over its attributes.
///
/// # Errors
/// `Internal` where anything was altered or belongs elsewhere; the sealer's.
pub fn verify_object(
    crypto: &dyn Crypto,
    sealer: &dyn Sealer,
    object: &ManagedObject,
    sealed: &SealedMaterial,
) -> Result<()> {
    let mac = attributes_mac(sealer, object, sealed)?;
    if !crypto.equal(&mac, &object.mac) {
        return Err(Error::internal(format!("attributes of object {} do not match their MAC", object.id)));
    }
    sealer.open(&binding(object, sealed), sealed).map(drop)
}

/// Opens the sealed part of server data, where there is one, which is dropped at once.
///
/// # Errors
/// As [`verify_object`].
pub fn verify_server_data(crypto: &dyn Crypto, sealer: &dyn Sealer, data: &ServerData) -> Result<()> {
    data.sealed.as_ref().map_or(Ok(()), |sealed| server::open_bound(crypto, sealer, data, sealed).map(drop))
}

/// The object with these attributes as the revision behind `newest`, with its MAC made anew.
///
/// # Errors
/// The sealer's.
pub fn revised(
    sealer: &dyn Sealer,
    mut object: ManagedObject,
    newest: &ManagedObject,
    sealed: &SealedMaterial,
) -> Result<Arc<ManagedObject>> {
    object.revision = newest.revision.saturating_add(1);
    object.mac = attributes_mac(sealer, &object, sealed)?.to_vec();
    Ok(Arc::new(object))
}

/// Takes the usage limits of both: where each has some left, the smaller rest counts.
pub fn lower_limits(object: &mut ManagedObject, other: &ManagedObject) {
    if let (Some(mine), Some(others)) = (left(object), left(other)) {
        set_left(object, mine.min(others));
    }
}

/// Takes a part of an object's usage limits away, for uses that were lost with the machine; false where it has none.
///
/// A restored counter goes on from the newest one known and a skip, never from the past.
pub fn skip_limits(object: &mut ManagedObject) -> bool {
    let total = limits(object).and_then(|limits| part(limits, "UsageLimitsTotal")).cloned();
    let (Some(left), Some(Value::LongInteger(total))) = (left(object), total) else { return false };
    let skipped = total.checked_div(SKIPPED_PARTS).unwrap_or(0).max(1);
    set_left(object, left.saturating_sub(skipped).max(0));
    true
}

fn attributes_mac(sealer: &dyn Sealer, object: &ManagedObject, sealed: &SealedMaterial) -> Result<[u8; 32]> {
    sealer.attributes_mac(&binding(object, sealed), sealed, object.revision, &canonical(object)?)
}

fn limits(object: &ManagedObject) -> Option<&Value> {
    object.further.get(&USAGE_LIMITS)?.first()
}

fn left(object: &ManagedObject) -> Option<i64> {
    match part(limits(object)?, "UsageLimitsCount") {
        Some(Value::LongInteger(left)) => Some(*left),
        _ => None,
    }
}

fn set_left(object: &mut ManagedObject, left: i64) {
    if let Some(Value::Structure(parts)) =
        object.further.get_mut(&USAGE_LIMITS).and_then(|all| all.first_mut())
    {
        let count = parts.iter_mut().filter(|(name, _)| name == "UsageLimitsCount");
        count.for_each(|(_, value)| *value = Value::LongInteger(left));
    }
}
