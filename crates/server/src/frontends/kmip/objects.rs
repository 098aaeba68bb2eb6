//! Managed objects between the wire and core: kind, material and what the key block says about it.

use keyreeve_core::SecretBytes;
use keyreeve_core::model::{self, Algorithm, AttributeKind, AttributeName, KeyFormat, KeyMaterial, Value};
use keyreeve_kmip::enums::{
    CertificateRequestType, CertificateType, KeyFormatType, ObjectType, OpaqueDataType, ResultReason,
    SecretDataType,
};
use keyreeve_kmip::objects::{
    Certificate, CertificateRequest, KeyBlock, KeyMaterial as Wire, KeyValue, KeyWrappingData, ManagedObject,
    OpaqueObject, PgpKey, PlainKeyValue, PrivateKey, PublicKey, SecretData, SplitKey, SymmetricKey,
};
use keyreeve_kmip::ttlv::binary::HEADER_BYTES;
use keyreeve_kmip::values::BigInteger;
use keyreeve_kmip::{DecodeError, Limits, Version};

use super::attributes::algorithm_code;
use super::errors::{Failure, not_supported};
use super::{pkcs12, split_key, templates, transparent};

/// An object that a client brings. Holds secrets.
pub(super) struct Incoming {
    pub(super) object_type: model::ObjectType,
    /// Its further kind, as the standard's code.
    pub(super) subtype: Option<u32>,
    /// Empty where there is none: the value is kept elsewhere.
    pub(super) material: KeyMaterial,
    /// The material as the client encoded it, where that is a structure: what the digest tells of.
    pub(super) digested: Option<KeyMaterial>,
    /// The standard's code of the algorithm, where the key block tells it.
    pub(super) algorithm: Option<u32>,
    pub(super) length_bits: Option<u32>,
    /// How the key was split that this is a part of, and which part.
    pub(super) split: Option<(model::Split, u32)>,
}

impl Incoming {
    /// Whether it is a private key that comes in a file of its own.
    pub(super) fn is_pkcs12(&self) -> bool {
        self.object_type == model::ObjectType::PrivateKey && self.material.format == pkcs12::FORMAT
    }
}

/// Core's kind of object for the wire's.
pub(super) fn object_type(wire: ObjectType) -> Result<model::ObjectType, Failure> {
    model::ObjectType::from_code(wire.into())
        .ok_or_else(|| Failure::new(ResultReason::InvalidField, format!("there is no object type {wire}")))
}

/// The key block of an object that has one, to be unwrapped.
pub(super) fn key_block_mut(object: &mut ManagedObject) -> Option<&mut KeyBlock> {
    match object {
        ManagedObject::PgpKey(object) => Some(&mut object.key_block),
        ManagedObject::PrivateKey(object) => Some(&mut object.key_block),
        ManagedObject::PublicKey(object) => Some(&mut object.key_block),
        ManagedObject::SecretData(object) => Some(&mut object.key_block),
        ManagedObject::SplitKey(object) => Some(&mut object.key_block),
        ManagedObject::SymmetricKey(object) => Some(&mut object.key_block),
        ManagedObject::Certificate(_)
        | ManagedObject::CertificateRequest(_)
        | ManagedObject::OpaqueObject(_)
        | ManagedObject::Template(_) => None,
    }
}

/// An unwrapped object of the wire in core's terms.
pub(super) fn incoming(object: ManagedObject, version: Version) -> Result<Incoming, Failure> {
    let object_type = object_type(object.object_type())?;
    let plain = |subtype: u32, format, bytes: Vec<u8>| Incoming {
        object_type,
        subtype: Some(subtype),
        material: KeyMaterial { format, bytes: SecretBytes::new(bytes) },
        digested: None,
        algorithm: None,
        length_bits: None,
        split: None,
    };
    Ok(match object {
        ManagedObject::Certificate(object) => {
            plain(object.certificate_type.into(), KeyFormat::Spki, object.certificate_value)
        }
        ManagedObject::CertificateRequest(object) => {
            let bytes = object.certificate_request_value;
            plain(object.certificate_request_type.into(), KeyFormat::Opaque, bytes)
        }
        ManagedObject::OpaqueObject(object) => {
            let OpaqueObject { opaque_data_type, opaque_data_value } = *object;
            plain(opaque_data_type.into(), KeyFormat::Opaque, opaque_data_value.into_vec())
        }
        ManagedObject::SecretData(object) => {
            let SecretData { secret_data_type, key_block } = *object;
            Incoming { subtype: Some(secret_data_type.into()), ..key(object_type, key_block, version)? }
        }
        ManagedObject::PgpKey(object) => {
            let PgpKey { pgp_key_version, key_block } = *object;
            Incoming { subtype: Some(pgp_key_version as u32), ..key(object_type, key_block, version)? }
        }
        ManagedObject::PrivateKey(object) => key(object_type, object.key_block, version)?,
        ManagedObject::PublicKey(object) => key(object_type, object.key_block, version)?,
        ManagedObject::SymmetricKey(object) => key(object_type, object.key_block, version)?,
        ManagedObject::SplitKey(object) => {
            let SplitKey { key_block, split_key_parts, split_key_threshold, key_part_identifier, .. } =
                *object;
            let way = (split_key_parts, split_key_threshold);
            let split = split_key::split(object.split_key_method, way, object.prime_field_size.as_ref())?;
            let number = u32::try_from(key_part_identifier).unwrap_or_default();
            Incoming { split: Some((split, number)), ..key(object_type, key_block, version)? }
        }
        ManagedObject::Template(object) => {
            let plain = plain(0, KeyFormat::Opaque, Vec::new());
            Incoming { subtype: None, material: templates::kept(&object)?, ..plain }
        }
    })
}

/// A key that stays wrapped is kept as its whole key block, as this version writes it.
const WRAPPED_VERSION: Version = Version::V2_1;

/// Whether an object is a key that came wrapped and stayed so.
pub(super) fn is_wrapped(object: &model::ManagedObject) -> bool {
    object.format == KeyFormat::WRAPPED
}

fn key(object_type: model::ObjectType, block: KeyBlock, version: Version) -> Result<Incoming, Failure> {
    let wire_format = block.key_format_type;
    let wrapped = match &block.key_wrapping_data {
        None => None,
        Some(_) => Some(KeyMaterial {
            format: KeyFormat::WRAPPED,
            bytes: SecretBytes::new(block.to_ttlv(WRAPPED_VERSION)?.into_vec()),
        }),
    };
    let value = match block.key_value {
        Some(KeyValue::Plain(value)) => Some(value),
        None => None,
        Some(KeyValue::Wrapped(bytes)) if wrapped.is_some() => {
            Some(PlainKeyValue { key_material: Wire::Bytes(bytes.into()), attributes: None })
        }
        Some(KeyValue::Wrapped(_)) => {
            let message =
                "KeyValue is a byte string, as only a wrapped one is, and KeyWrappingData is missing";
            return Err(Failure::new(ResultReason::InvalidField, message));
        }
    };
    let length_bits = match block.cryptographic_length {
        None => None,
        Some(length) => Some(u32::try_from(length).map_err(|_| {
            Failure::new(ResultReason::InvalidField, "CryptographicLength must not be negative")
        })?),
    };
    let (material, digested) = match (value, wrapped) {
        (Some(value), Some(kept)) => (kept, Some(material(wire_format, value, version)?.0)),
        (Some(value), None) => material(wire_format, value, version)?,
        (None, _) => {
            let format = KeyFormat::from_code(wire_format.into());
            (KeyMaterial { format, bytes: SecretBytes::new(Vec::new()) }, None)
        }
    };
    Ok(Incoming {
        object_type,
        subtype: None,
        material,
        digested,
        algorithm: block.cryptographic_algorithm.map(Into::into),
        length_bits,
        split: None,
    })
}

/// The material, and a structure as the client encoded it.
///
/// # Standard
/// KMIP 1.4 section 3.17 (Digest): of a structure it is that of the encoded Key Material.
fn material(
    format: KeyFormatType,
    value: PlainKeyValue,
    version: Version,
) -> Result<(KeyMaterial, Option<KeyMaterial>), Failure> {
    let known = KeyFormat::from_code(format.into());
    let computed = match &value.key_material {
        Wire::Transparent(numbers) => transparent::to_material(format, numbers),
        Wire::Bytes(_) => None,
    };
    match (known, value.key_material) {
        (KeyFormat::Other(_), key_material) => {
            let encoded = PlainKeyValue { key_material, attributes: None }.to_ttlv(version)?.into_vec();
            let structure = SecretBytes::copy_from(encoded.get(HEADER_BYTES..).unwrap_or_default());
            // Where nothing can be computed with such a key, it is kept as the client encoded it.
            let kept = KeyMaterial { format: known, bytes: SecretBytes::new(encoded) };
            Ok((computed.unwrap_or(kept), Some(KeyMaterial { format: known, bytes: structure })))
        }
        (_, Wire::Bytes(bytes)) => {
            Ok((KeyMaterial { format: known, bytes: SecretBytes::new(bytes.into_vec()) }, None))
        }
        (_, Wire::Transparent(_)) => {
            let message =
                format!("KeyMaterial is a structure, and the key format type {format} is not transparent");
            Err(Failure::new(ResultReason::InvalidField, message))
        }
    }
}

/// A Key Value in a format that is kept as it came.
pub(super) fn kept(bytes: &[u8], version: Version) -> Result<PlainKeyValue, DecodeError> {
    // INVARIANT: `material` above encoded it, from a message within its limits.
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    PlainKeyValue::from_ttlv(bytes, version, &limits)
}

/// What is left of a destroyed object on the wire: what it was, without its value. `None` of what cannot be said so.
pub(super) fn without_value(object: &model::ManagedObject, version: Version) -> Option<ManagedObject> {
    let material = KeyMaterial { format: KeyFormat::Opaque, bytes: SecretBytes::new(Vec::new()) };
    let format = if is_wrapped(object) { KeyFormatType::Opaque } else { given_format(object) };
    Outgoing { object, material, format, wrapping: None, version }.encode().ok()
}

/// How a key is handed out.
pub(super) struct Outgoing<'a> {
    pub(super) object: &'a model::ManagedObject,
    /// The material, in its format or wrapped. Holds secrets.
    pub(super) material: KeyMaterial,
    /// The format that the response names.
    pub(super) format: KeyFormatType,
    pub(super) wrapping: Option<KeyWrappingData>,
    pub(super) version: Version,
}

/// The format in which an object's key is handed out where the client names none: the one in which it was given.
pub(super) fn given_format(object: &model::ManagedObject) -> KeyFormatType {
    let name = AttributeName::Standard(AttributeKind::KeyFormatType);
    match object.further.get(&name).and_then(|values| values.first()) {
        Some(Value::Enumeration(code)) => (*code).into(),
        _ => object.format.code().into(),
    }
}

impl Outgoing<'_> {
    /// The object as the wire has it.
    pub(super) fn encode(self) -> Result<ManagedObject, Failure> {
        let subtype = self.object.subtype.unwrap_or(1);
        Ok(match self.object.object_type {
            model::ObjectType::Certificate => ManagedObject::from(Certificate {
                certificate_type: CertificateType::from(subtype),
                certificate_value: self.material.bytes.expose().to_vec(),
            }),
            model::ObjectType::CertificateRequest => ManagedObject::from(CertificateRequest {
                certificate_request_type: CertificateRequestType::from(subtype),
                certificate_request_value: self.material.bytes.expose().to_vec(),
            }),
            model::ObjectType::OpaqueObject => ManagedObject::from(OpaqueObject {
                opaque_data_type: OpaqueDataType::from(subtype),
                opaque_data_value: self.material.bytes.expose().to_vec().into(),
            }),
            model::ObjectType::SecretData => ManagedObject::from(SecretData {
                secret_data_type: SecretDataType::from(subtype),
                key_block: self.key_block()?,
            }),
            model::ObjectType::PgpKey => {
                ManagedObject::from(PgpKey { pgp_key_version: subtype as i32, key_block: self.key_block()? })
            }
            model::ObjectType::PrivateKey => ManagedObject::from(PrivateKey { key_block: self.key_block()? }),
            model::ObjectType::PublicKey => ManagedObject::from(PublicKey { key_block: self.key_block()? }),
            model::ObjectType::SymmetricKey => {
                ManagedObject::from(SymmetricKey { key_block: self.key_block()? })
            }
            model::ObjectType::SplitKey => {
                let damaged =
                    || Failure::new(ResultReason::InternalServerError, "a split key without its numbers");
                let (split, number) = model::Split::of(self.object).ok_or_else(damaged)?;
                ManagedObject::from(SplitKey {
                    split_key_parts: split.parts as i32,
                    key_part_identifier: number as i32,
                    split_key_threshold: split.threshold as i32,
                    split_key_method: split.method.code().into(),
                    prime_field_size: split.prime_field.map(|prime| BigInteger(prime.into())),
                    key_block: self.key_block()?,
                })
            }
            model::ObjectType::Template if self.version.has_tagged_attributes() => {
                return Err(not_supported("a template in KMIP 2.x"));
            }
            model::ObjectType::Template => {
                ManagedObject::from(templates::outgoing(self.material.bytes.expose())?)
            }
        })
    }

    fn key_block(self) -> Result<KeyBlock, Failure> {
        let is_gone = self.object.state.is_destroyed();
        if is_wrapped(self.object) && !is_gone {
            // INVARIANT: `key` above encoded it, from a message within its limits.
            let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
            return Ok(KeyBlock::from_ttlv(self.material.bytes.expose(), WRAPPED_VERSION, &limits)?);
        }
        let spec = self.object.spec;
        let code = |algorithm: Algorithm| algorithm_code(algorithm.code(), self.version).into();
        let (algorithm, length) =
            (spec.map(|spec| code(spec.algorithm)), spec.map(|spec| spec.length_bits as i32));
        let (format, wrapping) = (self.format, self.wrapping.clone());
        Ok(KeyBlock {
            key_format_type: format,
            key_compression_type: None,
            key_value: if is_gone || self.object.is_valueless() { None } else { Some(self.key_value()?) },
            cryptographic_algorithm: algorithm,
            cryptographic_length: length,
            key_wrapping_data: wrapping,
        })
    }

    fn key_value(self) -> Result<KeyValue, Failure> {
        let bytes = self.material.bytes.expose();
        if self.wrapping.is_some() {
            return Ok(KeyValue::Wrapped(bytes.to_vec()));
        }
        if let KeyFormat::Other(_) = self.material.format {
            return Ok(KeyValue::Plain(kept(bytes, self.version)?));
        }
        let key_material =
            transparent::key_material(self.format, self.object.spec.and_then(|spec| spec.curve), bytes);
        Ok(KeyValue::Plain(PlainKeyValue { key_material, attributes: None }))
    }
}
