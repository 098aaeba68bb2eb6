//! What a certificate of destruction says: who asked for what, which places were erased or attested, and what could have
//! been copied. How statements are signed does not live here: `crate::signed`.

use std::{collections::HashSet, sync::Arc};

use keyreeve_core::{
    Error, Result,
    model::{Erasure, Lsn, Place, Time},
};
use serde_json::{Value, json};

use crate::sealing::Place as Here;

/// The kind of statement.
pub(super) const KIND: &str = "certificate";
const FORMAT: u32 = 1;
const METHOD: &str = "Cryptographic erase (NIST SP 800-88 rev. 1, section 2.6 and appendix D): the material was encrypted \
with AES-256-GCM under a key derived from the root key and a leaf key. The leaf key was left out of a new key tree, and \
the epoch key that still reached it was overwritten in place and read back in every place listed as erased. Backups, \
journals and archives hold the material only encrypted.";

/// What is known when an erasure is complete.
pub(super) struct Facts<'a> {
    pub(super) here: Here,
    pub(super) erasure: &'a Erasure,
    /// How often each object's secret left the server, in their order.
    pub(super) exported: Vec<u64>,
    pub(super) completed: Time,
    /// The newest entry at that time.
    pub(super) lsn: Lsn,
    pub(super) places: &'a [Arc<Place>],
}

/// The certificate, not signed yet.
///
/// # Errors
/// `Internal` where an erasure has not switched.
pub(super) fn certificate(facts: &Facts<'_>) -> Result<Value> {
    let Facts { here, erasure, exported, completed, lsn, places } = facts;
    let generation =
        erasure.switched.ok_or_else(|| Error::internal("an erasure is complete before it switched"))?;
    let object = |(object, exported): (&keyreeve_core::model::ErasedObject, &u64)| {
        json!({
            "id": object.object,
            "key": object.key,
            "version": object.version,
            "type": object.object_type,
            "exported": exported,
        })
    };
    // Places that never came to hold an epoch key say nothing.
    let concerned: Vec<&Place> =
        places.iter().map(|place| &**place).filter(|place| place.has_cell || place.confirmed > 0).collect();
    Ok(json!({
        "format": FORMAT,
        "id": erasure.id,
        "store": here.store,
        "timeline": here.timeline,
        "realm": erasure.realm,
        "scope": erasure.scope,
        "objects": erasure.objects.iter().zip(exported).map(object).collect::<Vec<_>>(),
        "exported": exported.iter().fold(0_u64, |sum, count| sum.saturating_add(*count)),
        "asked_by": { "principal": erasure.principal, "name": erasure.principal_name },
        "asked": erasure.asked.to_string(),
        "switched": erasure.switched_at.map(|time| time.to_string()),
        "completed": completed.to_string(),
        "generation": generation,
        "lsn": lsn,
        "method": METHOD,
        "grade": grade(&concerned, generation),
        "places": concerned.iter().map(|place| told(place, generation)).collect::<Vec<_>>(),
    }))
}

/// How a place was cleared.
fn told(place: &Place, generation: u64) -> Value {
    let mut told = json!({ "place": place.name, "kind": place.kind, "domain": place.domain });
    let cleared = match &place.attested {
        _ if place.confirmed >= generation || !place.has_cell => json!({
            "cleared": "erased and read back",
            "at": place.confirmed_at.map(|time| time.to_string()),
        }),
        Some(word) if place.is_clear_of_older_than(generation) => json!({
            "cleared": "attested",
            "by": word.by,
            "statement": word.statement,
            "at": word.at.to_string(),
        }),
        _ => json!({
            "cleared": "not cleared",
            "holds": format!("one share of an epoch key, of which {} give it", place.threshold),
        }),
    };
    if let (Value::Object(told), Value::Object(cleared)) = (&mut told, cleared) {
        told.extend(cleared);
    }
    told
}

/// What could have been copied: `logical` where no cell was erased; `threshold` where an epoch key was split among
/// places that share nothing; `copyable` otherwise, since a cell could have been imaged with what it protects.
pub(super) fn grade(places: &[&Place], generation: u64) -> &'static str {
    if !places.iter().any(|place| place.confirmed >= generation) {
        return "logical";
    }
    let domains: Option<HashSet<&str>> = places.iter().map(|place| place.domain.as_deref()).collect();
    let are_apart = domains.is_some_and(|domains| domains.len() == places.len());
    if are_apart && places.iter().all(|place| place.threshold > 1) { "threshold" } else { "copyable" }
}
