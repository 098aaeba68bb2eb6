//! Enumerations of the operation PKCS#11. Codes and names only; what the functions do is the caller's business.

use super::enumeration;

enumeration! {
    /// PKCS#11 Function.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.38: the place of the function in CK_FUNCTION_LIST_3_0, from 1.
    Pkcs11Function {
        Initialize = 1, "C_Initialize", V2_0;
        Finalize = 2, "C_Finalize", V2_0;
        GetInfo = 3, "C_GetInfo", V2_0;
        GetFunctionList = 4, "C_GetFunctionList", V2_0;
        GetSlotList = 5, "C_GetSlotList", V2_0;
        GetSlotInfo = 6, "C_GetSlotInfo", V2_0;
        GetTokenInfo = 7, "C_GetTokenInfo", V2_0;
        GetMechanismList = 8, "C_GetMechanismList", V2_0;
        GetMechanismInfo = 9, "C_GetMechanismInfo", V2_0;
        InitToken = 10, "C_InitToken", V2_0;
        InitPin = 11, "C_InitPIN", V2_0;
        SetPin = 12, "C_SetPIN", V2_0;
        OpenSession = 13, "C_OpenSession", V2_0;
        CloseSession = 14, "C_CloseSession", V2_0;
        CloseAllSessions = 15, "C_CloseAllSessions", V2_0;
        GetSessionInfo = 16, "C_GetSessionInfo", V2_0;
        GetOperationState = 17, "C_GetOperationState", V2_0;
        SetOperationState = 18, "C_SetOperationState", V2_0;
        Login = 19, "C_Login", V2_0;
        Logout = 20, "C_Logout", V2_0;
        CreateObject = 21, "C_CreateObject", V2_0;
        CopyObject = 22, "C_CopyObject", V2_0;
        DestroyObject = 23, "C_DestroyObject", V2_0;
        GetObjectSize = 24, "C_GetObjectSize", V2_0;
        GetAttributeValue = 25, "C_GetAttributeValue", V2_0;
        SetAttributeValue = 26, "C_SetAttributeValue", V2_0;
        FindObjectsInit = 27, "C_FindObjectsInit", V2_0;
        FindObjects = 28, "C_FindObjects", V2_0;
        FindObjectsFinal = 29, "C_FindObjectsFinal", V2_0;
        EncryptInit = 30, "C_EncryptInit", V2_0;
        Encrypt = 31, "C_Encrypt", V2_0;
        EncryptUpdate = 32, "C_EncryptUpdate", V2_0;
        EncryptFinal = 33, "C_EncryptFinal", V2_0;
        DecryptInit = 34, "C_DecryptInit", V2_0;
        Decrypt = 35, "C_Decrypt", V2_0;
        DecryptUpdate = 36, "C_DecryptUpdate", V2_0;
        DecryptFinal = 37, "C_DecryptFinal", V2_0;
        DigestInit = 38, "C_DigestInit", V2_0;
        Digest = 39, "C_Digest", V2_0;
        DigestUpdate = 40, "C_DigestUpdate", V2_0;
        DigestKey = 41, "C_DigestKey", V2_0;
        DigestFinal = 42, "C_DigestFinal", V2_0;
        SignInit = 43, "C_SignInit", V2_0;
        Sign = 44, "C_Sign", V2_0;
        SignUpdate = 45, "C_SignUpdate", V2_0;
        SignFinal = 46, "C_SignFinal", V2_0;
        SignRecoverInit = 47, "C_SignRecoverInit", V2_0;
        SignRecover = 48, "C_SignRecover", V2_0;
        VerifyInit = 49, "C_VerifyInit", V2_0;
        Verify = 50, "C_Verify", V2_0;
        VerifyUpdate = 51, "C_VerifyUpdate", V2_0;
        VerifyFinal = 52, "C_VerifyFinal", V2_0;
        VerifyRecoverInit = 53, "C_VerifyRecoverInit", V2_0;
        VerifyRecover = 54, "C_VerifyRecover", V2_0;
        DigestEncryptUpdate = 55, "C_DigestEncryptUpdate", V2_0;
        DecryptDigestUpdate = 56, "C_DecryptDigestUpdate", V2_0;
        SignEncryptUpdate = 57, "C_SignEncryptUpdate", V2_0;
        DecryptVerifyUpdate = 58, "C_DecryptVerifyUpdate", V2_0;
        GenerateKey = 59, "C_GenerateKey", V2_0;
        GenerateKeyPair = 60, "C_GenerateKeyPair", V2_0;
        WrapKey = 61, "C_WrapKey", V2_0;
        UnwrapKey = 62, "C_UnwrapKey", V2_0;
        DeriveKey = 63, "C_DeriveKey", V2_0;
        SeedRandom = 64, "C_SeedRandom", V2_0;
        GenerateRandom = 65, "C_GenerateRandom", V2_0;
        GetFunctionStatus = 66, "C_GetFunctionStatus", V2_0;
        CancelFunction = 67, "C_CancelFunction", V2_0;
        WaitForSlotEvent = 68, "C_WaitForSlotEvent", V2_0;
        GetInterfaceList = 69, "C_GetInterfaceList", V2_0;
        GetInterface = 70, "C_GetInterface", V2_0;
        LoginUser = 71, "C_LoginUser", V2_0;
        SessionCancel = 72, "C_SessionCancel", V2_0;
        MessageEncryptInit = 73, "C_MessageEncryptInit", V2_0;
        EncryptMessage = 74, "C_EncryptMessage", V2_0;
        EncryptMessageBegin = 75, "C_EncryptMessageBegin", V2_0;
        EncryptMessageNext = 76, "C_EncryptMessageNext", V2_0;
        MessageEncryptFinal = 77, "C_MessageEncryptFinal", V2_0;
        MessageDecryptInit = 78, "C_MessageDecryptInit", V2_0;
        DecryptMessage = 79, "C_DecryptMessage", V2_0;
        DecryptMessageBegin = 80, "C_DecryptMessageBegin", V2_0;
        DecryptMessageNext = 81, "C_DecryptMessageNext", V2_0;
        MessageDecryptFinal = 82, "C_MessageDecryptFinal", V2_0;
        MessageSignInit = 83, "C_MessageSignInit", V2_0;
        SignMessage = 84, "C_SignMessage", V2_0;
        SignMessageBegin = 85, "C_SignMessageBegin", V2_0;
        SignMessageNext = 86, "C_SignMessageNext", V2_0;
        MessageSignFinal = 87, "C_MessageSignFinal", V2_0;
        MessageVerifyInit = 88, "C_MessageVerifyInit", V2_0;
        VerifyMessage = 89, "C_VerifyMessage", V2_0;
        VerifyMessageBegin = 90, "C_VerifyMessageBegin", V2_0;
        VerifyMessageNext = 91, "C_VerifyMessageNext", V2_0;
        MessageVerifyFinal = 92, "C_MessageVerifyFinal", V2_0;
    }
}

enumeration! {
    /// PKCS#11 Return Code, as far as it is answered here.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.39; PKCS #11 3.0 section 5.1 (CK_RV).
    Pkcs11ReturnCode {
        Ok = 0, "OK", V2_0;
        ArgumentsBad = 0x7, "ARGUMENTS_BAD", V2_0;
        FunctionNotSupported = 0x54, "FUNCTION_NOT_SUPPORTED", V2_0;
        CryptokiNotInitialized = 0x190, "CRYPTOKI_NOT_INITIALIZED", V2_0;
        CryptokiAlreadyInitialized = 0x191, "CRYPTOKI_ALREADY_INITIALIZED", V2_0;
    }
}
