//! Duplicates: finds material that came before, by a keyed digest. What the digest of a guessable secret would let
//! somebody guess, this does not keep: passwords and short keys are not compared.
//!
//! Kept of objects that were registered, and of generated ones once they leave the server: nothing else can come back.

use std::sync::Arc;

use super::server::{open_bound, server_data_of};
use crate::{
    access::{Action, Target},
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{KeyFormat, KeyMaterial, KeyPolicy, KeySpec, MaterialDigest, ObjectId, ObjectType},
    ports::crypto::ParsedKey,
    record::{Record, RecordKey},
    request::{Context, digest_is_public, is_key},
    secret::SecretBytes,
};

/// Name of the server data whose secret is the key of the digests.
pub(super) const DIGEST_KEY: &str = "material-digests";
const DIGEST_KEY_LEN: usize = 32;

/// The digest of material, by the realm, the kind of object, and the material; of a half of a pair by its public key,
/// which is the same in every encoding. None of what could be guessed.
///
/// # Errors
/// The store's and the sealer's.
pub(super) fn digest(
    context: &mut Context<'_>,
    (object_type, spec): (ObjectType, Option<KeySpec>),
    material: &KeyMaterial,
    parsed: Option<&dyn ParsedKey>,
) -> Result<Option<MaterialDigest>> {
    if !digest_is_public(object_type, material.bytes.len()) {
        return Ok(None);
    }
    let (crypto, realm) = (context.crypto(), context.realm());
    let is_half =
        spec.is_some_and(|spec| spec.algorithm.is_asymmetric()) && is_key(object_type, material.format);
    let public_key = || match parsed {
        Some(parsed) => parsed.public_key().ok(),
        None => crypto.parse(object_type, spec.as_ref(), material).ok()?.public_key().ok(),
    };
    let public = is_half.then(public_key).flatten();
    let key = digest_key(context)?;
    let bytes = public.as_deref().unwrap_or(material.bytes.expose());
    let parts: [&[u8]; 3] = [realm.as_bytes(), &[object_type as u8], bytes];
    Ok(Some(MaterialDigest(crypto.hmac_sha256(key.expose(), &parts))))
}

/// Notes whose material this is; gives the object that had it first, where it is another one.
///
/// # Errors
/// The store's.
pub(super) fn note(
    context: &mut Context<'_>,
    digest: Option<MaterialDigest>,
    object: ObjectId,
) -> Result<Option<ObjectId>> {
    let Some(digest) = digest else { return Ok(None) };
    let realm = context.realm();
    let address = RecordKey::MaterialDigest(realm, digest);
    match context.get(address.clone())?.as_deref() {
        Some(Record::MaterialDigest { object: known, .. }) => {
            Ok(Some(*known).filter(|known| *known != object))
        }
        Some(other) => Err(damaged(&address, other)),
        None => {
            context.put(Record::MaterialDigest { realm, digest, object });
            Ok(None)
        }
    }
}

/// The object that had this certificate first, where the caller may know of it. Changes nothing.
///
/// # Errors
/// The store's and the sealer's.
pub(super) fn known_certificate(
    context: &mut Context<'_>,
    certificate: &SecretBytes,
) -> Result<Option<ObjectId>> {
    // Where nothing was noted yet there is no key of digests either.
    if context.get(RecordKey::Server(DIGEST_KEY.to_owned()))?.is_none() {
        return Ok(None);
    }
    let bytes = SecretBytes::copy_from(certificate.expose());
    let material = KeyMaterial { format: KeyFormat::Spki, bytes };
    let Some(digest) = digest(context, (ObjectType::Certificate, None), &material, None)? else {
        return Ok(None);
    };
    let address = RecordKey::MaterialDigest(context.realm(), digest);
    match context.get(address.clone())?.as_deref() {
        Some(Record::MaterialDigest { object, .. }) => {
            Ok(visible(context, *object)?.is_some().then_some(*object))
        }
        Some(other) => Err(damaged(&address, other)),
        None => Ok(None),
    }
}

/// As [`note`], for material that came from outside: names the object, in the answer and on record, only where the caller
/// may know of it.
///
/// # Errors
/// `AlreadyExists` where there is one, and the policy wants none.
pub(super) fn note_import(
    context: &mut Context<'_>,
    digest: Option<MaterialDigest>,
    object: ObjectId,
    policy: &KeyPolicy,
) -> Result<Option<ObjectId>> {
    let Some(known) = note(context, digest, object)? else { return Ok(None) };
    let visible = visible(context, known)?;
    if policy.reject_duplicates {
        let whose =
            visible.map_or(String::new(), |name| format!(": it is object {known} of the key {name:?}"));
        let public = format!("this material was registered, or given out, before{whose}");
        return Err(Error::new(ErrorKind::AlreadyExists, public));
    }
    // INVARIANT: the importer reads this in the history of his key.
    context.note_detail(match visible {
        Some(_) => format!("the same material as object {known}"),
        None => "the same material as an object that the importer may not see".to_owned(),
    });
    Ok(visible.map(|_| known))
}

/// Refuses material that the caller could unwrap only because everybody may bring keys, where somebody else has it, as what
/// does not come open: it would be his key in other hands.
///
/// # Errors
/// `CryptoFailed`.
pub(super) fn refuse_unseen(context: &mut Context<'_>, digest: Option<MaterialDigest>) -> Result<()> {
    let Some(digest) = digest else { return Ok(()) };
    let address = RecordKey::MaterialDigest(context.realm(), digest);
    match context.get(address.clone())?.as_deref() {
        Some(Record::MaterialDigest { object, .. }) => match visible(context, *object)? {
            Some(_) => Ok(()),
            None => Err(Error::crypto_failed().because("the importer may not see whose material this is")),
        },
        Some(other) => Err(damaged(&address, other)),
        None => Ok(()),
    }
}

/// The name of the key that an object is of, where the caller may know of it.
fn visible(context: &Context<'_>, object: ObjectId) -> Result<Option<String>> {
    let store = context.store();
    let object = store.get(&RecordKey::Object(object))?;
    let Some(Record::Object(object)) = object.as_deref() else { return Ok(None) };
    let key = store.get(&RecordKey::Key(object.key))?;
    let Some(Record::Key(key)) = key.as_deref() else { return Ok(None) };
    let allowed = context.authorize(Action::GetAttributes, Target::Key(key)).is_ok();
    Ok(allowed.then(|| key.name.clone()))
}

/// A digest that this server alone can make.
///
/// # Errors
/// The store's and the sealer's.
pub(super) fn keyed(context: &mut Context<'_>, parts: &[&[u8]]) -> Result<[u8; 32]> {
    let key = digest_key(context)?;
    Ok(context.crypto().hmac_sha256(key.expose(), parts))
}

/// The key of the digests; made with the first of them.
fn digest_key(context: &mut Context<'_>) -> Result<SecretBytes> {
    let address = RecordKey::Server(DIGEST_KEY.to_owned());
    match context.get(address.clone())?.as_deref() {
        Some(Record::Server(data)) => match &data.sealed {
            Some(sealed) => open_bound(context.crypto(), context.sealer(), data, sealed),
            None => Err(damaged(&address, &Record::Server(Arc::clone(data)))),
        },
        Some(other) => Err(damaged(&address, other)),
        None => {
            let mut key = [0; DIGEST_KEY_LEN];
            context.crypto().fill(&mut key)?;
            let key = SecretBytes::take_from(&mut key);
            let data = server_data_of(context, DIGEST_KEY, &[], Some(&key))?;
            context.put(Record::Server(Arc::new(data)));
            Ok(key)
        }
    }
}
