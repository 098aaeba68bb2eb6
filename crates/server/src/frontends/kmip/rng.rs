//! RNGRetrieve and RNGSeed.

use keyreeve_core::operations::random::Random;
use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::payloads::rng_retrieve::{RngRetrieveRequest, RngRetrieveResponse};
use keyreeve_kmip::payloads::rng_seed::{RngSeedRequest, RngSeedResponse};

use super::batch::Batch;
use super::errors::Failure;

pub(super) async fn retrieve(
    batch: &mut Batch<'_>,
    request: RngRetrieveRequest,
) -> Result<RngRetrieveResponse, Failure> {
    let negative = |_| Failure::new(ResultReason::InvalidField, "DataLength must not be negative");
    let length = usize::try_from(request.data_length).map_err(negative)?;
    let bytes = batch.run(Random { length }).await?;
    Ok(RngRetrieveResponse { data: Some(bytes.expose().to_vec().into()) })
}

/// Nobody outside has a say in what the generator gives: the seed is taken in full and none of it is used, which the
/// answered length says.
///
/// # Standard
/// KMIP 2.1 section 6.1.50: the server may use any part of the data.
pub(super) fn seed(batch: &mut Batch<'_>, request: RngSeedRequest) -> Result<RngSeedResponse, Failure> {
    if batch.resolved(request.data)?.is_empty() {
        return Err(Failure::new(ResultReason::InvalidField, "Data is empty"));
    }
    Ok(RngSeedResponse { data_length: 0 })
}
