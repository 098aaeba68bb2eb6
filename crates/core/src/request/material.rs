//! What may be done with material of a kind, whoever asks. Not here: who may, and loading it.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{KeyFormat, ManagedObject, ObjectType},
};

/// A shorter symmetric key could be guessed from its digest.
const DIGESTED_KEY_BYTES_MIN: usize = 16;

/// Nothing is computed with a key whose value is kept elsewhere.
pub(super) fn refuse_valueless(object: &ManagedObject) -> Result<()> {
    if !object.is_valueless() {
        return Ok(());
    }
    let public = "the value of this key is kept elsewhere: the attribute Key Value Location says where";
    Err(Error::new(ErrorKind::KeyValueNotPresent, public))
}

/// Nothing is computed with a key that stays wrapped, nor is it given as if it were plain.
pub(crate) fn refuse_wrapped(object: &ManagedObject) -> Result<()> {
    if object.format != KeyFormat::WRAPPED {
        return Ok(());
    }
    let public = "this key came wrapped and stays so: it is given as it came (KMIP Get), and not used";
    Err(Error::new(ErrorKind::WrongUsage, public))
}

/// Digests of passwords, short keys and other guessable secrets are never kept: they could be searched for.
pub(crate) fn digest_is_public(object_type: ObjectType, material_bytes: usize) -> bool {
    match object_type {
        ObjectType::SecretData | ObjectType::OpaqueObject | ObjectType::SplitKey => false,
        ObjectType::SymmetricKey => material_bytes >= DIGESTED_KEY_BYTES_MIN,
        _ => true,
    }
}

/// True where the material is kept as a key and not as opaque bytes.
pub fn is_key(object_type: ObjectType, format: KeyFormat) -> bool {
    matches!(object_type, ObjectType::SymmetricKey | ObjectType::PrivateKey | ObjectType::PublicKey)
        && !matches!(format, KeyFormat::Opaque | KeyFormat::Other(_))
}
