//! DeriveKey: a new key or secret out of one that is there.

use std::collections::BTreeMap;

use keyreeve_core::attributes::describe;
use keyreeve_core::model::{Algorithm, Derivation, HashAlgorithm, Kdf, KeyFormat, KeyPolicy, Prf};
use keyreeve_core::operations::derive_key::{DeriveKey, Product};
use keyreeve_core::operations::get::{Get, Protection};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::request::Reference;
use keyreeve_kmip::enums::{DerivationMethod, ObjectType, Operation, ResultReason};
use keyreeve_kmip::payloads::derive_key::{DerivationParameters, DeriveKeyRequest, DeriveKeyResponse};

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing, not_supported};
use super::{parameters, templates};

pub(super) async fn derive_key(
    batch: &mut Batch<'_>,
    request: DeriveKeyRequest,
) -> Result<DeriveKeyResponse, Failure> {
    let described = describe(templates::resolved(batch, Some(&request.template_attribute)).await?)?;
    let product = match request.object_type {
        ObjectType::SymmetricKey => Product::Key(described.spec()?),
        ObjectType::SecretData => match described.length_bits {
            Some(bits) if bits % 8 == 0 => Product::Secret { bytes: bits as usize / 8 },
            Some(_) => return Err(invalid("CryptographicLength is no multiple of 8 bits")),
            None => return Err(missing("CryptographicLength")),
        },
        other => return Err(invalid(format!("keys and secret data are derived, no {other}"))),
    };
    let mut named = request.unique_identifiers.iter();
    let key = batch.object(Some(named.next().ok_or_else(|| missing("UniqueIdentifier"))?))?;
    let further = named.map(|named| batch.object(Some(named))).collect::<Result<Vec<_>, _>>()?;
    let method = request.derivation_method;
    let derivation = derivation(batch, &key, &further, method, request.derivation_parameters).await?;
    let exportable = described.template.extractable != Some(false);
    let created = batch
        .run(DeriveKey {
            key,
            version: None,
            derivation,
            product,
            name: None,
            template: described.template,
            policy: KeyPolicy { exportable, ..KeyPolicy::default() },
            tags: BTreeMap::new(),
            usage_must_fit: false,
        })
        .await?;
    batch.answered(Operation::DeriveKey, &[created.primary]);
    Ok(DeriveKeyResponse { unique_identifier: identifier(created.primary), template_attribute: None })
}

/// How the secret is made. Objects beside the base are the peer's public key of an agreement, and nothing else: secret
/// data as derivation data would have to leave its object for it.
async fn derivation(
    batch: &mut Batch<'_>,
    key: &Reference,
    further: &[Reference],
    method: DerivationMethod,
    given: DerivationParameters,
) -> Result<Derivation, Failure> {
    let asked = parameters::incoming(given.cryptographic_parameters.as_ref())?;
    let (salt, iv) = (given.salt.unwrap_or_default(), given.initialization_vector);
    let hash = |default| asked.hash.unwrap_or(default);
    if method == DerivationMethod::AsymmetricKey {
        let [peer] = further else {
            return Err(invalid(
                "an agreement needs two identifiers: of the private key, then of the public",
            ));
        };
        let peer = public_key(batch, peer).await?;
        return Ok(Derivation::Agreement { peer, kdf: None });
    }
    if !further.is_empty() {
        return Err(not_supported("a second object in this derivation: give DerivationData"));
    }
    let data = match <[Vec<u8>; 1]>::try_from(given.derivation_data) {
        Ok([data]) => Some(data),
        Err(none) if none.is_empty() => None,
        Err(_) => return Err(not_supported("DerivationData more than once")),
    };
    Ok(Derivation::Kdf(match method {
        DerivationMethod::Pbkdf2 => Kdf::Pbkdf2 {
            hash: hash(HashAlgorithm::Sha1),
            salt,
            iterations: match given.iteration_count {
                Some(count) => u32::try_from(count).map_err(|_| invalid("IterationCount is negative"))?,
                None => return Err(missing("IterationCount")),
            },
        },
        DerivationMethod::Hash if data.is_some() => {
            return Err(invalid("HASH works on a key or on DerivationData, not on both"));
        }
        DerivationMethod::Hash => Kdf::Hash { hash: asked.hash.ok_or_else(|| missing("HashingAlgorithm"))? },
        DerivationMethod::Hmac => {
            let data = data.ok_or_else(|| missing("DerivationData"))?;
            Kdf::Hmac { hash: hmac_hash(batch, key, asked.hash).await?, data }
        }
        DerivationMethod::Encrypt => {
            let data = data.ok_or_else(|| missing("DerivationData"))?;
            return Ok(Derivation::Encrypt { parameters: asked, iv, data });
        }
        DerivationMethod::Nist800_108C | DerivationMethod::Nist800_108F => {
            let fixed_input = data.ok_or_else(|| missing("DerivationData"))?;
            let prf = match asked.algorithm {
                Some(Algorithm::Aes) => Prf::Cmac,
                _ => Prf::Hmac(hmac_hash(batch, key, asked.hash).await?),
            };
            match method {
                DerivationMethod::Nist800_108C => Kdf::Counter { prf, fixed_input },
                _ => Kdf::Feedback { prf, iv: iv.unwrap_or_default(), fixed_input },
            }
        }
        DerivationMethod::Hkdf => {
            Kdf::Hkdf { hash: hash(HashAlgorithm::Sha256), salt, info: data.unwrap_or_default() }
        }
        other => return Err(not_supported(&format!("the derivation method {other}"))),
    }))
}

/// The hash of the parameters, else that of the base's own algorithm.
async fn hmac_hash(
    batch: &mut Batch<'_>,
    key: &Reference,
    asked: Option<HashAlgorithm>,
) -> Result<HashAlgorithm, Failure> {
    if let Some(hash) = asked {
        return Ok(hash);
    }
    let read = batch.run(GetAttributes { key: key.clone(), names: Some(Vec::new()) }).await?;
    match read.object.spec.map(|spec| spec.algorithm) {
        Some(Algorithm::HmacSha1) => Ok(HashAlgorithm::Sha1),
        Some(Algorithm::HmacSha224) => Ok(HashAlgorithm::Sha224),
        Some(Algorithm::HmacSha256) => Ok(HashAlgorithm::Sha256),
        Some(Algorithm::HmacSha384) => Ok(HashAlgorithm::Sha384),
        Some(Algorithm::HmacSha512) => Ok(HashAlgorithm::Sha512),
        _ => Err(missing("HashingAlgorithm, which this key does not tell,")),
    }
}

async fn public_key(batch: &mut Batch<'_>, peer: &Reference) -> Result<Vec<u8>, Failure> {
    let format = Some(KeyFormat::Spki);
    let get = Get { key: peer.clone(), version: None, public: false, format, protection: Protection::Plain };
    let gotten = batch.run(get).await?;
    if gotten.object.object_type != keyreeve_core::model::ObjectType::PublicKey {
        return Err(invalid("the second object of an agreement is no public key"));
    }
    Ok(gotten.material.bytes.expose().to_vec())
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ResultReason::InvalidField, message)
}
