//! MAC and MACVerify.

use keyreeve_core::operations::mac::{Mac, MacVerify};
use keyreeve_kmip::payloads::mac::{MacRequest, MacResponse};
use keyreeve_kmip::payloads::mac_verify::{MacVerifyRequest, MacVerifyResponse};

use super::batch::{Batch, identifier};
use super::encrypt::refuse_streaming;
use super::errors::{Failure, missing};
use super::parameters;
use super::sign::validity;

pub(super) async fn mac(batch: &mut Batch<'_>, request: MacRequest) -> Result<MacResponse, Failure> {
    refuse_streaming(&request.correlation_value, request.init_indicator, request.final_indicator)?;
    let operation = Mac {
        key: batch.object(request.unique_identifier.as_ref())?,
        version: None,
        parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
        data: request.data.ok_or_else(|| missing("Data"))?.into_vec(),
    };
    let made = batch.run(operation).await?;
    Ok(MacResponse {
        unique_identifier: identifier(made.object),
        mac_data: Some(made.mac),
        correlation_value: None,
    })
}

pub(super) async fn mac_verify(
    batch: &mut Batch<'_>,
    request: MacVerifyRequest,
) -> Result<MacVerifyResponse, Failure> {
    refuse_streaming(&request.correlation_value, request.init_indicator, request.final_indicator)?;
    let operation = MacVerify {
        key: batch.object(request.unique_identifier.as_ref())?,
        version: None,
        parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
        data: request.data.ok_or_else(|| missing("Data"))?.into_vec(),
        mac: request.mac_data.ok_or_else(|| missing("MACData"))?,
    };
    let verified = batch.run(operation).await?;
    Ok(MacVerifyResponse {
        unique_identifier: identifier(verified.object),
        validity_indicator: Some(validity(verified.valid)),
        correlation_value: None,
    })
}
