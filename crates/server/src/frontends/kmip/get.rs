//! Get and Export: an object with its key value, in a format and under a wrapping that the client may choose.

use keyreeve_core::ErrorKind;
use keyreeve_core::model::KeyFormat;
use keyreeve_core::operations::get::{Get, Gotten, Protection};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::request::Reference;
use keyreeve_kmip::Version;
use keyreeve_kmip::enums::{KeyCompressionType, KeyFormatType, KeyWrapType, Operation, ResultReason};
use keyreeve_kmip::objects::KeyWrappingSpecification;
use keyreeve_kmip::payloads::export::{ExportRequest, ExportResponse};
use keyreeve_kmip::payloads::get::{GetRequest, GetResponse};

use super::batch::{Batch, identifier};
use super::errors::{Failure, not_supported};
use super::objects::{self, Outgoing, given_format};
use super::wrapping::{self, wrapping_data};
use super::{attributes, pkcs12, transparent};

pub(super) async fn get(batch: &mut Batch<'_>, request: GetRequest) -> Result<GetResponse, Failure> {
    if request
        .key_compression_type
        .is_some_and(|wanted| wanted != KeyCompressionType::EcPublicKeyTypeUncompressed)
    {
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
        Some(specification) => wrapping::protection(batch, &key, specification, wanted).await?,
        None => Protection::AsItCame,
    };
    let format =
        wanted.map(|wanted| transparent::der_of(wanted).unwrap_or(KeyFormat::from_code(wanted.into())));
    let operation = Get { key, version: None, public: false, format, protection };
    let of = operation.key.clone();
    let gotten = match batch.run(operation).await {
        Ok(gotten) => gotten,
        Err(failure) if wanted.is_some() && failure.kind == Some(ErrorKind::Unsupported) => {
            return Err(failure.instead(ErrorKind::Unsupported, ResultReason::KeyFormatTypeNotSupported));
        }
        Err(failure) if specification.is_some() => return Err(wrapping::blamed(batch, of, failure).await),
        Err(failure) => return Err(failure),
    };
    if objects::is_wrapped(&gotten.object)
        && (specification.is_some() || request.key_wrap_type == Some(KeyWrapType::NotWrapped))
    {
        let message =
            "this key came wrapped, by a key that may not unwrap it here: it is given as it was registered";
        return Err(Failure::new(ResultReason::KeyWrapTypeNotSupported, message));
    }
    // A key that came as PKCS#12 goes out as such where nobody asks for another format.
    let is_pkcs12 = wanted.is_none()
        && specification.is_none()
        && gotten.object.format != pkcs12::FORMAT
        && given_format(&gotten.object) == KeyFormatType::Pkcs12;
    if is_pkcs12 {
        return pkcs12::get(batch, Reference::Object(gotten.object.id)).await;
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
    let GetResponse { object_type, unique_identifier, object: value } = match get(batch, gotten).await {
        Err(failure) if failure.kind == Some(ErrorKind::Destroyed) => {
            return destroyed(batch, object, failure).await;
        }
        gotten => gotten?,
    };
    let read = batch.run(GetAttributes { key: object, names: None }).await?;
    batch.answered(Operation::Export, &[read.object.id]);
    let attributes = attributes::outgoing_all(&read.object, &read.attributes, batch.version);
    Ok(ExportResponse { object_type, unique_identifier, attributes, object: value })
}

/// A destroyed object as Export answers it: its attributes, and of the object what is left without its material.
///
/// # Standard
/// KMIP 2.1 section 6.1.18.
async fn destroyed(
    batch: &mut Batch<'_>,
    object: Reference,
    failure: Failure,
) -> Result<ExportResponse, Failure> {
    let read = batch.run(GetAttributes { key: object, names: None }).await?;
    // It may have been the wrapping key that is destroyed.
    if !read.object.state.is_destroyed() {
        return Err(failure);
    }
    let value = objects::without_value(&read.object, batch.version).ok_or(failure)?;
    batch.answered(Operation::Export, &[read.object.id]);
    Ok(ExportResponse {
        object_type: read.object.object_type.code().into(),
        unique_identifier: identifier(read.object.id),
        attributes: attributes::outgoing_all(&read.object, &read.attributes, batch.version),
        object: value,
    })
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
