//! Check, Obtain Lease, Get Usage Allocation: whether, for how long and how much a client may use a key.

use keyreeve_core::model::UsageMask;
use keyreeve_core::operations::check::Check;
use keyreeve_core::operations::get_usage_allocation::GetUsageAllocation;
use keyreeve_core::operations::obtain_lease::ObtainLease;
use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::payloads::check::{CheckRequest, CheckResponse};
use keyreeve_kmip::payloads::get_usage_allocation::{GetUsageAllocationRequest, GetUsageAllocationResponse};
use keyreeve_kmip::payloads::obtain_lease::{ObtainLeaseRequest, ObtainLeaseResponse};
use keyreeve_kmip::values::{DateTime, Interval};

use super::batch::{Batch, identifier};
use super::errors::Failure;

pub(super) async fn check(batch: &mut Batch<'_>, request: CheckRequest) -> Result<CheckResponse, Failure> {
    let operation = Check {
        key: batch.object(request.unique_identifier.as_ref())?,
        units: request.usage_limits_count.map(units).transpose()?,
        usage: request.cryptographic_usage_mask.map(|mask| UsageMask(mask.0)),
        lease_seconds: request.lease_time.map(|lease| lease.0),
    };
    let object = batch.run(operation).await?;
    Ok(CheckResponse { unique_identifier: Some(identifier(object)), ..CheckResponse::default() })
}

pub(super) async fn obtain_lease(
    batch: &mut Batch<'_>,
    request: ObtainLeaseRequest,
) -> Result<ObtainLeaseResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let lease = batch.run(ObtainLease { key }).await?;
    Ok(ObtainLeaseResponse {
        unique_identifier: identifier(lease.object),
        lease_time: Interval(lease.lease_seconds),
        last_change_date: DateTime(lease.last_change.seconds()),
    })
}

pub(super) async fn get_usage_allocation(
    batch: &mut Batch<'_>,
    request: GetUsageAllocationRequest,
) -> Result<GetUsageAllocationResponse, Failure> {
    let operation = GetUsageAllocation {
        key: batch.object(request.unique_identifier.as_ref())?,
        units: units(request.usage_limits_count)?,
    };
    let object = batch.run(operation).await?;
    Ok(GetUsageAllocationResponse { unique_identifier: identifier(object) })
}

fn units(count: i64) -> Result<u64, Failure> {
    let negative = |_| Failure::new(ResultReason::InvalidField, "UsageLimitsCount must not be negative");
    u64::try_from(count).map_err(negative)
}
