//! Enumerations of what a server says about itself. Codes and names only; what they mean is the caller's business.

use super::enumeration;

enumeration! {
    /// Query Function.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.44.
    QueryFunction {
        QueryOperations = 1, "Query Operations", V1_0;
        QueryObjects = 2, "Query Objects", V1_0;
        QueryServerInformation = 3, "Query Server Information", V1_0;
        QueryApplicationNamespaces = 4, "Query Application Namespaces", V1_0;
        QueryExtensionList = 5, "Query Extension List", V1_1;
        QueryExtensionMap = 6, "Query Extension Map", V1_1;
        QueryAttestationTypes = 7, "Query Attestation Types", V1_2;
        QueryRngs = 8, "Query RNGs", V1_3;
        QueryValidations = 9, "Query Validations", V1_3;
        QueryProfiles = 10, "Query Profiles", V1_3;
        QueryCapabilities = 11, "Query Capabilities", V1_3;
        QueryClientRegistrationMethods = 12, "Query Client Registration Methods", V1_3;
        QueryDefaultsInformation = 13, "Query Defaults Information", V2_0;
        QueryStorageProtectionMasks = 14, "Query Storage Protection Masks", V2_0;
    }
}

enumeration! {
    /// Item Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.23.
    ItemType {
        Structure = 1, "Structure", V2_0;
        Integer = 2, "Integer", V2_0;
        LongInteger = 3, "Long Integer", V2_0;
        BigInteger = 4, "Big Integer", V2_0;
        Enumeration = 5, "Enumeration", V2_0;
        Boolean = 6, "Boolean", V2_0;
        TextString = 7, "Text String", V2_0;
        ByteString = 8, "Byte String", V2_0;
        DateTime = 9, "Date Time", V2_0;
        Interval = 10, "Interval", V2_0;
        DateTimeExtended = 11, "Date Time Extended", V2_0;
    }
}

enumeration! {
    /// Client Registration Method.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.10.
    ClientRegistrationMethod {
        Unspecified = 1, "Unspecified", V1_3;
        ServerPreGenerated = 2, "Server Pre-Generated", V1_3;
        ServerOnDemand = 3, "Server On-Demand", V1_3;
        ClientGenerated = 4, "Client Generated", V1_3;
        ClientRegistered = 5, "Client Registered", V1_3;
    }
}

enumeration! {
    /// Destroy Action.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.15.
    DestroyAction {
        Unspecified = 1, "Unspecified", V1_3;
        KeyMaterialDeleted = 2, "Key Material Deleted", V1_3;
        KeyMaterialShredded = 3, "Key Material Shredded", V1_3;
        MetaDataDeleted = 4, "Meta Data Deleted", V1_3;
        MetaDataShredded = 5, "Meta Data Shredded", V1_3;
        Deleted = 6, "Deleted", V1_3;
        Shredded = 7, "Shredded", V1_3;
    }
}

enumeration! {
    /// Shredding Algorithm.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.53.
    ShreddingAlgorithm {
        Unspecified = 1, "Unspecified", V1_3;
        Cryptographic = 2, "Cryptographic", V1_3;
        Unsupported = 3, "Unsupported", V1_3;
    }
}

enumeration! {
    /// Unwrap Mode.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.59.
    UnwrapMode {
        Unspecified = 1, "Unspecified", V1_3;
        Processed = 2, "Processed", V1_3;
        NotProcessed = 3, "Not Processed", V1_3;
    }
}

enumeration! {
    /// Validation Authority Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.63.
    ValidationAuthorityType {
        Unspecified = 1, "Unspecified", V1_3;
        NistCmvp = 2, "NIST CMVP", V1_3;
        CommonCriteria = 3, "Common Criteria", V1_3;
    }
}

enumeration! {
    /// Validation Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.64.
    ValidationType {
        Unspecified = 1, "Unspecified", V1_3;
        Hardware = 2, "Hardware", V1_3;
        Software = 3, "Software", V1_3;
        Firmware = 4, "Firmware", V1_3;
        Hybrid = 5, "Hybrid", V1_3;
    }
}
