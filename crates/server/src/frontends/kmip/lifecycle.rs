//! Activate, Revoke, Destroy, Archive and Recover.

use keyreeve_core::model::{Revocation, RevocationReason, Time};
use keyreeve_core::operations::activate::Activate;
use keyreeve_core::operations::archive::{Archive, Recover};
use keyreeve_core::operations::destroy::Destroy;
use keyreeve_core::operations::revoke::Revoke;
use keyreeve_kmip::enums::{Operation, ResultReason};
use keyreeve_kmip::payloads::activate::{ActivateRequest, ActivateResponse};
use keyreeve_kmip::payloads::archive::{ArchiveRequest, ArchiveResponse};
use keyreeve_kmip::payloads::destroy::{DestroyRequest, DestroyResponse};
use keyreeve_kmip::payloads::recover::{RecoverRequest, RecoverResponse};
use keyreeve_kmip::payloads::revoke::{RevokeRequest, RevokeResponse};
use keyreeve_kmip::values::UniqueIdentifier;

use super::batch::{Batch, identifier};
use super::errors::Failure;

pub(super) async fn activate(
    batch: &mut Batch<'_>,
    request: ActivateRequest,
) -> Result<ActivateResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let objects = batch.run(Activate { key }).await?;
    Ok(ActivateResponse { unique_identifier: only(&objects)? })
}

pub(super) async fn revoke(batch: &mut Batch<'_>, request: RevokeRequest) -> Result<RevokeResponse, Failure> {
    let operation = Revoke {
        key: batch.object(request.unique_identifier.as_ref())?,
        revocation: Revocation {
            reason: RevocationReason::from_code(request.revocation_reason.revocation_reason_code.into()),
            message: request.revocation_reason.revocation_message,
        },
        compromise_occurrence: request.compromise_occurrence_date.map(|date| Time::from_seconds(date.0)),
    };
    let objects = batch.run(operation).await?;
    Ok(RevokeResponse { unique_identifier: only(&objects)? })
}

pub(super) async fn destroy(
    batch: &mut Batch<'_>,
    request: DestroyRequest,
) -> Result<DestroyResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let destroyed = batch.run(Destroy { key, deactivate: false, at_once: true }).await?;
    Ok(DestroyResponse { unique_identifier: only(&destroyed.objects)? })
}

pub(super) async fn archive(
    batch: &mut Batch<'_>,
    request: ArchiveRequest,
) -> Result<ArchiveResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let objects = batch.run(Archive { key }).await?;
    Ok(ArchiveResponse { unique_identifier: only(&objects)? })
}

pub(super) async fn recover(
    batch: &mut Batch<'_>,
    request: RecoverRequest,
) -> Result<RecoverResponse, Failure> {
    let key = batch.object(request.unique_identifier.as_ref())?;
    let objects = batch.run(Recover { key }).await?;
    batch.answered(Operation::Recover, objects.get(..1).unwrap_or_default());
    Ok(RecoverResponse { unique_identifier: only(&objects)? })
}

/// KMIP names objects, never keys with all their versions: one object is what was changed.
fn only(objects: &[keyreeve_core::model::ObjectId]) -> Result<UniqueIdentifier, Failure> {
    let none = || Failure::new(ResultReason::InternalServerError, "no object was changed");
    objects.first().copied().map(identifier).ok_or_else(none)
}
