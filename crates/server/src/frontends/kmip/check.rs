//! Check: whether a use would be allowed.

use keyreeve_core::model::UsageMask;
use keyreeve_core::operations::check::Check;
use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::payloads::check::{CheckRequest, CheckResponse};

use super::batch::{Batch, identifier};
use super::errors::Failure;

pub(super) async fn check(batch: &mut Batch<'_>, request: CheckRequest) -> Result<CheckResponse, Failure> {
    let negative = |_| Failure::new(ResultReason::InvalidField, "UsageLimitsCount must not be negative");
    let operation = Check {
        key: batch.object(request.unique_identifier.as_ref())?,
        units: request.usage_limits_count.map(u64::try_from).transpose().map_err(negative)?,
        usage: request.cryptographic_usage_mask.map(|mask| UsageMask(mask.0)),
        lease_seconds: request.lease_time.map(|lease| lease.0),
    };
    let object = batch.run(operation).await?;
    Ok(CheckResponse { unique_identifier: Some(identifier(object)), ..CheckResponse::default() })
}
