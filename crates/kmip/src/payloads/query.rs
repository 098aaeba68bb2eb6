//! Query: answers what the server can do.

use super::storage::ProtectionStorageMasks;
use crate::attributes::{Attributes, RngParameters};
use crate::enums::{
    AttestationType, ClientRegistrationMethod, DestroyAction, ItemType, ObjectType, Operation, ProfileName,
    QueryFunction, RngMode, ShreddingAlgorithm, UnwrapMode, ValidationAuthorityType, ValidationType,
};
use crate::error::DecodeError;
use crate::schema::{Version, Wire, structure, wrong_type};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;

structure! {
    /// The request of Query.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.40; KMIP 1.4, section 4.25.
    #[derive(Default)]
    QueryRequest {
        /// What to answer.
        query_functions: Vec<QueryFunction> = QUERY_FUNCTION, V1_0..;
        /// Groups that the question is about.
        object_groups: Option<ObjectGroups> = OBJECT_GROUPS, V2_1..;
    }
}

structure! {
    /// The response of Query. Operations and object types that the version does not have are the server's to omit.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.40; KMIP 1.4, section 4.25.
    #[derive(Default)]
    QueryResponse {
        /// Operations that are supported.
        operations: Vec<Operation> = OPERATION, V1_0..;
        /// Kinds of objects that are supported.
        object_types: Vec<ObjectType> = OBJECT_TYPE, V1_0..;
        /// Who made the server.
        vendor_identification: Option<String> = VENDOR_IDENTIFICATION, V1_0..;
        /// About the server.
        server_information: Option<ServerInformation> = SERVER_INFORMATION, V1_0..;
        /// Name spaces of application data that are supported.
        application_namespaces: Vec<String> = APPLICATION_NAMESPACE, V1_0..;
        /// Extensions.
        extension_information: Vec<ExtensionInformation> = EXTENSION_INFORMATION, V1_1..;
        /// Ways of attestation.
        attestation_types: Vec<AttestationType> = ATTESTATION_TYPE, V1_2..;
        /// Random number generators.
        rng_parameters: Vec<RngParameters> = RNG_PARAMETERS, V1_3..;
        /// Profiles.
        profile_information: Vec<ProfileInformation> = PROFILE_INFORMATION, V1_3..;
        /// Validations of the server's cryptography.
        validation_information: Vec<ValidationInformation> = VALIDATION_INFORMATION, V1_3..;
        /// Capabilities.
        capability_information: Vec<CapabilityInformation> = CAPABILITY_INFORMATION, V1_3..;
        /// Ways for clients to register.
        client_registration_methods: Vec<ClientRegistrationMethod> = CLIENT_REGISTRATION_METHOD, V1_3..;
        /// Attributes that the server sets where the client does not.
        defaults_information: Option<DefaultsInformation> = DEFAULTS_INFORMATION, V2_0..;
        /// Ways of storing that are supported.
        protection_storage_masks: Option<ProtectionStorageMasks> = PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// Names of object groups.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.23.
    #[derive(Clone, Debug, Default, PartialEq)]
    ObjectGroups {
        /// The groups.
        object_groups: Vec<String> = OBJECT_GROUP, V2_1..;
    }
}

structure! {
    /// Kinds of objects.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.24.
    #[derive(Clone, Debug, Default, PartialEq)]
    ObjectTypes {
        /// The kinds.
        object_types: Vec<ObjectType> = OBJECT_TYPE, V2_1..;
    }
}

structure! {
    /// About a server. Before 2.0 the structure had no fields of the standard's.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.37.
    #[derive(Clone, Debug, Default, PartialEq)]
    ServerInformation {
        /// Name.
        server_name: Option<String> = SERVER_NAME, V2_0..;
        /// Serial number.
        server_serial_number: Option<String> = SERVER_SERIAL_NUMBER, V2_0..;
        /// Version.
        server_version: Option<String> = SERVER_VERSION, V2_0..;
        /// Load.
        server_load: Option<String> = SERVER_LOAD, V2_0..;
        /// Product.
        product_name: Option<String> = PRODUCT_NAME, V2_0..;
        /// Build.
        build_level: Option<String> = BUILD_LEVEL, V2_0..;
        /// When it was built.
        build_date: Option<String> = BUILD_DATE, V2_0..;
        /// Cluster.
        cluster_info: Option<String> = CLUSTER_INFO, V2_0..;
        /// Where else to turn to.
        alternate_failover_endpoints: Vec<String> = ALTERNATE_FAILOVER_ENDPOINTS, V2_0..;
    }
}

/// The item type of an extension: an Integer in 1.x, an Enumeration in 2.x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionType(pub ItemType);

impl Wire for ExtensionType {
    fn read(value: &mut Value, _: Version) -> Result<Self, DecodeError> {
        match value {
            Value::Integer(code) => Ok(Self((*code as u32).into())),
            Value::Enumeration(code) => Ok(Self((*code).into())),
            other => Err(wrong_type("Integer (1.x) or Enumeration (2.x)", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        let code: u32 = self.0.into();
        if writer.version() < Version::V2_0 {
            writer.integer(tag, code as i32);
        } else {
            writer.enumeration(tag, code);
        }
    }
}

#[cfg(test)]
impl crate::schema::Sample for ExtensionType {
    fn sample() -> Self {
        Self(ItemType::TextString)
    }
}

structure! {
    /// An extension.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.13.
    #[derive(Clone, Debug, PartialEq)]
    ExtensionInformation {
        /// Name.
        extension_name: String = EXTENSION_NAME, V1_1..;
        /// Tag.
        extension_tag: Option<i32> = EXTENSION_TAG, V1_1..;
        /// Item type.
        extension_type: Option<ExtensionType> = EXTENSION_TYPE, V1_1..;
        /// Enumeration that it extends.
        extension_enumeration: Option<i32> = EXTENSION_ENUMERATION, V2_0..;
        /// Whether it is an attribute.
        extension_attribute: Option<bool> = EXTENSION_ATTRIBUTE, V2_0..;
        /// Structure that it stands in.
        extension_parent_structure_tag: Option<i32> = EXTENSION_PARENT_STRUCTURE_TAG, V2_0..;
        /// Words about it.
        extension_description: Option<String> = EXTENSION_DESCRIPTION, V2_0..;
    }
}

structure! {
    /// A profile that the server meets.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.31.
    #[derive(Clone, Debug, PartialEq)]
    ProfileInformation {
        /// The profile.
        profile_name: ProfileName = PROFILE_NAME, V1_3..;
        /// Its version.
        profile_version: Option<ProfileVersion> = PROFILE_VERSION, V2_0..;
        /// Where.
        server_uri: Option<String> = SERVER_URI, V1_3..;
        /// On which port.
        server_port: Option<i32> = SERVER_PORT, V1_3..;
    }
}

structure! {
    /// The version of a profile.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.32.
    #[derive(Clone, Debug, PartialEq)]
    ProfileVersion {
        /// Major version number.
        major: i32 = PROFILE_VERSION_MAJOR, V2_0..;
        /// Minor version number.
        minor: i32 = PROFILE_VERSION_MINOR, V2_0..;
    }
}

structure! {
    /// A validation of the server's cryptography.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.41.
    #[derive(Clone, Debug, PartialEq)]
    ValidationInformation {
        /// Who validated.
        validation_authority_type: ValidationAuthorityType = VALIDATION_AUTHORITY_TYPE, V1_3..;
        /// In which country.
        validation_authority_country: Option<String> = VALIDATION_AUTHORITY_COUNTRY, V1_3..;
        /// Where.
        validation_authority_uri: Option<String> = VALIDATION_AUTHORITY_URI, V1_3..;
        /// Major version of the standard that was validated against.
        validation_version_major: i32 = VALIDATION_VERSION_MAJOR, V1_3..;
        /// Minor version of it.
        validation_version_minor: Option<i32> = VALIDATION_VERSION_MINOR, V1_3..;
        /// What was validated.
        validation_type: ValidationType = VALIDATION_TYPE, V1_3..;
        /// Level.
        validation_level: i32 = VALIDATION_LEVEL, V1_3..;
        /// Certificate.
        validation_certificate_identifier: Option<String> = VALIDATION_CERTIFICATE_IDENTIFIER, V1_3..;
        /// Where the certificate is.
        validation_certificate_uri: Option<String> = VALIDATION_CERTIFICATE_URI, V1_3..;
        /// Vendor.
        validation_vendor_uri: Option<String> = VALIDATION_VENDOR_URI, V1_3..;
        /// Profiles.
        validation_profiles: Vec<String> = VALIDATION_PROFILE, V1_3..;
    }
}

structure! {
    /// What the server can do.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.5.
    #[derive(Clone, Debug, Default, PartialEq)]
    CapabilityInformation {
        /// Cryptographic operations in parts.
        streaming_capability: Option<bool> = STREAMING_CAPABILITY, V1_3..;
        /// Asynchronous operations.
        asynchronous_capability: Option<bool> = ASYNCHRONOUS_CAPABILITY, V1_3..;
        /// Attestation.
        attestation_capability: Option<bool> = ATTESTATION_CAPABILITY, V1_3..;
        /// Undoing a batch.
        batch_undo_capability: Option<bool> = BATCH_UNDO_CAPABILITY, V1_4..;
        /// Going on with a batch after a failure.
        batch_continue_capability: Option<bool> = BATCH_CONTINUE_CAPABILITY, V1_4..;
        /// Whether wrapped keys are unwrapped when registered.
        unwrap_mode: Option<UnwrapMode> = UNWRAP_MODE, V1_3..;
        /// What Destroy does.
        destroy_action: Option<DestroyAction> = DESTROY_ACTION, V1_3..;
        /// How it shreds.
        shredding_algorithm: Option<ShreddingAlgorithm> = SHREDDING_ALGORITHM, V1_3..;
        /// Whether clients share a random number generator.
        rng_mode: Option<RngMode> = RNG_MODE, V1_3..;
        /// Quantum-safe algorithms.
        quantum_safe_capability: Option<bool> = QUANTUM_SAFE_CAPABILITY, V2_0..;
    }
}

structure! {
    /// Attributes that the server sets where the client does not.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.11.
    #[derive(Clone, Debug, Default, PartialEq)]
    DefaultsInformation {
        /// By kind of object.
        object_defaults: Vec<ObjectDefaults> = OBJECT_DEFAULTS, V2_0..;
    }
}

structure! {
    /// Attributes that the server sets for a kind of object.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.22.
    #[derive(Clone, Debug, PartialEq)]
    ObjectDefaults {
        /// The kind, where there is one.
        object_type: Option<ObjectType> = OBJECT_TYPE, V2_0..;
        /// The kinds, where there are several.
        object_types: Option<ObjectTypes> = OBJECT_TYPES, V2_1..;
        /// The attributes.
        attributes: Attributes = ATTRIBUTE, V2_0..;
        /// Groups that it is about; all where absent.
        object_groups: Option<ObjectGroups> = OBJECT_GROUPS, V2_1..;
    }
}
