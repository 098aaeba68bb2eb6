//! Hash: of data, with no key.

use keyreeve_core::model::HashAlgorithm;
use keyreeve_core::operations::hash::Hash;
use keyreeve_kmip::payloads::hash::{HashRequest, HashResponse};

use super::batch::Batch;
use super::encrypt::refuse_streaming;
use super::errors::{Failure, missing};

pub(super) async fn hash(batch: &mut Batch<'_>, request: HashRequest) -> Result<HashResponse, Failure> {
    refuse_streaming(&request.correlation_value, request.init_indicator, request.final_indicator)?;
    let hash =
        request.cryptographic_parameters.hashing_algorithm.ok_or_else(|| missing("HashingAlgorithm"))?;
    let operation = Hash {
        hash: HashAlgorithm::from_code(hash.into()),
        data: request.data.ok_or_else(|| missing("Data"))?.into_vec(),
    };
    Ok(HashResponse { data: Some(batch.run(operation).await?), correlation_value: None })
}
