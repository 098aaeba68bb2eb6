//! Export: answers an object with its key value and all its attributes.

use crate::attributes::Attributes;
use crate::enums::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType};
use crate::objects::{KeyWrappingSpecification, ManagedObject};
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Export.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.18; KMIP 1.4, section 4.43.
    #[derive(Default)]
    ExportRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_4..;
        /// Format to answer in.
        key_format_type: Option<KeyFormatType> = KEY_FORMAT_TYPE, V1_4..;
        /// Whether to answer as registered or unwrapped.
        key_wrap_type: Option<KeyWrapType> = KEY_WRAP_TYPE, V1_4..;
        /// Compression of an EC public key.
        key_compression_type: Option<KeyCompressionType> = KEY_COMPRESSION_TYPE, V1_4..;
        /// How to wrap the value.
        key_wrapping_specification: Option<KeyWrappingSpecification> = KEY_WRAPPING_SPECIFICATION, V1_4..;
    }
}

structure! {
    /// The response of Export. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.18; KMIP 1.4, section 4.43.
    ExportResponse {
        /// Kind of object.
        object_type: ObjectType = OBJECT_TYPE, V1_4..;
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_4..;
        /// All that is known of it.
        attributes: Attributes = ATTRIBUTE, V1_4..;
        /// The object. Holds a secret.
        object: ManagedObject = OBJECT, V1_4..;
    }
}
