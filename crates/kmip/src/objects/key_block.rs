//! The key block: format, value and wrapping of a key. Every key value here holds a secret, unless it is wrapped or
//! public.

use crate::attributes::{Attributes, CryptographicParameters};
use crate::enums::{
    CryptographicAlgorithm, EncodingOption, KeyCompressionType, KeyFormatType, RecommendedCurve,
    WrappingMethod,
};
use crate::error::{DecodeError, EncodeError};
use crate::schema::{Version, Wire, structure, wrong_type};
use crate::secret::SecretBytes;
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::{self, Limits, Writer};
use crate::values::{BigInteger, UniqueIdentifier};

structure! {
    /// A key with its format. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 3.1.
    KeyBlock {
        /// Format of the key material.
        key_format_type: KeyFormatType = KEY_FORMAT_TYPE, V1_0..;
        /// Compression of an EC public key.
        key_compression_type: Option<KeyCompressionType> = KEY_COMPRESSION_TYPE, V1_0..;
        /// The key; absent for an object that the server knows without its value.
        key_value: Option<KeyValue> = KEY_VALUE, V1_0..;
        /// Algorithm; may be absent where the format or the wrapped value says it.
        cryptographic_algorithm: Option<CryptographicAlgorithm> = CRYPTOGRAPHIC_ALGORITHM, V1_0..;
        /// Length of the key in bits; may be absent where the format or the wrapped value says it.
        cryptographic_length: Option<i32> = CRYPTOGRAPHIC_LENGTH, V1_0..;
        /// How the value is wrapped; only for a wrapped value.
        key_wrapping_data: Option<KeyWrappingData> = KEY_WRAPPING_DATA, V1_0..;
    }
}

impl KeyBlock {
    /// Encodes this as the TTLV item `KeyBlock`. Holds a secret.
    ///
    /// # Errors
    ///
    /// When it is longer than 4 GiB.
    pub fn to_ttlv(&self, version: Version) -> Result<SecretBytes, EncodeError> {
        let mut writer = Writer::new(version);
        self.write(&mut writer, Tag::KEY_BLOCK);
        writer.finish()
    }

    /// Decodes what [`KeyBlock::to_ttlv`] encodes.
    ///
    /// # Errors
    ///
    /// When the bytes are no TTLV item `KeyBlock`.
    pub fn from_ttlv(bytes: &[u8], version: Version, limits: &Limits) -> Result<Self, DecodeError> {
        let mut node = binary::decode(bytes, limits)?;
        let read = Self::read(&mut node.value, version).map_err(|error| error.within(node.tag));
        node.scrub();
        read
    }
}

/// The value of a key. Holds a secret.
///
/// # Standard
///
/// KMIP 2.1, section 3.2.
pub enum KeyValue {
    /// Wrapped: the ciphertext of the key material, or of a TTLV-encoded Key Value (see [`EncodingOption`]).
    Wrapped(Vec<u8>),
    /// In the clear.
    Plain(PlainKeyValue),
}

structure! {
    /// Key material with attributes. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 3.2.
    PlainKeyValue {
        /// The material.
        key_material: KeyMaterial = KEY_MATERIAL, V1_0..;
        /// Attributes that travel with it.
        attributes: Option<Attributes> = ATTRIBUTE, V1_0..;
    }
}

impl PlainKeyValue {
    /// Encodes this as the TTLV item `KeyValue`, which is what is wrapped under the encoding option TTLV. Holds a
    /// secret.
    ///
    /// # Errors
    ///
    /// When it is longer than 4 GiB.
    pub fn to_ttlv(&self, version: Version) -> Result<SecretBytes, EncodeError> {
        let mut writer = Writer::new(version);
        self.write(&mut writer, Tag::KEY_VALUE);
        writer.finish()
    }

    /// Decodes what [`PlainKeyValue::to_ttlv`] encodes, after unwrapping.
    ///
    /// # Errors
    ///
    /// When the bytes are no TTLV item `KeyValue`.
    pub fn from_ttlv(bytes: &[u8], version: Version, limits: &Limits) -> Result<Self, DecodeError> {
        let mut node = binary::decode(bytes, limits)?;
        let read = Self::read(&mut node.value, version).map_err(|error| error.within(node.tag));
        node.scrub();
        read
    }
}

/// Key material. Holds a secret.
///
/// # Standard
///
/// KMIP 2.1, section 3.2.
pub enum KeyMaterial {
    /// In the format that the key block names.
    Bytes(SecretBytes),
    /// As numbers, for the transparent formats.
    Transparent(Box<TransparentKey>),
}

structure! {
    /// The numbers of a key in a transparent format; which are present depends on the format. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, sections 3.4 to 3.12.
    #[derive(Default)]
    TransparentKey {
        /// Symmetric key.
        key: Option<SecretBytes> = KEY, V1_0..;
        /// RSA modulus.
        modulus: Option<BigInteger> = MODULUS, V1_0..;
        /// RSA private exponent.
        private_exponent: Option<BigInteger> = PRIVATE_EXPONENT, V1_0..;
        /// RSA public exponent.
        public_exponent: Option<BigInteger> = PUBLIC_EXPONENT, V1_0..;
        /// Prime P.
        p: Option<BigInteger> = P, V1_0..;
        /// Prime Q.
        q: Option<BigInteger> = Q, V1_0..;
        /// Generator.
        g: Option<BigInteger> = G, V1_0..;
        /// Cofactor.
        j: Option<BigInteger> = J, V1_0..;
        /// DSA or DH private value.
        x: Option<BigInteger> = X, V1_0..;
        /// DSA or DH public value.
        y: Option<BigInteger> = Y, V1_0..;
        /// RSA exponent of P.
        prime_exponent_p: Option<BigInteger> = PRIME_EXPONENT_P, V1_0..;
        /// RSA exponent of Q.
        prime_exponent_q: Option<BigInteger> = PRIME_EXPONENT_Q, V1_0..;
        /// RSA coefficient.
        crt_coefficient: Option<BigInteger> = CRT_COEFFICIENT, V1_0..;
        /// Curve.
        recommended_curve: Option<RecommendedCurve> = RECOMMENDED_CURVE, V1_0..;
        /// EC private value.
        d: Option<BigInteger> = D, V1_0..;
        /// EC public point.
        q_string: Option<Vec<u8>> = Q_STRING, V1_0..;
    }
}

impl Wire for KeyValue {
    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        match value {
            Value::ByteString(bytes) => Ok(Self::Wrapped(std::mem::take(bytes))),
            Value::Structure(_) => PlainKeyValue::read(value, version).map(Self::Plain),
            other => Err(wrong_type("ByteString or Structure", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        match self {
            Self::Wrapped(bytes) => writer.byte_string(tag, bytes),
            Self::Plain(plain) => plain.write(writer, tag),
        }
    }
}

impl Wire for KeyMaterial {
    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        match value {
            Value::ByteString(bytes) => Ok(Self::Bytes(std::mem::take(bytes).into())),
            Value::Structure(_) => {
                TransparentKey::read(value, version).map(|key| Self::Transparent(Box::new(key)))
            }
            other => Err(wrong_type("ByteString or Structure", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        match self {
            Self::Bytes(bytes) => writer.byte_string(tag, bytes.expose()),
            Self::Transparent(key) => key.write(writer, tag),
        }
    }
}

structure! {
    /// Which key wraps, and how.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 3.3.
    #[derive(Clone, Debug, PartialEq)]
    KeyInformation {
        /// The wrapping, MAC or signature key.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// How it is used.
        cryptographic_parameters: Option<CryptographicParameters> = CRYPTOGRAPHIC_PARAMETERS, V1_0..;
    }
}

structure! {
    /// How a key value is wrapped.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 3.3.
    #[derive(Clone, Debug, PartialEq)]
    KeyWrappingData {
        /// Encryption, MAC or both.
        wrapping_method: WrappingMethod = WRAPPING_METHOD, V1_0..;
        /// Encryption key.
        encryption_key_information: Option<KeyInformation> = ENCRYPTION_KEY_INFORMATION, V1_0..;
        /// MAC or signature key.
        mac_signature_key_information: Option<KeyInformation> = MAC_SIGNATURE_KEY_INFORMATION, V1_0..;
        /// MAC or signature.
        mac_signature: Option<Vec<u8>> = MAC_SIGNATURE, V1_0..;
        /// IV, counter or nonce.
        iv_counter_nonce: Option<Vec<u8>> = IV_COUNTER_NONCE, V1_0..;
        /// What is wrapped; TTLV when absent.
        encoding_option: Option<EncodingOption> = ENCODING_OPTION, V1_1..;
    }
}

structure! {
    /// How a key value that is asked for shall be wrapped.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.18.
    #[derive(Clone, Debug, PartialEq)]
    KeyWrappingSpecification {
        /// Encryption, MAC or both.
        wrapping_method: WrappingMethod = WRAPPING_METHOD, V1_0..;
        /// Encryption key.
        encryption_key_information: Option<KeyInformation> = ENCRYPTION_KEY_INFORMATION, V1_0..;
        /// MAC or signature key.
        mac_signature_key_information: Option<KeyInformation> = MAC_SIGNATURE_KEY_INFORMATION, V1_0..;
        /// Names, as in 1.x, of the attributes to wrap along.
        attribute_names: Vec<String> = ATTRIBUTE_NAME, V1_0..;
        /// What is wrapped; TTLV when absent.
        encoding_option: Option<EncodingOption> = ENCODING_OPTION, V1_1..;
    }
}

#[cfg(test)]
impl crate::schema::Sample for KeyValue {
    fn sample() -> Self {
        Self::Plain(crate::schema::Sample::sample())
    }
}

#[cfg(test)]
impl crate::schema::Sample for KeyMaterial {
    fn sample() -> Self {
        Self::Transparent(crate::schema::Sample::sample())
    }
}
