//! Sign and SignatureVerify.

use keyreeve_core::operations::sign::{Input, Sign};
use keyreeve_core::operations::verify::Verify;
use keyreeve_kmip::SecretBytes;
use keyreeve_kmip::enums::{ResultReason, ValidityIndicator};
use keyreeve_kmip::payloads::sign::{SignRequest, SignResponse};
use keyreeve_kmip::payloads::signature_verify::{SignatureVerifyRequest, SignatureVerifyResponse};

use super::batch::{Batch, identifier};
use super::encrypt::refuse_streaming;
use super::errors::{Failure, missing};
use super::parameters;

pub(super) async fn sign(batch: &mut Batch<'_>, request: SignRequest) -> Result<SignResponse, Failure> {
    refuse_streaming(&request.correlation_value, request.init_indicator, request.final_indicator)?;
    let operation = Sign {
        key: batch.object(request.unique_identifier.as_ref())?,
        version: None,
        parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
        input: input(request.data, request.digested_data)?,
    };
    let signed = batch.run(operation).await?;
    Ok(SignResponse {
        unique_identifier: identifier(signed.object),
        signature_data: Some(signed.signature),
        correlation_value: None,
    })
}

pub(super) async fn signature_verify(
    batch: &mut Batch<'_>,
    request: SignatureVerifyRequest,
) -> Result<SignatureVerifyResponse, Failure> {
    refuse_streaming(&request.correlation_value, request.init_indicator, request.final_indicator)?;
    let operation = Verify {
        key: batch.object(request.unique_identifier.as_ref())?,
        version: None,
        parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
        input: input(request.data, request.digested_data)?,
        signature: request.signature_data.ok_or_else(|| missing("SignatureData"))?,
    };
    let verified = batch.run(operation).await?;
    Ok(SignatureVerifyResponse {
        unique_identifier: identifier(verified.object),
        validity_indicator: Some(validity(verified.valid)),
        data: None,
        correlation_value: None,
    })
}

pub(super) fn validity(valid: bool) -> ValidityIndicator {
    if valid { ValidityIndicator::Valid } else { ValidityIndicator::Invalid }
}

fn input(data: Option<SecretBytes>, digest: Option<Vec<u8>>) -> Result<Input, Failure> {
    match (data, digest) {
        (Some(data), None) => Ok(Input::Data(data.into_vec())),
        (None, Some(digest)) => Ok(Input::Digest(digest)),
        (None, None) => Err(missing("Data or DigestedData")),
        (Some(_), Some(_)) => {
            Err(Failure::new(ResultReason::InvalidField, "give Data or DigestedData, not both"))
        }
    }
}
