//! Protection Storage Masks: the choice of storage that several payloads carry.

use crate::schema::structure;
use crate::values::ProtectionStorageMask;

structure! {
    /// Ways of storing an object, any of which is acceptable.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.33.
    #[derive(Clone, Debug, Default, PartialEq)]
    ProtectionStorageMasks {
        /// The alternatives; all bits of one have to be met.
        masks: Vec<ProtectionStorageMask> = PROTECTION_STORAGE_MASK, V2_0..;
    }
}
