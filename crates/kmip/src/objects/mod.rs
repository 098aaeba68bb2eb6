//! Managed objects as they stand on the wire. What the house keeps of them is another model.

mod key_block;

pub use key_block::*;

use crate::attributes::Attributes;
use crate::enums::{
    CertificateRequestType, CertificateType, ObjectType, OpaqueDataType, SecretDataType, SplitKeyMethod,
};
use crate::error::{DecodeError, EncodeError, Fault};
use crate::schema::{Field, Fields, Version, Wire, structure};
use crate::secret::SecretBytes;
use crate::tags::Tag;
use crate::ttlv::binary::{self, Limits, Writer};
use crate::values::BigInteger;

structure! {
    /// A certificate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.1.
    Certificate {
        /// X.509 or PGP.
        certificate_type: CertificateType = CERTIFICATE_TYPE, V1_0..;
        /// The certificate, DER for X.509.
        certificate_value: Vec<u8> = CERTIFICATE_VALUE, V1_0..;
    }
}

structure! {
    /// A certificate request.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.2.
    CertificateRequest {
        /// Format of the request.
        certificate_request_type: CertificateRequestType = CERTIFICATE_REQUEST_TYPE, V2_0..;
        /// The request.
        certificate_request_value: Vec<u8> = CERTIFICATE_REQUEST_VALUE, V2_0..;
    }
}

structure! {
    /// Bytes that the server does not interpret. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.3.
    OpaqueObject {
        /// Type in the owner's terms.
        opaque_data_type: OpaqueDataType = OPAQUE_DATA_TYPE, V1_0..;
        /// The bytes.
        opaque_data_value: SecretBytes = OPAQUE_DATA_VALUE, V1_0..;
    }
}

structure! {
    /// A PGP key. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.4.
    PgpKey {
        /// Version of the key's format.
        pgp_key_version: i32 = PGP_KEY_VERSION, V1_2..;
        /// The key.
        key_block: KeyBlock = KEY_BLOCK, V1_2..;
    }
}

structure! {
    /// A private key. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.5.
    PrivateKey {
        /// The key.
        key_block: KeyBlock = KEY_BLOCK, V1_0..;
    }
}

structure! {
    /// A public key.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.6.
    PublicKey {
        /// The key.
        key_block: KeyBlock = KEY_BLOCK, V1_0..;
    }
}

structure! {
    /// A secret that is no key, such as a password. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.7.
    SecretData {
        /// Password or seed.
        secret_data_type: SecretDataType = SECRET_DATA_TYPE, V1_0..;
        /// The secret.
        key_block: KeyBlock = KEY_BLOCK, V1_0..;
    }
}

structure! {
    /// One part of a split key. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.8.
    SplitKey {
        /// Parts in all.
        split_key_parts: i32 = SPLIT_KEY_PARTS, V1_0..;
        /// Number of this part.
        key_part_identifier: i32 = KEY_PART_IDENTIFIER, V1_0..;
        /// Parts that are needed.
        split_key_threshold: i32 = SPLIT_KEY_THRESHOLD, V1_0..;
        /// How it was split.
        split_key_method: SplitKeyMethod = SPLIT_KEY_METHOD, V1_0..;
        /// The prime of a prime field.
        prime_field_size: Option<BigInteger> = PRIME_FIELD_SIZE, V1_0..;
        /// The part.
        key_block: KeyBlock = KEY_BLOCK, V1_0..;
    }
}

structure! {
    /// A symmetric key. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 2.9.
    SymmetricKey {
        /// The key.
        key_block: KeyBlock = KEY_BLOCK, V1_0..;
    }
}

structure! {
    /// Attributes for new objects (deprecated in 1.3, gone in 2.0).
    ///
    /// # Standard
    ///
    /// KMIP 1.2, section 2.2.6.
    Template {
        /// The attributes.
        attributes: Attributes = ATTRIBUTE, V1_0..V2_0;
    }
}

impl Template {
    /// Encodes this as the TTLV item `Template`, of a version of 1.x.
    ///
    /// # Errors
    ///
    /// When it is longer than 4 GiB.
    pub fn to_ttlv(&self, version: Version) -> Result<SecretBytes, EncodeError> {
        let mut writer = Writer::new(version);
        self.write(&mut writer, Tag::TEMPLATE);
        writer.finish()
    }

    /// Decodes what [`Template::to_ttlv`] encodes.
    ///
    /// # Errors
    ///
    /// When the bytes are no TTLV item `Template`.
    pub fn from_ttlv(bytes: &[u8], version: Version, limits: &Limits) -> Result<Self, DecodeError> {
        let mut node = binary::decode(bytes, limits)?;
        Self::read(&mut node.value, version).map_err(|error| error.within(node.tag))
    }
}

/// One line a kind of object, with its versions: its tag is the kind's name, so any of them stands for "the object" in
/// a payload. An object of another version is not written.
macro_rules! objects {
    ($($kind:ident = $tag:ident, $range:expr;)*) => {
        /// A managed object. Holds a secret.
        ///
        /// # Standard
        ///
        /// KMIP 2.1, section 2.
        pub enum ManagedObject {
            $(
                #[doc = concat!("See [`", stringify!($kind), "`].")]
                $kind(Box<$kind>),
            )*
        }

        impl ManagedObject {
            /// What kind of object it is.
            pub fn object_type(&self) -> ObjectType {
                match self {
                    $(Self::$kind(_) => ObjectType::$kind,)*
                }
            }

            fn read(node: &mut crate::ttlv::Node, version: Version) -> Result<Option<Self>, DecodeError> {
                match node.tag {
                    $(Tag::$tag => {
                        let object = Wire::read(&mut node.value, version).map(Self::$kind);
                        object.map(Some).map_err(|error| error.within(Tag::$tag))
                    })*
                    _ => Ok(None),
                }
            }

            fn write(&self, writer: &mut Writer) {
                use Version::*;
                let version = writer.version();
                match self {
                    $(Self::$kind(object) => {
                        if std::ops::RangeBounds::contains(&($range), &version) {
                            object.write(writer, Tag::$tag);
                        }
                    })*
                }
            }
        }

        /// One object of every kind.
        #[cfg(test)]
        pub(crate) fn samples() -> Vec<ManagedObject> {
            vec![$(ManagedObject::$kind(crate::schema::Sample::sample()),)*]
        }

        $(
            impl From<$kind> for ManagedObject {
                fn from(object: $kind) -> Self {
                    Self::$kind(Box::new(object))
                }
            }
        )*
    };
}

objects! {
    Certificate = CERTIFICATE, V1_0..;
    CertificateRequest = CERTIFICATE_REQUEST, V2_0..;
    OpaqueObject = OPAQUE_OBJECT, V1_0..;
    PgpKey = PGP_KEY, V1_2..;
    PrivateKey = PRIVATE_KEY, V1_0..;
    PublicKey = PUBLIC_KEY, V1_0..;
    SecretData = SECRET_DATA, V1_0..;
    SplitKey = SPLIT_KEY, V1_0..;
    SymmetricKey = SYMMETRIC_KEY, V1_0..;
    Template = TEMPLATE, V1_0..V2_0;
}

impl ManagedObject {
    /// The key block of the object, if its kind has one. Holds a secret.
    pub fn key_block(&self) -> Option<&KeyBlock> {
        match self {
            Self::PgpKey(object) => Some(&object.key_block),
            Self::PrivateKey(object) => Some(&object.key_block),
            Self::PublicKey(object) => Some(&object.key_block),
            Self::SecretData(object) => Some(&object.key_block),
            Self::SplitKey(object) => Some(&object.key_block),
            Self::SymmetricKey(object) => Some(&object.key_block),
            Self::Certificate(_)
            | Self::CertificateRequest(_)
            | Self::OpaqueObject(_)
            | Self::Template(_) => None,
        }
    }
}

/// The object names its own tag: the declared one (`Tag::OBJECT`) only marks the place.
impl Field for ManagedObject {
    fn take(fields: &mut Fields<'_>, _: Tag) -> Result<Self, DecodeError> {
        let version = fields.version();
        for node in fields.nodes() {
            if let Some(object) = Self::read(node, version)? {
                return Ok(object);
            }
        }
        Err(Fault::Value("the object is missing").into())
    }

    fn put(&self, writer: &mut Writer, _: Tag) {
        self.write(writer);
    }
}

#[cfg(test)]
impl crate::schema::Sample for ManagedObject {
    fn sample() -> Self {
        Self::SymmetricKey(crate::schema::Sample::sample())
    }
}

impl Tag {
    /// Stands in a schema for the tag of whichever object is there; never on the wire.
    pub(crate) const OBJECT: Tag = Tag(0);
}
