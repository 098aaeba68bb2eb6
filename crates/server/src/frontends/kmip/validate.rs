//! Validate: whether a chain of certificates is valid. Not here: how that is found out (pki).

use keyreeve_core::SecretBytes;
use keyreeve_core::model::ObjectType;
use keyreeve_core::operations::get::{Get, Gotten, Protection};
use keyreeve_core::operations::revoked::Revoked;
use keyreeve_kmip::enums::{CertificateType, ResultReason, ValidityIndicator};
use keyreeve_kmip::payloads::validate::{ValidateRequest, ValidateResponse};
use keyreeve_pki::{ChainValidity, validate_chain};

use super::batch::Batch;
use super::errors::{Failure, missing, not_supported};

/// Certificates in one chain at most, and bytes of one.
const CERTIFICATES_MAX: usize = 16;
const CERTIFICATE_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn validate(
    batch: &mut Batch<'_>,
    request: ValidateRequest,
) -> Result<ValidateResponse, Failure> {
    let ValidateRequest { certificates, unique_identifiers, validity_date } = request;
    let count = certificates.len() + unique_identifiers.len();
    if count == 0 {
        return Err(missing("Certificate, or UniqueIdentifier of one,"));
    }
    if count > CERTIFICATES_MAX {
        let message = format!("{count} certificates in one chain: send at most {CERTIFICATES_MAX}");
        return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
    }
    if certificates.iter().any(|one| one.certificate_type != CertificateType::X509) {
        return Err(not_supported("a certificate of another type than X.509"));
    }
    let mut chain: Vec<SecretBytes> =
        certificates.into_iter().map(|one| SecretBytes::new(one.certificate_value)).collect();
    let mut revoked = false;
    for named in &unique_identifiers {
        let key = batch.object(Some(named))?;
        // Each is got as by a Get of its own, with the right to it.
        let get = Get { key, version: None, public: true, format: None, protection: Protection::Plain };
        let Gotten { object, material, .. } = batch.run(get).await?;
        if object.object_type != ObjectType::Certificate {
            let message = format!("object {} is no certificate", object.id);
            return Err(Failure::new(ResultReason::InvalidObjectType, message));
        }
        revoked |= object.revocation.is_some();
        chain.push(material.bytes);
    }
    if chain.iter().any(|certificate| certificate.len() > CERTIFICATE_BYTES_MAX) {
        let message = format!("a certificate has more than {CERTIFICATE_BYTES_MAX} bytes");
        return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
    }
    let copies = chain.iter().map(|one| SecretBytes::copy_from(one.expose()));
    revoked |= batch.run(Revoked { certificates: copies.collect() }).await?;
    let now = batch.kmip.engine.clock().now().seconds();
    let at_seconds = validity_date.map_or(now, |date| date.0);
    let found = tokio::task::spawn_blocking(move || {
        let chain: Vec<&[u8]> = chain.iter().map(SecretBytes::expose).collect();
        validate_chain(&chain, at_seconds)
    });
    let broken = |_| Failure::new(ResultReason::InternalServerError, "validating a chain broke off");
    let validity_indicator = match found.await.map_err(broken)? {
        _ if revoked => ValidityIndicator::Invalid,
        ChainValidity::Valid => ValidityIndicator::Valid,
        ChainValidity::Invalid => ValidityIndicator::Invalid,
        ChainValidity::Unknown => ValidityIndicator::Unknown,
    };
    Ok(ValidateResponse { validity_indicator })
}
