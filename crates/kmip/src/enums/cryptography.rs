//! Enumerations of algorithms, modes, curves and their parameters. Codes and names only; what they mean is the caller's business.

use super::enumeration;

enumeration! {
    /// Cryptographic Algorithm.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.12.
    CryptographicAlgorithm {
        Des = 1, "DES", V1_0;
        TripleDes = 2, "3DES", V1_0;
        Aes = 3, "AES", V1_0;
        Rsa = 4, "RSA", V1_0;
        Dsa = 5, "DSA", V1_0;
        Ecdsa = 6, "ECDSA", V1_0;
        HmacSha1 = 7, "HMAC-SHA1", V1_0;
        HmacSha224 = 8, "HMAC-SHA224", V1_0;
        HmacSha256 = 9, "HMAC-SHA256", V1_0;
        HmacSha384 = 10, "HMAC-SHA384", V1_0;
        HmacSha512 = 11, "HMAC-SHA512", V1_0;
        HmacMd5 = 12, "HMAC-MD5", V1_0;
        Dh = 13, "DH", V1_0;
        Ecdh = 14, "ECDH", V1_0;
        Ecmqv = 15, "ECMQV", V1_0;
        Blowfish = 16, "Blowfish", V1_0;
        Camellia = 17, "Camellia", V1_0;
        Cast5 = 18, "CAST5", V1_0;
        Idea = 19, "IDEA", V1_0;
        Mars = 20, "MARS", V1_0;
        Rc2 = 21, "RC2", V1_0;
        Rc4 = 22, "RC4", V1_0;
        Rc5 = 23, "RC5", V1_0;
        Skipjack = 24, "SKIPJACK", V1_0;
        Twofish = 25, "Twofish", V1_0;
        Ec = 26, "EC", V1_2;
        OneTimePad = 27, "One Time Pad", V1_3;
        ChaCha20 = 28, "ChaCha20", V1_4;
        Poly1305 = 29, "Poly1305", V1_4;
        ChaCha20Poly1305 = 30, "ChaCha20Poly1305", V1_4;
        Sha3_224 = 31, "SHA3-224", V1_4;
        Sha3_256 = 32, "SHA3-256", V1_4;
        Sha3_384 = 33, "SHA3-384", V1_4;
        Sha3_512 = 34, "SHA3-512", V1_4;
        HmacSha3_224 = 35, "HMAC-SHA3-224", V1_4;
        HmacSha3_256 = 36, "HMAC-SHA3-256", V1_4;
        HmacSha3_384 = 37, "HMAC-SHA3-384", V1_4;
        HmacSha3_512 = 38, "HMAC-SHA3-512", V1_4;
        Shake128 = 39, "SHAKE-128", V1_4;
        Shake256 = 40, "SHAKE-256", V1_4;
        Aria = 41, "ARIA", V2_0;
        Seed = 42, "SEED", V2_0;
        Sm2 = 43, "SM2", V2_0;
        Sm3 = 44, "SM3", V2_0;
        Sm4 = 45, "SM4", V2_0;
        GostR34_10_2012 = 46, "GOST R 34.10-2012", V2_0;
        GostR34_11_2012 = 47, "GOST R 34.11-2012", V2_0;
        GostR34_13_2015 = 48, "GOST R 34.13-2015", V2_0;
        Gost28147_89 = 49, "GOST 28147-89", V2_0;
        Xmss = 50, "XMSS", V2_0;
        Sphincs256 = 51, "SPHINCS-256", V2_0;
        McEliece = 52, "McEliece", V2_0;
        McEliece6960119 = 53, "McEliece-6960119", V2_0;
        McEliece8192128 = 54, "McEliece-8192128", V2_0;
        Ed25519 = 55, "Ed25519", V2_0;
        Ed448 = 56, "Ed448", V2_0;
    }
}

enumeration! {
    /// Block Cipher Mode.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.6.
    BlockCipherMode {
        Cbc = 1, "CBC", V1_0;
        Ecb = 2, "ECB", V1_0;
        Pcbc = 3, "PCBC", V1_0;
        Cfb = 4, "CFB", V1_0;
        Ofb = 5, "OFB", V1_0;
        Ctr = 6, "CTR", V1_0;
        Cmac = 7, "CMAC", V1_0;
        Ccm = 8, "CCM", V1_0;
        Gcm = 9, "GCM", V1_0;
        CbcMac = 10, "CBC-MAC", V1_0;
        Xts = 11, "XTS", V1_0;
        AesKeyWrapPadding = 12, "AESKeyWrapPadding", V1_0;
        NistKeyWrap = 13, "NISTKeyWrap", V1_0;
        X9_102Aeskw = 14, "X9.102 AESKW", V1_0;
        X9_102Tdkw = 15, "X9.102 TDKW", V1_0;
        X9_102Akw1 = 16, "X9.102 AKW1", V1_0;
        X9_102Akw2 = 17, "X9.102 AKW2", V1_0;
        Aead = 18, "AEAD", V1_4;
    }
}

enumeration! {
    /// Padding Method.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.37.
    PaddingMethod {
        None = 1, "None", V1_0;
        Oaep = 2, "OAEP", V1_0;
        Pkcs5 = 3, "PKCS5", V1_0;
        Ssl3 = 4, "SSL3", V1_0;
        Zeros = 5, "Zeros", V1_0;
        AnsiX9_23 = 6, "ANSI X9.23", V1_0;
        Iso10126 = 7, "ISO 10126", V1_0;
        Pkcs1V1_5 = 8, "PKCS1 v1.5", V1_0;
        X9_31 = 9, "X9.31", V1_0;
        Pss = 10, "PSS", V1_0;
    }
}

enumeration! {
    /// Hashing Algorithm.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.21.
    HashingAlgorithm {
        Md2 = 1, "MD2", V1_0;
        Md4 = 2, "MD4", V1_0;
        Md5 = 3, "MD5", V1_0;
        Sha1 = 4, "SHA-1", V1_0;
        Sha224 = 5, "SHA-224", V1_0;
        Sha256 = 6, "SHA-256", V1_0;
        Sha384 = 7, "SHA-384", V1_0;
        Sha512 = 8, "SHA-512", V1_0;
        Ripemd160 = 9, "RIPEMD-160", V1_0;
        Tiger = 10, "Tiger", V1_0;
        Whirlpool = 11, "Whirlpool", V1_0;
        Sha512_224 = 12, "SHA-512/224", V1_2;
        Sha512_256 = 13, "SHA-512/256", V1_2;
        Sha3_224 = 14, "SHA3-224", V1_4;
        Sha3_256 = 15, "SHA3-256", V1_4;
        Sha3_384 = 16, "SHA3-384", V1_4;
        Sha3_512 = 17, "SHA3-512", V1_4;
    }
}

enumeration! {
    /// Digital Signature Algorithm.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.16.
    DigitalSignatureAlgorithm {
        Md2WithRsaEncryption = 1, "MD2 with RSA Encryption", V1_1;
        Md5WithRsaEncryption = 2, "MD5 with RSA Encryption", V1_1;
        Sha1WithRsaEncryption = 3, "SHA-1 with RSA Encryption", V1_1;
        Sha224WithRsaEncryption = 4, "SHA-224 with RSA Encryption", V1_1;
        Sha256WithRsaEncryption = 5, "SHA-256 with RSA Encryption", V1_1;
        Sha384WithRsaEncryption = 6, "SHA-384 with RSA Encryption", V1_1;
        Sha512WithRsaEncryption = 7, "SHA-512 with RSA Encryption", V1_1;
        RsassaPss = 8, "RSASSA-PSS", V1_1;
        DsaWithSha1 = 9, "DSA with SHA-1", V1_1;
        DsaWithSha224 = 10, "DSA with SHA224", V1_1;
        DsaWithSha256 = 11, "DSA with SHA256", V1_1;
        EcdsaWithSha1 = 12, "ECDSA with SHA-1", V1_1;
        EcdsaWithSha224 = 13, "ECDSA with SHA224", V1_1;
        EcdsaWithSha256 = 14, "ECDSA with SHA256", V1_1;
        EcdsaWithSha384 = 15, "ECDSA with SHA384", V1_1;
        EcdsaWithSha512 = 16, "ECDSA with SHA512", V1_1;
        Sha3_256WithRsaEncryption = 17, "SHA3-256 with RSA Encryption", V1_4;
        Sha3_384WithRsaEncryption = 18, "SHA3-384 with RSA Encryption", V1_4;
        Sha3_512WithRsaEncryption = 19, "SHA3-512 with RSA Encryption", V1_4;
    }
}

enumeration! {
    /// Mask Generator.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.30.
    MaskGenerator {
        Mgf1 = 1, "MGF1", V1_4;
    }
}

enumeration! {
    /// Key Role Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.26.
    KeyRoleType {
        Bdk = 1, "BDK", V1_0;
        Cvk = 2, "CVK", V1_0;
        Dek = 3, "DEK", V1_0;
        Mkac = 4, "MKAC", V1_0;
        Mksmc = 5, "MKSMC", V1_0;
        Mksmi = 6, "MKSMI", V1_0;
        Mkdac = 7, "MKDAC", V1_0;
        Mkdn = 8, "MKDN", V1_0;
        Mkcp = 9, "MKCP", V1_0;
        Mkoth = 10, "MKOTH", V1_0;
        Kek = 11, "KEK", V1_0;
        Mac16609 = 12, "MAC16609", V1_0;
        Mac97971 = 13, "MAC97971", V1_0;
        Mac97972 = 14, "MAC97972", V1_0;
        Mac97973 = 15, "MAC97973", V1_0;
        Mac97974 = 16, "MAC97974", V1_0;
        Mac97975 = 17, "MAC97975", V1_0;
        Zpk = 18, "ZPK", V1_0;
        Pvkibm = 19, "PVKIBM", V1_0;
        Pvkpvv = 20, "PVKPVV", V1_0;
        Pvkoth = 21, "PVKOTH", V1_0;
        Dukpt = 22, "DUKPT", V1_4;
        Iv = 23, "IV", V1_4;
        Trkbk = 24, "TRKBK", V1_4;
    }
}

enumeration! {
    /// Recommended Curve.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.45.
    RecommendedCurve {
        P192 = 1, "P-192", V1_0;
        K163 = 2, "K-163", V1_0;
        B163 = 3, "B-163", V1_0;
        P224 = 4, "P-224", V1_0;
        K233 = 5, "K-233", V1_0;
        B233 = 6, "B-233", V1_0;
        P256 = 7, "P-256", V1_0;
        K283 = 8, "K-283", V1_0;
        B283 = 9, "B-283", V1_0;
        P384 = 10, "P-384", V1_0;
        K409 = 11, "K-409", V1_0;
        B409 = 12, "B-409", V1_0;
        P521 = 13, "P-521", V1_0;
        K571 = 14, "K-571", V1_0;
        B571 = 15, "B-571", V1_0;
        Secp112r1 = 16, "SECP112R1", V1_2;
        Secp112r2 = 17, "SECP112R2", V1_2;
        Secp128r1 = 18, "SECP128R1", V1_2;
        Secp128r2 = 19, "SECP128R2", V1_2;
        Secp160k1 = 20, "SECP160K1", V1_2;
        Secp160r1 = 21, "SECP160R1", V1_2;
        Secp160r2 = 22, "SECP160R2", V1_2;
        Secp192k1 = 23, "SECP192K1", V1_2;
        Secp224k1 = 24, "SECP224K1", V1_2;
        Secp256k1 = 25, "SECP256K1", V1_2;
        Sect113r1 = 26, "SECT113R1", V1_2;
        Sect113r2 = 27, "SECT113R2", V1_2;
        Sect131r1 = 28, "SECT131R1", V1_2;
        Sect131r2 = 29, "SECT131R2", V1_2;
        Sect163r1 = 30, "SECT163R1", V1_2;
        Sect193r1 = 31, "SECT193R1", V1_2;
        Sect193r2 = 32, "SECT193R2", V1_2;
        Sect239k1 = 33, "SECT239K1", V1_2;
        Ansix9p192v2 = 34, "ANSIX9P192V2", V1_2;
        Ansix9p192v3 = 35, "ANSIX9P192V3", V1_2;
        Ansix9p239v1 = 36, "ANSIX9P239V1", V1_2;
        Ansix9p239v2 = 37, "ANSIX9P239V2", V1_2;
        Ansix9p239v3 = 38, "ANSIX9P239V3", V1_2;
        Ansix9c2pnb163v1 = 39, "ANSIX9C2PNB163V1", V1_2;
        Ansix9c2pnb163v2 = 40, "ANSIX9C2PNB163V2", V1_2;
        Ansix9c2pnb163v3 = 41, "ANSIX9C2PNB163V3", V1_2;
        Ansix9c2pnb176v1 = 42, "ANSIX9C2PNB176V1", V1_2;
        Ansix9c2tnb191v1 = 43, "ANSIX9C2TNB191V1", V1_2;
        Ansix9c2tnb191v2 = 44, "ANSIX9C2TNB191V2", V1_2;
        Ansix9c2tnb191v3 = 45, "ANSIX9C2TNB191V3", V1_2;
        Ansix9c2pnb208w1 = 46, "ANSIX9C2PNB208W1", V1_2;
        Ansix9c2tnb239v1 = 47, "ANSIX9C2TNB239V1", V1_2;
        Ansix9c2tnb239v2 = 48, "ANSIX9C2TNB239V2", V1_2;
        Ansix9c2tnb239v3 = 49, "ANSIX9C2TNB239V3", V1_2;
        Ansix9c2pnb272w1 = 50, "ANSIX9C2PNB272W1", V1_2;
        Ansix9c2pnb304w1 = 51, "ANSIX9C2PNB304W1", V1_2;
        Ansix9c2tnb359v1 = 52, "ANSIX9C2TNB359V1", V1_2;
        Ansix9c2pnb368w1 = 53, "ANSIX9C2PNB368W1", V1_2;
        Ansix9c2tnb431r1 = 54, "ANSIX9C2TNB431R1", V1_2;
        Brainpoolp160r1 = 55, "BRAINPOOLP160R1", V1_2;
        Brainpoolp160t1 = 56, "BRAINPOOLP160T1", V1_2;
        Brainpoolp192r1 = 57, "BRAINPOOLP192R1", V1_2;
        Brainpoolp192t1 = 58, "BRAINPOOLP192T1", V1_2;
        Brainpoolp224r1 = 59, "BRAINPOOLP224R1", V1_2;
        Brainpoolp224t1 = 60, "BRAINPOOLP224T1", V1_2;
        Brainpoolp256r1 = 61, "BRAINPOOLP256R1", V1_2;
        Brainpoolp256t1 = 62, "BRAINPOOLP256T1", V1_2;
        Brainpoolp320r1 = 63, "BRAINPOOLP320R1", V1_2;
        Brainpoolp320t1 = 64, "BRAINPOOLP320T1", V1_2;
        Brainpoolp384r1 = 65, "BRAINPOOLP384R1", V1_2;
        Brainpoolp384t1 = 66, "BRAINPOOLP384T1", V1_2;
        Brainpoolp512r1 = 67, "BRAINPOOLP512R1", V1_2;
        Brainpoolp512t1 = 68, "BRAINPOOLP512T1", V1_2;
        Curve25519 = 69, "CURVE25519", V2_0;
        Curve448 = 70, "CURVE448", V2_0;
    }
}

enumeration! {
    /// Derivation Method.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.14.
    DerivationMethod {
        Pbkdf2 = 1, "PBKDF2", V1_0;
        Hash = 2, "HASH", V1_0;
        Hmac = 3, "HMAC", V1_0;
        Encrypt = 4, "ENCRYPT", V1_0;
        Nist800_108C = 5, "NIST800-108-C", V1_0;
        Nist800_108F = 6, "NIST800-108-F", V1_0;
        Nist800_108Dpi = 7, "NIST800-108-DPI", V1_0;
        AsymmetricKey = 8, "Asymmetric Key", V1_4;
        AwsSignatureVersion4 = 9, "AWS Signature Version 4", V2_0;
        Hkdf = 10, "HKDF", V2_0;
    }
}

enumeration! {
    /// Split Key Method.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.54.
    SplitKeyMethod {
        Xor = 1, "XOR", V1_0;
        PolynomialSharingGf2_16 = 2, "Polynomial Sharing GF (2^16)", V1_0;
        PolynomialSharingPrimeField = 3, "Polynomial Sharing Prime Field", V1_0;
        PolynomialSharingGf2_8 = 4, "Polynomial Sharing GF (2^8)", V1_2;
    }
}

enumeration! {
    /// Wrapping Method.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.62.
    WrappingMethod {
        Encrypt = 1, "Encrypt", V1_0;
        MacSign = 2, "MAC/sign", V1_0;
        EncryptThenMacSign = 3, "Encrypt then MAC/sign", V1_0;
        MacSignThenEncrypt = 4, "MAC/sign then encrypt", V1_0;
        Tr31 = 5, "TR-31", V1_0;
    }
}

enumeration! {
    /// Encoding Option of a wrapped key value.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.18.
    EncodingOption {
        NoEncoding = 1, "No Encoding", V1_1;
        TtlvEncoding = 2, "TTLV Encoding", V1_1;
    }
}

enumeration! {
    /// Key Wrap Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.29.
    KeyWrapType {
        NotWrapped = 1, "Not Wrapped", V1_4;
        AsRegistered = 2, "As Registered", V1_4;
    }
}

enumeration! {
    /// Validity Indicator.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.61.
    ValidityIndicator {
        Valid = 1, "Valid", V1_0;
        Invalid = 2, "Invalid", V1_0;
        Unknown = 3, "Unknown", V1_0;
    }
}

enumeration! {
    /// RNG Algorithm.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.49.
    RngAlgorithm {
        Unspecified = 1, "Unspecified", V1_4;
        Fips186_2 = 2, "FIPS 186-2", V1_4;
        Drbg = 3, "DRBG", V1_4;
        Nrbg = 4, "NRBG", V1_4;
        AnsiX9_31 = 5, "ANSI X9.31", V1_4;
        AnsiX9_62 = 6, "ANSI X9.62", V1_4;
    }
}

enumeration! {
    /// DRBG Algorithm.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.17.
    DrbgAlgorithm {
        Unspecified = 1, "Unspecified", V1_3;
        DualEc = 2, "Dual-EC", V1_3;
        Hash = 3, "Hash", V1_3;
        Hmac = 4, "HMAC", V1_3;
        Ctr = 5, "CTR", V1_3;
    }
}

enumeration! {
    /// FIPS186 Variation.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.20.
    Fips186Variation {
        Unspecified = 1, "Unspecified", V1_4;
        GpXOriginal = 2, "GP x-Original", V1_4;
        GpXChangeNotice = 3, "GP x-Change Notice", V1_4;
        XOriginal = 4, "x-Original", V1_4;
        XChangeNotice = 5, "x-Change Notice", V1_4;
        KOriginal = 6, "k-Original", V1_4;
        KChangeNotice = 7, "k-Change Notice", V1_4;
    }
}

enumeration! {
    /// RNG Mode.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.50.
    RngMode {
        Unspecified = 1, "Unspecified", V1_4;
        SharedInstantiation = 2, "Shared Instantiation", V1_4;
        NonSharedInstantiation = 3, "Non-Shared Instantiation", V1_4;
    }
}
