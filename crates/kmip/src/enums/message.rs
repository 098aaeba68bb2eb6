//! Enumerations of message header, batch item and result enumerations. Codes and names only; what they mean is the caller's business.

use super::enumeration;

enumeration! {
    /// Operation.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.36.
    Operation {
        Create = 1, "Create", V1_0;
        CreateKeyPair = 2, "Create Key Pair", V1_0;
        Register = 3, "Register", V1_0;
        ReKey = 4, "Re-key", V1_0;
        DeriveKey = 5, "Derive Key", V1_0;
        Certify = 6, "Certify", V1_0;
        ReCertify = 7, "Re-certify", V1_0;
        Locate = 8, "Locate", V1_0;
        Check = 9, "Check", V1_0;
        Get = 10, "Get", V1_0;
        GetAttributes = 11, "Get Attributes", V1_0;
        GetAttributeList = 12, "Get Attribute List", V1_0;
        AddAttribute = 13, "Add Attribute", V1_0;
        ModifyAttribute = 14, "Modify Attribute", V1_0;
        DeleteAttribute = 15, "Delete Attribute", V1_0;
        ObtainLease = 16, "Obtain Lease", V1_0;
        GetUsageAllocation = 17, "Get Usage Allocation", V1_0;
        Activate = 18, "Activate", V1_0;
        Revoke = 19, "Revoke", V1_0;
        Destroy = 20, "Destroy", V1_0;
        Archive = 21, "Archive", V1_0;
        Recover = 22, "Recover", V1_0;
        Validate = 23, "Validate", V1_0;
        Query = 24, "Query", V1_0;
        Cancel = 25, "Cancel", V1_0;
        Poll = 26, "Poll", V1_0;
        Notify = 27, "Notify", V1_0;
        Put = 28, "Put", V1_0;
        ReKeyKeyPair = 29, "Re-key Key Pair", V1_1;
        DiscoverVersions = 30, "Discover Versions", V1_1;
        Encrypt = 31, "Encrypt", V1_2;
        Decrypt = 32, "Decrypt", V1_2;
        Sign = 33, "Sign", V1_2;
        SignatureVerify = 34, "Signature Verify", V1_2;
        Mac = 35, "MAC", V1_2;
        MacVerify = 36, "MAC Verify", V1_2;
        RngRetrieve = 37, "RNG Retrieve", V1_2;
        RngSeed = 38, "RNG Seed", V1_2;
        Hash = 39, "Hash", V1_2;
        CreateSplitKey = 40, "Create Split Key", V1_2;
        JoinSplitKey = 41, "Join Split Key", V1_2;
        Import = 42, "Import", V1_4;
        Export = 43, "Export", V1_4;
        Log = 44, "Log", V2_0;
        Login = 45, "Login", V2_0;
        Logout = 46, "Logout", V2_0;
        DelegatedLogin = 47, "Delegated Login", V2_0;
        AdjustAttribute = 48, "Adjust Attribute", V2_0;
        SetAttribute = 49, "Set Attribute", V2_0;
        SetEndpointRole = 50, "Set Endpoint Role", V2_0;
        Pkcs11 = 51, "PKCS#11", V2_0;
        Interop = 52, "Interop", V2_0;
        ReProvision = 53, "Re-Provision", V2_0;
        SetDefaults = 54, "Set Defaults", V2_1;
        SetConstraints = 55, "Set Constraints", V2_1;
        GetConstraints = 56, "Get Constraints", V2_1;
        QueryAsynchronousRequests = 57, "Query Asynchronous Requests", V2_1;
        Process = 58, "Process", V2_1;
        Ping = 59, "Ping", V2_1;
    }
}

enumeration! {
    /// Result Status.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.47.
    ResultStatus {
        Success = 0, "Success", V1_0;
        OperationFailed = 1, "Operation Failed", V1_0;
        OperationPending = 2, "Operation Pending", V1_0;
        OperationUndone = 3, "Operation Undone", V1_0;
    }
}

enumeration! {
    /// Result Reason.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.46.
    ResultReason {
        ItemNotFound = 1, "Item Not Found", V1_0;
        ResponseTooLarge = 2, "Response Too Large", V1_0;
        AuthenticationNotSuccessful = 3, "Authentication Not Successful", V1_0;
        InvalidMessage = 4, "Invalid Message", V1_0;
        OperationNotSupported = 5, "Operation Not Supported", V1_0;
        MissingData = 6, "Missing Data", V1_0;
        InvalidField = 7, "Invalid Field", V1_0;
        FeatureNotSupported = 8, "Feature Not Supported", V1_0;
        OperationCanceledByRequester = 9, "Operation Canceled By Requester", V1_0;
        CryptographicFailure = 10, "Cryptographic Failure", V1_0;
        IllegalOperation = 11, "Illegal Operation", V1_0;
        PermissionDenied = 12, "Permission Denied", V1_0;
        ObjectArchived = 13, "Object Archived", V1_0;
        IndexOutOfBounds = 14, "Index Out of Bounds", V1_0;
        ApplicationNamespaceNotSupported = 15, "Application Namespace Not Supported", V1_0;
        KeyFormatTypeNotSupported = 16, "Key Format Type Not Supported", V1_0;
        KeyCompressionTypeNotSupported = 17, "Key Compression Type Not Supported", V1_0;
        EncodingOptionError = 18, "Encoding Option Error", V1_1;
        KeyValueNotPresent = 19, "Key Value Not Present", V1_2;
        AttestationRequired = 20, "Attestation Required", V1_2;
        AttestationFailed = 21, "Attestation Failed", V1_2;
        Sensitive = 22, "Sensitive", V1_4;
        NotExtractable = 23, "Not Extractable", V1_4;
        ObjectAlreadyExists = 24, "Object Already Exists", V1_4;
        InvalidTicket = 25, "Invalid Ticket", V2_0;
        UsageLimitExceeded = 26, "Usage Limit Exceeded", V2_0;
        NumericRange = 27, "Numeric Range", V2_0;
        InvalidDataType = 28, "Invalid Data Type", V2_0;
        ReadOnlyAttribute = 29, "Read Only Attribute", V2_0;
        MultiValuedAttribute = 30, "Multi Valued Attribute", V2_0;
        UnsupportedAttribute = 31, "Unsupported Attribute", V2_0;
        AttributeInstanceNotFound = 32, "Attribute Instance Not Found", V2_0;
        AttributeNotFound = 33, "Attribute Not Found", V2_0;
        AttributeReadOnly = 34, "Attribute Read Only", V2_0;
        AttributeSingleValued = 35, "Attribute Single Valued", V2_0;
        BadCryptographicParameters = 36, "Bad Cryptographic Parameters", V2_0;
        BadPassword = 37, "Bad Password", V2_0;
        CodecError = 38, "Codec Error", V2_0;
        IllegalObjectType = 40, "Illegal Object Type", V2_0;
        IncompatibleCryptographicUsageMask = 41, "Incompatible Cryptographic Usage Mask", V2_0;
        InternalServerError = 42, "Internal Server Error", V2_0;
        InvalidAsynchronousCorrelationValue = 43, "Invalid Asynchronous Correlation Value", V2_0;
        InvalidAttribute = 44, "Invalid Attribute", V2_0;
        InvalidAttributeValue = 45, "Invalid Attribute Value", V2_0;
        InvalidCorrelationValue = 46, "Invalid Correlation Value", V2_0;
        InvalidCsr = 47, "Invalid CSR", V2_0;
        InvalidObjectType = 48, "Invalid Object Type", V2_0;
        KeyWrapTypeNotSupported = 50, "Key Wrap Type Not Supported", V2_0;
        MissingInitializationVector = 52, "Missing Initialization Vector", V2_0;
        NonUniqueNameAttribute = 53, "Non Unique Name Attribute", V2_0;
        ObjectDestroyed = 54, "Object Destroyed", V2_0;
        ObjectNotFound = 55, "Object Not Found", V2_0;
        NotAuthorised = 57, "Not Authorised", V2_0;
        ServerLimitExceeded = 58, "Server Limit Exceeded", V2_0;
        UnknownEnumeration = 59, "Unknown Enumeration", V2_0;
        UnknownMessageExtension = 60, "Unknown Message Extension", V2_0;
        UnknownTag = 61, "Unknown Tag", V2_0;
        UnsupportedCryptographicParameters = 62, "Unsupported Cryptographic Parameters", V2_0;
        UnsupportedProtocolVersion = 63, "Unsupported Protocol Version", V2_0;
        WrappingObjectArchived = 64, "Wrapping Object Archived", V2_0;
        WrappingObjectDestroyed = 65, "Wrapping Object Destroyed", V2_0;
        WrappingObjectNotFound = 66, "Wrapping Object Not Found", V2_0;
        WrongKeyLifecycleState = 67, "Wrong Key Lifecycle State", V2_0;
        ProtectionStorageUnavailable = 68, "Protection Storage Unavailable", V2_0;
        Pkcs11CodecError = 69, "PKCS#11 Codec Error", V2_0;
        Pkcs11InvalidFunction = 70, "PKCS#11 Invalid Function", V2_0;
        Pkcs11InvalidInterface = 71, "PKCS#11 Invalid Interface", V2_0;
        PrivateProtectionStorageUnavailable = 72, "Private Protection Storage Unavailable", V2_1;
        PublicProtectionStorageUnavailable = 73, "Public Protection Storage Unavailable", V2_1;
        UnknownObjectGroup = 74, "Unknown Object Group", V2_1;
        ConstraintViolation = 75, "Constraint Violation", V2_1;
        DuplicateProcessRequest = 76, "Duplicate Process Request", V2_1;
        GeneralFailure = 0x100, "General Failure", V1_0;
    }
}

enumeration! {
    /// Batch Error Continuation Option.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.5.
    BatchErrorContinuationOption {
        Continue = 1, "Continue", V1_0;
        Stop = 2, "Stop", V1_0;
        Undo = 3, "Undo", V1_0;
    }
}

enumeration! {
    /// Asynchronous Indicator (a Boolean before KMIP 2.0).
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.3.
    AsynchronousIndicator {
        Mandatory = 1, "Mandatory", V2_0;
        Optional = 2, "Optional", V2_0;
        Prohibited = 3, "Prohibited", V2_0;
    }
}

enumeration! {
    /// Credential Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.11.
    CredentialType {
        UsernameAndPassword = 1, "Username and Password", V1_0;
        Device = 2, "Device", V1_1;
        Attestation = 3, "Attestation", V1_2;
        OneTimePassword = 4, "One Time Password", V2_0;
        HashedPassword = 5, "Hashed Password", V2_0;
        Ticket = 6, "Ticket", V2_0;
    }
}

enumeration! {
    /// Attestation Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.4.
    AttestationType {
        TpmQuote = 1, "TPM Quote", V1_2;
        TcgIntegrityReport = 2, "TCG Integrity Report", V1_2;
        SamlAssertion = 3, "SAML Assertion", V1_2;
    }
}

enumeration! {
    /// Ticket Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.57.
    TicketType {
        Login = 1, "Login", V2_0;
    }
}

enumeration! {
    /// Cancellation Result.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.7.
    CancellationResult {
        Canceled = 1, "Canceled", V1_0;
        UnableToCancel = 2, "Unable to Cancel", V1_0;
        Completed = 3, "Completed", V1_0;
        Failed = 4, "Failed", V1_0;
        Unavailable = 5, "Unavailable", V1_0;
    }
}

enumeration! {
    /// Put Function.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.43.
    PutFunction {
        New = 1, "New", V1_0;
        Replace = 2, "Replace", V1_0;
    }
}

enumeration! {
    /// Endpoint Role.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.19.
    EndpointRole {
        Client = 1, "Client", V2_0;
        Server = 2, "Server", V2_0;
    }
}

enumeration! {
    /// Interop Function.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.22.
    InteropFunction {
        Begin = 1, "Begin", V2_0;
        End = 2, "End", V2_0;
        Reset = 3, "Reset", V2_0;
    }
}

enumeration! {
    /// Processing Stage.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.40.
    ProcessingStage {
        Submitted = 1, "Submitted", V2_1;
        InProcess = 2, "In Process", V2_1;
        Completed = 3, "Completed", V2_1;
    }
}

enumeration! {
    /// Unique Identifier enumeration: an identifier that an earlier batch item answered.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.58.
    UniqueIdentifierReference {
        IdPlaceholder = 1, "ID Placeholder", V2_0;
        Certify = 2, "Certify", V2_0;
        Create = 3, "Create", V2_0;
        CreateKeyPair = 4, "Create Key Pair", V2_0;
        CreateKeyPairPrivateKey = 5, "Create Key Pair Private Key", V2_0;
        CreateKeyPairPublicKey = 6, "Create Key Pair Public Key", V2_0;
        CreateSplitKey = 7, "Create Split Key", V2_0;
        DeriveKey = 8, "Derive Key", V2_0;
        Import = 9, "Import", V2_0;
        JoinSplitKey = 10, "Join Split Key", V2_0;
        Locate = 11, "Locate", V2_0;
        Register = 12, "Register", V2_0;
        ReKey = 13, "Re-key", V2_0;
        ReCertify = 14, "Re-certify", V2_0;
        ReKeyKeyPair = 15, "Re-key Key Pair", V2_0;
        ReKeyKeyPairPrivateKey = 16, "Re-key Key Pair Private Key", V2_0;
        ReKeyKeyPairPublicKey = 17, "Re-key Key Pair Public Key", V2_0;
    }
}

enumeration! {
    /// Data enumeration: the data that an earlier batch item put out.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.13.
    DataReference {
        Decrypt = 1, "Decrypt", V2_0;
        Encrypt = 2, "Encrypt", V2_0;
        Hash = 3, "Hash", V2_0;
        MacData = 4, "MAC MAC Data", V2_0;
        RngRetrieve = 5, "RNG Retrieve", V2_0;
        SignatureData = 6, "Sign Signature Data", V2_0;
        SignatureVerify = 7, "Signature Verify", V2_0;
    }
}

enumeration! {
    /// Adjustment Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.1.
    AdjustmentType {
        Increment = 1, "Increment", V2_0;
        Decrement = 2, "Decrement", V2_0;
        Negate = 3, "Negate", V2_0;
    }
}
