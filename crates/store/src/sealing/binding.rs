//! What a seal is bound to: the additional authenticated data, byte by byte. All numbers are big-endian.
//!
//! INVARIANT: these encodings never change within a format, and hold immutable attributes only.

use keyreeve_core::{
    model::{Algorithm, KeyFormat, ObjectType},
    ports::seal::SealBinding,
};
use uuid::Uuid;

use super::{FORMAT, Fields, SUITE};

/// AAD of material: format 1, suite 1, store 16, realm 16, object 16, version 4, object type 1, algorithm 4 (0: not
/// known), length in bits 4, key format 4, leaf index 8, root version 4, flags 1 (1: sensitive, 2: extractable).
pub(super) fn material_aad(store: Uuid, binding: &SealBinding, fields: &Fields) -> Vec<u8> {
    let flags = u8::from(binding.sensitive) | u8::from(binding.extractable) << 1;
    [
        [FORMAT, SUITE].as_slice(),
        store.as_bytes(),
        binding.realm.as_bytes(),
        binding.object.as_bytes(),
        &binding.version.to_be_bytes(),
        &[object_type(binding.object_type)],
        &binding.algorithm.map_or(0, algorithm).to_be_bytes(),
        &binding.length_bits.to_be_bytes(),
        &key_format(binding.format).to_be_bytes(),
        &fields.leaf_index.to_be_bytes(),
        &fields.root_version.to_be_bytes(),
        &[flags],
    ]
    .concat()
}

/// KMIP 2.1 section 11.40 (Object Type) codes.
fn object_type(object_type: ObjectType) -> u8 {
    match object_type {
        ObjectType::Certificate => 1,
        ObjectType::SymmetricKey => 2,
        ObjectType::PublicKey => 3,
        ObjectType::PrivateKey => 4,
        ObjectType::SplitKey => 5,
        ObjectType::Template => 6,
        ObjectType::SecretData => 7,
        ObjectType::OpaqueObject => 8,
        ObjectType::PgpKey => 9,
        ObjectType::CertificateRequest => 10,
    }
}

/// KMIP 2.1 section 11.12 (Cryptographic Algorithm) codes, which `Other` holds for the rest of that list.
fn algorithm(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::TripleDes => 0x02,
        Algorithm::Aes => 0x03,
        Algorithm::Rsa => 0x04,
        Algorithm::HmacSha1 => 0x07,
        Algorithm::HmacSha224 => 0x08,
        Algorithm::HmacSha256 => 0x09,
        Algorithm::HmacSha384 => 0x0A,
        Algorithm::HmacSha512 => 0x0B,
        Algorithm::Ec => 0x1A,
        Algorithm::ChaCha20 => 0x1C,
        Algorithm::ChaCha20Poly1305 => 0x1E,
        Algorithm::Ed25519 => 0x37,
        Algorithm::MlKem512 => 0x8B52_0001,
        Algorithm::MlKem768 => 0x8B52_0002,
        Algorithm::MlKem1024 => 0x8B52_0003,
        Algorithm::MlDsa44 => 0x8B52_0011,
        Algorithm::MlDsa65 => 0x8B52_0012,
        Algorithm::MlDsa87 => 0x8B52_0013,
        Algorithm::SlhDsaSha2_128s => 0x8B52_0021,
        Algorithm::SlhDsaSha2_128f => 0x8B52_0022,
        Algorithm::SlhDsaSha2_192s => 0x8B52_0023,
        Algorithm::SlhDsaSha2_192f => 0x8B52_0024,
        Algorithm::SlhDsaSha2_256s => 0x8B52_0025,
        Algorithm::SlhDsaSha2_256f => 0x8B52_0026,
        Algorithm::SlhDsaShake128s => 0x8B52_0027,
        Algorithm::SlhDsaShake128f => 0x8B52_0028,
        Algorithm::SlhDsaShake192s => 0x8B52_0029,
        Algorithm::SlhDsaShake192f => 0x8B52_002A,
        Algorithm::SlhDsaShake256s => 0x8B52_002B,
        Algorithm::SlhDsaShake256f => 0x8B52_002C,
        Algorithm::Other(code) => code,
    }
}

/// KMIP 2.1 section 11.24 (Key Format Type) codes, which `Other` holds for the rest of that list.
fn key_format(format: KeyFormat) -> u32 {
    match format {
        KeyFormat::Raw => 1,
        KeyFormat::Opaque => 2,
        KeyFormat::Pkcs1 => 3,
        KeyFormat::Pkcs8 => 4,
        KeyFormat::Spki => 5,
        KeyFormat::EcPrivateKey => 6,
        KeyFormat::Other(code) => code,
    }
}
