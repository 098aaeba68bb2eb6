//! Locate: finds objects by their attributes.

use crate::attributes::{Criteria, TemplateAttribute};
use crate::enums::ObjectGroupMember;
use crate::schema::structure;
use crate::values::{StorageStatusMask, UniqueIdentifier};

structure! {
    /// The request of Locate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.28; KMIP 1.4, section 4.9.
    #[derive(Default)]
    LocateRequest {
        /// Most identifiers to answer.
        maximum_items: Option<i32> = MAXIMUM_ITEMS, V1_0..;
        /// Identifiers to skip.
        offset_items: Option<i32> = OFFSET_ITEMS, V1_3..;
        /// Where to look; on-line when absent.
        storage_status_mask: Option<StorageStatusMask> = STORAGE_STATUS_MASK, V1_0..;
        /// Which members of a group are meant.
        object_group_member: Option<ObjectGroupMember> = OBJECT_GROUP_MEMBER, V1_1..;
        /// What the objects must have; everything when absent.
        attributes: Option<Criteria> = ATTRIBUTE, V1_0..;
        /// More of them, in a place where the standard has none and clients in the field put them (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}

structure! {
    /// The response of Locate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.28; KMIP 1.4, section 4.9.
    #[derive(Default)]
    LocateResponse {
        /// How many there are in all.
        located_items: Option<i32> = LOCATED_ITEMS, V1_3..;
        /// The objects.
        unique_identifiers: Vec<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
    }
}
