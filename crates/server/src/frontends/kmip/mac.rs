//! MAC and MACVerify.

use keyreeve_core::operations::mac::{Mac, MacVerify};
use keyreeve_core::operations::parts::{PartOf, TakePart};
use keyreeve_kmip::payloads::mac::{MacRequest, MacResponse};
use keyreeve_kmip::payloads::mac_verify::{MacVerifyRequest, MacVerifyResponse};
use keyreeve_kmip::values::Data;

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing};
use super::sign::validity;
use super::{parameters, streams};

pub(super) async fn mac(batch: &mut Batch<'_>, request: MacRequest) -> Result<MacResponse, Failure> {
    let (mut request, place) = streams::begin(batch, request)?;
    let key = batch.object(request.unique_identifier.as_ref())?;
    if !place.part.is_last {
        let unique_identifier = identifier(batch.run(TakePart { key, of: PartOf::Mac }).await?);
        request.unique_identifier = Some(unique_identifier.clone());
        let correlation_value = streams::end(batch, request, &place, 0)?;
        return Ok(MacResponse { unique_identifier, mac_data: None, correlation_value });
    }
    let operation = Mac {
        key,
        version: None,
        parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
        message: request
            .data
            .as_ref()
            .and_then(Data::bytes)
            .ok_or_else(|| missing("Data"))?
            .expose()
            .to_vec()
            .into(),
    };
    let made = batch.run(operation).await?;
    let correlation_value = streams::end(batch, request, &place, 0)?;
    let unique_identifier = identifier(made.object);
    Ok(MacResponse { unique_identifier, mac_data: Some(made.mac), correlation_value })
}

pub(super) async fn mac_verify(
    batch: &mut Batch<'_>,
    request: MacVerifyRequest,
) -> Result<MacVerifyResponse, Failure> {
    let (mut request, place) = streams::begin(batch, request)?;
    let key = batch.object(request.unique_identifier.as_ref())?;
    if !place.part.is_last {
        let unique_identifier = identifier(batch.run(TakePart { key, of: PartOf::MacVerify }).await?);
        request.unique_identifier = Some(unique_identifier.clone());
        let correlation_value = streams::end(batch, request, &place, 0)?;
        return Ok(MacVerifyResponse { unique_identifier, validity_indicator: None, correlation_value });
    }
    let operation = MacVerify {
        key,
        version: None,
        parameters: parameters::incoming(request.cryptographic_parameters.as_ref())?,
        message: request
            .data
            .as_ref()
            .and_then(Data::bytes)
            .ok_or_else(|| missing("Data"))?
            .expose()
            .to_vec()
            .into(),
        mac: request.mac_data.clone().ok_or_else(|| missing("MACData"))?,
    };
    let verified = batch.run(operation).await?;
    Ok(MacVerifyResponse {
        unique_identifier: identifier(verified.object),
        validity_indicator: Some(validity(verified.valid)),
        correlation_value: streams::end(batch, request, &place, 0)?,
    })
}
