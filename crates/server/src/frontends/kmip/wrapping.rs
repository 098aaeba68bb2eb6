//! Key Wrapping Specification and Key Wrapping Data: how a key value is wrapped on its way out, and unwrapped on its way in,
//! with the attributes inside. Not here: the ciphers (crypto), and who may wrap by which key (core).

use keyreeve_core::model::{Curve, KeyFormat, KeyMaterial as Material, Link, LinkType};
use keyreeve_core::operations::get::{Frame, Protection, WrappedBy};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::operations::wrap::Unwrap;
use keyreeve_core::request::Reference;
use keyreeve_core::{Error, ErrorKind, SecretBytes};
use keyreeve_kmip::attributes::{Attribute, AttributeReference, Attributes};
use keyreeve_kmip::enums::{EncodingOption, KeyFormatType, ResultReason, WrappingMethod};
use keyreeve_kmip::objects::{
    self as wire, KeyBlock, KeyMaterial, KeyValue, KeyWrappingData, KeyWrappingSpecification, PlainKeyValue,
};
use keyreeve_kmip::values::UniqueIdentifier;
use keyreeve_kmip::{Limits, Version};

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing, not_supported};
use super::{attributes, objects, parameters, transparent};

/// How core protects the material of an object as a client wants it wrapped.
pub(super) async fn protection(
    batch: &mut Batch<'_>,
    of: &Reference,
    specification: &KeyWrappingSpecification,
    wanted: Option<KeyFormatType>,
) -> Result<Protection, Failure> {
    if specification.wrapping_method != WrappingMethod::Encrypt {
        return Err(not_supported("a wrapping method other than Encrypt"));
    }
    let information = specification.encryption_key_information.as_ref();
    let information = information.ok_or_else(|| missing("EncryptionKeyInformation"))?;
    let frame = match specification.encoding_option.unwrap_or(EncodingOption::TtlvEncoding) {
        EncodingOption::NoEncoding if specification.attribute_names.is_empty() => {
            Box::new(move |_: Option<Curve>, material: &Material| bare(material, wanted)) as Frame
        }
        EncodingOption::NoEncoding => {
            let message = "attributes are wrapped along with an encoded key only: leave EncodingOption out";
            return Err(Failure::new(ResultReason::EncodingOptionError, message));
        }
        EncodingOption::TtlvEncoding => {
            let attributes = attributes_of(batch, of, &specification.attribute_names).await?;
            let version = batch.version;
            Box::new(move |curve: Option<Curve>, material: &Material| {
                key_value((curve, material), wanted, attributes.clone(), version)
            })
        }
        EncodingOption::Unnamed(_) => return Err(unknown_encoding()),
    };
    Ok(Protection::Wrapped {
        key: batch.object(Some(&information.unique_identifier))?,
        parameters: Some(parameters::incoming(information.cryptographic_parameters.as_ref())?),
        frame: Some(frame),
    })
}

fn unknown_encoding() -> Failure {
    Failure::new(ResultReason::EncodingOptionError, "this EncodingOption is not known")
}

/// The attributes of an object that are wrapped along with it; `None` where none are asked for.
async fn attributes_of(
    batch: &mut Batch<'_>,
    of: &Reference,
    names: &[String],
) -> Result<Option<Attributes>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let names = names.iter().map(|name| attributes::name(&AttributeReference::from_name(name)));
    let names = Some(names.collect::<Result<Vec<_>, _>>()?);
    let read = batch.run(GetAttributes { key: of.clone(), names }).await?;
    Ok(Some(attributes::outgoing_all(&read.object, &read.attributes, batch.version)))
}

/// The bytes of a key alone, which a structure has not.
fn bare(material: &Material, wanted: Option<KeyFormatType>) -> Result<SecretBytes, Error> {
    let is_structure = matches!(material.format, KeyFormat::Other(_))
        || wanted.is_some_and(|wanted| transparent::der_of(wanted).is_some());
    if is_structure {
        let public =
            "the Key Material is a structure, which is wrapped encoded only: leave EncodingOption out";
        return Err(Error::new(ErrorKind::InvalidField, public));
    }
    Ok(SecretBytes::copy_from(material.bytes.expose()))
}

/// A key as the TTLV item Key Value, which is what is wrapped unless the client says otherwise.
fn key_value(
    (curve, material): (Option<Curve>, &Material),
    wanted: Option<KeyFormatType>,
    attributes: Option<Attributes>,
    version: Version,
) -> Result<SecretBytes, Error> {
    let damaged = |_| Error::internal("a key in a format of its own cannot be read");
    let bytes = material.bytes.expose();
    let key_material = match (material.format, wanted) {
        (KeyFormat::Other(_), _) => objects::kept(bytes, version).map_err(damaged)?.key_material,
        (_, Some(wanted)) => transparent::key_material(wanted, curve, bytes),
        (_, None) => KeyMaterial::Bytes(bytes.to_vec().into()),
    };
    // A material has at most a MiB, and TTLV can say 4 GiB.
    let too_long = |_| Error::internal("a key that is too long to be encoded");
    let encoded = PlainKeyValue { key_material, attributes }.to_ttlv(version).map_err(too_long)?;
    Ok(SecretBytes::new(encoded.into_vec()))
}

/// How an answer tells that a key is wrapped.
pub(super) fn wrapping_data(specification: KeyWrappingSpecification, by: WrappedBy) -> KeyWrappingData {
    let mut information = specification.encryption_key_information;
    if let Some(information) = &mut information {
        information.unique_identifier = identifier(by.object);
    }
    KeyWrappingData {
        wrapping_method: specification.wrapping_method,
        encryption_key_information: information,
        mac_signature_key_information: None,
        mac_signature: None,
        iv_counter_nonce: by.iv,
        encoding_option: specification.encoding_option,
    }
}

/// Takes the wrapping off a key block with a key of this server, and tells which. Where that key may wrap and not unwrap, the
/// wrapping stays.
pub(super) async fn unwrap(batch: &mut Batch<'_>, block: &mut KeyBlock) -> Result<Option<Link>, Failure> {
    let Some(data) = &block.key_wrapping_data else { return Ok(None) };
    if data.wrapping_method != WrappingMethod::Encrypt {
        return Err(not_supported("a wrapping method other than Encrypt"));
    }
    let encoding = data.encoding_option.unwrap_or(EncodingOption::TtlvEncoding);
    let information = data.encryption_key_information.as_ref();
    let information = information.ok_or_else(|| missing("EncryptionKeyInformation"))?;
    let operation = Unwrap {
        key: batch.object(Some(&information.unique_identifier))?,
        version: None,
        parameters: Some(parameters::incoming(information.cryptographic_parameters.as_ref())?),
        iv: data.iv_counter_nonce.clone(),
        wrapped: wrapped(block.key_value.as_ref(), encoding)?,
    };
    let (secret, by) = match batch.run(operation).await {
        Ok(unwrapped) => unwrapped,
        Err(failure) if failure.kind == Some(ErrorKind::WrongUsage) => return link(batch, block).await,
        Err(failure) => return Err(of_wrapping_key(failure)),
    };
    let value = match encoding {
        EncodingOption::NoEncoding => PlainKeyValue {
            key_material: KeyMaterial::Bytes(secret.expose().to_vec().into()),
            attributes: None,
        },
        EncodingOption::TtlvEncoding => encoded(&secret, batch.version)?,
        EncodingOption::Unnamed(_) => return Err(unknown_encoding()),
    };
    (block.key_wrapping_data, block.key_value) = (None, Some(KeyValue::Plain(value)));
    Ok(Some(link_to(by.id.to_string())))
}

/// A Key Value that was wrapped, with its attributes in the encoding of this version or of another: it may have been wrapped
/// long before.
fn encoded(secret: &SecretBytes, version: Version) -> Result<PlainKeyValue, Failure> {
    let value = PlainKeyValue::from_ttlv(secret.expose(), version, &Limits::default())?;
    if value.attributes.is_some() {
        return Ok(value);
    }
    let other = if version.has_tagged_attributes() { Version::V1_4 } else { Version::V2_1 };
    Ok(PlainKeyValue::from_ttlv(secret.expose(), other, &Limits::default())?)
}

/// The link of a key that stays wrapped to the key that did it, where that is one of this server.
///
/// # Standard
/// KMIP 2.1 section 6.1.43: of a wrapped object the server makes a Wrapping Key Link.
pub(super) async fn link(batch: &mut Batch<'_>, block: &KeyBlock) -> Result<Option<Link>, Failure> {
    let information =
        block.key_wrapping_data.as_ref().and_then(|data| data.encryption_key_information.as_ref());
    let Some(information) = information else { return Ok(None) };
    let key = batch.object(Some(&information.unique_identifier))?;
    match batch.run(GetAttributes { key, names: Some(Vec::new()) }).await {
        Ok(known) => Ok(Some(link_to(known.object.id.to_string()))),
        Err(_) => match &information.unique_identifier {
            // It was wrapped elsewhere, by what is a key there.
            UniqueIdentifier::Text(text) => Ok(Some(link_to(text.clone()))),
            UniqueIdentifier::Reference(_) | UniqueIdentifier::Index(_) => Ok(None),
        },
    }
}

fn link_to(target: String) -> Link {
    Link { kind: LinkType::WrappingKey, target }
}

/// The bytes that are wrapped: a byte string, or, where nothing was encoded before, a Key Value whose Key Material they are.
///
/// # Standard
/// KMIP 1.4 section 2.1.4 (Key Value) and 9.1.3.2.32 (Encoding Option).
fn wrapped(value: Option<&KeyValue>, encoding: EncodingOption) -> Result<Vec<u8>, Failure> {
    match value {
        Some(KeyValue::Wrapped(wrapped)) => Ok(wrapped.clone()),
        Some(KeyValue::Plain(PlainKeyValue { attributes: Some(_), .. }))
            if encoding == EncodingOption::NoEncoding =>
        {
            let message = "with the EncodingOption No Encoding there are no attributes in the Key Value";
            Err(Failure::new(ResultReason::EncodingOptionError, message))
        }
        Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(wrapped), .. }))
            if encoding == EncodingOption::NoEncoding =>
        {
            Ok(wrapped.expose().to_vec())
        }
        _ => {
            let message = "KeyWrappingData is there, and KeyValue is not the byte string of a wrapped key";
            Err(Failure::new(ResultReason::InvalidField, message))
        }
    }
}

/// The attributes that came inside the Key Value of an object, which is unwrapped where it can be.
///
/// # Standard
/// KMIP 1.4 sections 2.1.4 (Key Value) and 4.3 (Register): "The object and attributes MAY be wrapped."
pub(super) fn inside(object: &mut wire::ManagedObject) -> Vec<Attribute> {
    match objects::key_block_mut(object).and_then(|block| block.key_value.as_mut()) {
        Some(KeyValue::Plain(PlainKeyValue { attributes: Some(attributes), .. })) => {
            std::mem::take(&mut attributes.0)
        }
        _ => Vec::new(),
    }
}

/// The failure to wrap an object: that of the wrapping key where the object itself is there to be had.
pub(super) async fn blamed(batch: &mut Batch<'_>, of: Reference, failure: Failure) -> Failure {
    if !matches!(failure.kind, Some(ErrorKind::NotFound | ErrorKind::Destroyed | ErrorKind::Archived)) {
        return failure;
    }
    match batch.run(GetAttributes { key: of, names: Some(Vec::new()) }).await {
        Ok(known) if !known.object.state.is_destroyed() && known.object.dates.archive.is_none() => {
            of_wrapping_key(failure)
        }
        _ => failure,
    }
}

/// The failure of a wrapping key, which has reasons of its own.
fn of_wrapping_key(failure: Failure) -> Failure {
    failure
        .instead(ErrorKind::NotFound, ResultReason::WrappingObjectNotFound)
        .instead(ErrorKind::Destroyed, ResultReason::WrappingObjectDestroyed)
        .instead(ErrorKind::Archived, ResultReason::WrappingObjectArchived)
}
