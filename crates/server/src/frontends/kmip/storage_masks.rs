//! Protection Storage Masks: what a client demands of the place of a new object. There is one kind of place here, software,
//! as Query tells; who demands another is told so before anything is made.

use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::storage::ProtectionStorageMasks;
use keyreeve_kmip::values::ProtectionStorageMask;

use super::errors::Failure;

/// Refuses what cannot be kept as the request demands.
///
/// # Standard
/// KMIP 2.1 sections 4.39 and 7.25.
pub(super) fn check(payload: &Request) -> Result<(), Failure> {
    use ResultReason::{
        PrivateProtectionStorageUnavailable as OfPrivate, ProtectionStorageUnavailable as OfAny,
        PublicProtectionStorageUnavailable as OfPublic,
    };
    let pair = |common, private, public| {
        fits(common, OfAny)?;
        fits(private, OfPrivate)?;
        fits(public, OfPublic)
    };
    match payload {
        Request::Create(asked) => fits(&asked.protection_storage_masks, OfAny),
        Request::Register(asked) => fits(&asked.protection_storage_masks, OfAny),
        Request::ReKey(asked) => fits(&asked.protection_storage_masks, OfAny),
        Request::Certify(asked) => fits(&asked.protection_storage_masks, OfAny),
        Request::ReCertify(asked) => fits(&asked.protection_storage_masks, OfAny),
        Request::CreateSplitKey(asked) => fits(&asked.protection_storage_masks, OfAny),
        Request::JoinSplitKey(asked) => fits(&asked.protection_storage_masks, OfAny),
        Request::CreateKeyPair(asked) => pair(
            &asked.common_protection_storage_masks,
            &asked.private_protection_storage_masks,
            &asked.public_protection_storage_masks,
        ),
        Request::ReKeyKeyPair(asked) => pair(
            &asked.common_protection_storage_masks,
            &asked.private_protection_storage_masks,
            &asked.public_protection_storage_masks,
        ),
        _ => Ok(()),
    }
}

/// Each mask is one choice of the client's; software is among the places of at least one.
fn fits(masks: &Option<ProtectionStorageMasks>, reason: ResultReason) -> Result<(), Failure> {
    let software = |mask: &ProtectionStorageMask| mask.0 & ProtectionStorageMask::SOFTWARE.0 != 0;
    match masks {
        Some(asked) if !asked.masks.is_empty() && !asked.masks.iter().any(software) => Err(Failure::new(
            reason,
            "objects are kept in software here, and the Protection Storage Masks exclude that",
        )),
        _ => Ok(()),
    }
}
