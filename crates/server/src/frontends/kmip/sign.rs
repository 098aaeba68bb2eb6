//! Sign and SignatureVerify.

use keyreeve_core::operations::parts::{PartOf, TakePart};
use keyreeve_core::operations::sign::{Input, Sign};
use keyreeve_core::operations::verify::Verify;
use keyreeve_kmip::SecretBytes;
use keyreeve_kmip::enums::{ResultReason, ValidityIndicator};
use keyreeve_kmip::payloads::sign::{SignRequest, SignResponse};
use keyreeve_kmip::payloads::signature_verify::{SignatureVerifyRequest, SignatureVerifyResponse};
use keyreeve_kmip::values::Data;

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing};
use super::{parameters, streams};

pub(super) async fn sign(batch: &mut Batch<'_>, request: SignRequest) -> Result<SignResponse, Failure> {
    let (mut request, place) = streams::begin(batch, request)?;
    let key = batch.object(request.unique_identifier.as_ref())?;
    if !place.part.is_last {
        let unique_identifier = identifier(batch.run(TakePart { key, of: PartOf::Sign }).await?);
        request.unique_identifier = Some(unique_identifier.clone());
        let correlation_value = streams::end(batch, request, &place, 0)?;
        return Ok(SignResponse { unique_identifier, signature_data: None, correlation_value });
    }
    let operation = Sign {
        key,
        version: None,
        parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
        input: input(request.data.as_ref().and_then(Data::bytes), request.digested_data.as_ref())?,
    };
    let signed = batch.run(operation).await?;
    let correlation_value = streams::end(batch, request, &place, 0)?;
    let unique_identifier = identifier(signed.object);
    Ok(SignResponse { unique_identifier, signature_data: Some(signed.signature), correlation_value })
}

pub(super) async fn signature_verify(
    batch: &mut Batch<'_>,
    request: SignatureVerifyRequest,
) -> Result<SignatureVerifyResponse, Failure> {
    let (mut request, place) = streams::begin(batch, request)?;
    let key = batch.object(request.unique_identifier.as_ref())?;
    let (unique_identifier, validity_indicator) = if place.part.is_last {
        let operation = Verify {
            key,
            version: None,
            parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
            input: input(request.data.as_ref().and_then(Data::bytes), request.digested_data.as_ref())?,
            signature: request.signature_data.clone().ok_or_else(|| missing("SignatureData"))?,
        };
        let verified = batch.run(operation).await?;
        (identifier(verified.object), Some(validity(verified.valid)))
    } else {
        (identifier(batch.run(TakePart { key, of: PartOf::Verify }).await?), None)
    };
    request.unique_identifier = Some(unique_identifier.clone());
    let correlation_value = streams::end(batch, request, &place, 0)?;
    Ok(SignatureVerifyResponse { unique_identifier, validity_indicator, data: None, correlation_value })
}

pub(super) fn validity(valid: bool) -> ValidityIndicator {
    if valid { ValidityIndicator::Valid } else { ValidityIndicator::Invalid }
}

fn input(data: Option<&SecretBytes>, digest: Option<&Vec<u8>>) -> Result<Input, Failure> {
    match (data, digest) {
        (Some(data), None) => Ok(Input::Data(data.expose().to_vec())),
        (None, Some(digest)) => Ok(Input::Digest(digest.clone())),
        (None, None) => Err(missing("Data or DigestedData")),
        (Some(_), Some(_)) => {
            Err(Failure::new(ResultReason::InvalidField, "give Data or DigestedData, not both"))
        }
    }
}
