//! Get and Export: an object with its key value, in a format and under a wrapping that the client may choose.

use keyreeve_core::model::{KeyFormat, ObjectId};
use keyreeve_core::operations::get::{Frame, Get, Gotten, Protection};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::request::Reference;
use keyreeve_core::{ErrorKind, SecretBytes};
use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{AttributeReference, Attributes};
use keyreeve_kmip::enums::{
    EncodingOption, KeyFormatType, KeyWrapType, Operation, ResultReason, WrappingMethod,
};
use keyreeve_kmip::objects::{KeyMaterial, KeyWrappingData, KeyWrappingSpecification, PlainKeyValue};
use keyreeve_kmip::payloads::export::{ExportRequest, ExportResponse};
use keyreeve_kmip::payloads::get::{GetRequest, GetResponse};

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing, not_supported};
use super::objects::{self, Outgoing, given_format};
use super::{attributes, parameters, pkcs12, transparent};

pub(super) async fn get(batch: &mut Batch<'_>, request: GetRequest) -> Result<GetResponse, Failure> {
    if request.key_compression_type.is_some() {
        let message = "keys are given uncompressed";
        return Err(Failure::new(ResultReason::KeyCompressionTypeNotSupported, message));
    }
    if let Some(KeyWrapType::Unnamed(code)) = request.key_wrap_type {
        let message = format!("there is no Key Wrap Type 0x{code:08X}");
        return Err(Failure::new(ResultReason::KeyWrapTypeNotSupported, message));
    }
    let key = batch.object(request.unique_identifier.as_ref())?;
    let wanted = request.key_format_type;
    if request.key_wrap_type == Some(KeyWrapType::AsRegistered)
        && let Some(answer) = as_registered(batch, &key, wanted).await?
    {
        return Ok(answer);
    }
    let specification = request.key_wrapping_specification;
    if wanted == Some(KeyFormatType::Pkcs12) {
        return match specification {
            None => pkcs12::get(batch, key).await,
            Some(_) => Err(not_supported("wrapping a PKCS#12, which is under its password,")),
        };
    }
    let protection = match &specification {
        Some(specification) => protection(batch, &key, specification).await?,
        None => Protection::AsItCame,
    };
    let format =
        wanted.map(|wanted| transparent::der_of(wanted).unwrap_or(KeyFormat::from_code(wanted.into())));
    let operation = Get { key, version: None, public: false, format, protection };
    let gotten = batch.run(operation).await.map_err(|failure| match (&wanted, &specification) {
        (Some(_), _) if failure.kind == Some(ErrorKind::Unsupported) => {
            failure.instead(ErrorKind::Unsupported, ResultReason::KeyFormatTypeNotSupported)
        }
        _ => failure,
    })?;
    if objects::is_wrapped(&gotten.object)
        && (specification.is_some() || request.key_wrap_type == Some(KeyWrapType::NotWrapped))
    {
        let message =
            "this key came wrapped, by a key that may not unwrap it here: it is given as it was registered";
        return Err(Failure::new(ResultReason::KeyWrapTypeNotSupported, message));
    }
    response(batch.version, gotten, wanted, specification)
}

/// An object as Get answers it, with all its attributes.
pub(super) async fn export(batch: &mut Batch<'_>, request: ExportRequest) -> Result<ExportResponse, Failure> {
    let object = batch.object(request.unique_identifier.as_ref())?;
    let gotten = GetRequest {
        unique_identifier: request.unique_identifier,
        key_format_type: request.key_format_type,
        key_wrap_type: request.key_wrap_type,
        key_compression_type: request.key_compression_type,
        key_wrapping_specification: request.key_wrapping_specification,
    };
    let GetResponse { object_type, unique_identifier, object: value } = get(batch, gotten).await?;
    let read = batch.run(GetAttributes { key: object, names: None }).await?;
    batch.answered(Operation::Export, &[read.object.id]);
    let attributes = attributes::outgoing_all(&read.attributes, batch.version);
    Ok(ExportResponse { object_type, unique_identifier, attributes, object: value })
}

/// A key that came wrapped and stayed so, as it came; `None` for any other.
async fn as_registered(
    batch: &mut Batch<'_>,
    key: &Reference,
    wanted: Option<KeyFormatType>,
) -> Result<Option<GetResponse>, Failure> {
    let known = batch.run(GetAttributes { key: key.clone(), names: Some(Vec::new()) }).await?;
    if !objects::is_wrapped(&known.object)
        || wanted.is_some_and(|wanted| wanted != given_format(&known.object))
    {
        return Ok(None);
    }
    let (key, protection) = (key.clone(), Protection::AsItCame);
    let gotten = batch.run(Get { key, version: None, public: false, format: None, protection }).await?;
    response(batch.version, gotten, None, None).map(Some)
}

fn response(
    version: Version,
    gotten: Gotten,
    wanted: Option<KeyFormatType>,
    specification: Option<KeyWrappingSpecification>,
) -> Result<GetResponse, Failure> {
    let Gotten { object, material, wrapped_by } = gotten;
    let wrapping = specification.zip(wrapped_by).map(|(specification, by)| wrapping_data(specification, by));
    let format = match (wanted, &wrapping) {
        (Some(wanted), _) => wanted,
        // What is wrapped is the material as it is kept.
        (None, Some(_)) => object.format.code().into(),
        (None, None) => given_format(&object),
    };
    Ok(GetResponse {
        object_type: object.object_type.code().into(),
        unique_identifier: identifier(object.id),
        object: Outgoing { object: &object, material, format, wrapping, version }.encode()?,
    })
}

async fn protection(
    batch: &mut Batch<'_>,
    of: &Reference,
    specification: &KeyWrappingSpecification,
) -> Result<Protection, Failure> {
    if specification.wrapping_method != WrappingMethod::Encrypt {
        return Err(not_supported("a wrapping method other than Encrypt"));
    }
    let information = specification.encryption_key_information.as_ref();
    let information = information.ok_or_else(|| missing("EncryptionKeyInformation"))?;
    let frame = match specification.encoding_option.unwrap_or(EncodingOption::TtlvEncoding) {
        EncodingOption::NoEncoding if specification.attribute_names.is_empty() => None,
        EncodingOption::NoEncoding => {
            let message = "attributes are wrapped along with an encoded key only: leave EncodingOption out";
            return Err(Failure::new(ResultReason::EncodingOptionError, message));
        }
        EncodingOption::TtlvEncoding => {
            let attributes = attributes_of(batch, of, &specification.attribute_names).await?;
            let version = batch.version;
            Some(Box::new(move |material: &SecretBytes| key_value(material, attributes.clone(), version))
                as Frame)
        }
        EncodingOption::Unnamed(_) => {
            return Err(Failure::new(ResultReason::EncodingOptionError, "this EncodingOption is not known"));
        }
    };
    Ok(Protection::Wrapped {
        key: batch.object(Some(&information.unique_identifier))?,
        parameters: Some(parameters::incoming(information.cryptographic_parameters.as_ref())?),
        frame,
    })
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
    Ok(Some(attributes::outgoing_all(&read.attributes, batch.version)))
}

/// The bytes of a key as the TTLV item Key Value, which is what is wrapped unless the client says otherwise.
fn key_value(material: &SecretBytes, attributes: Option<Attributes>, version: Version) -> SecretBytes {
    let key_material = KeyMaterial::Bytes(material.expose().to_vec().into());
    let encoded = PlainKeyValue { key_material, attributes }.to_ttlv(version);
    // INVARIANT: a material has at most a MiB, and TTLV can say 4 GiB.
    SecretBytes::new(encoded.map(keyreeve_kmip::SecretBytes::into_vec).unwrap_or_default())
}

fn wrapping_data(specification: KeyWrappingSpecification, by: ObjectId) -> KeyWrappingData {
    let mut information = specification.encryption_key_information;
    if let Some(information) = &mut information {
        information.unique_identifier = identifier(by);
    }
    KeyWrappingData {
        wrapping_method: specification.wrapping_method,
        encryption_key_information: information,
        mac_signature_key_information: None,
        mac_signature: None,
        iv_counter_nonce: None,
        encoding_option: specification.encoding_option,
    }
}

/// The failure of a wrapping key, which has reasons of its own.
pub(super) fn of_wrapping_key(failure: Failure) -> Failure {
    failure
        .instead(ErrorKind::NotFound, ResultReason::WrappingObjectNotFound)
        .instead(ErrorKind::Destroyed, ResultReason::WrappingObjectDestroyed)
        .instead(ErrorKind::Archived, ResultReason::WrappingObjectArchived)
}
