//! Hash: of data, with no key.

use keyreeve_core::model::HashAlgorithm;
use keyreeve_core::operations::hash::Hash;
use keyreeve_kmip::payloads::hash::{HashRequest, HashResponse};
use keyreeve_kmip::values::Data;

use super::batch::Batch;
use super::errors::{Failure, missing};
use super::streams;

pub(super) async fn hash(batch: &mut Batch<'_>, request: HashRequest) -> Result<HashResponse, Failure> {
    let (request, place) = streams::begin(batch, request)?;
    let hash =
        request.cryptographic_parameters.hashing_algorithm.ok_or_else(|| missing("HashingAlgorithm"))?;
    let hash = HashAlgorithm::from_code(hash.into());
    if !place.part.is_last {
        // Whoever may not hash, or not so, is told before anything is kept.
        batch.run(Hash { hash, message: Vec::new().into() }).await?;
        return Ok(HashResponse { data: None, correlation_value: streams::end(batch, request, &place, 0)? });
    }
    let data = request.data.as_ref().and_then(Data::bytes).ok_or_else(|| missing("Data"))?.expose().to_vec();
    let digest = batch.run(Hash { hash, message: data.into() }).await?;
    let correlation_value = streams::end(batch, request, &place, 0)?;
    Ok(HashResponse { data: Some(digest), correlation_value })
}
