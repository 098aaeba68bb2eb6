//! Encrypt and Decrypt.

use keyreeve_core::SecretBytes;
use keyreeve_core::operations::decrypt::Decrypt;
use keyreeve_core::operations::encrypt::{Encrypt, Form};
use keyreeve_kmip::attributes::CryptographicParameters;
use keyreeve_kmip::payloads::decrypt::{DecryptRequest, DecryptResponse};
use keyreeve_kmip::payloads::encrypt::{EncryptRequest, EncryptResponse};

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing, not_supported};
use super::parameters;

pub(super) async fn encrypt(
    batch: &mut Batch<'_>,
    request: EncryptRequest,
) -> Result<EncryptResponse, Failure> {
    refuse_streaming(&request.correlation_value, request.init_indicator, request.final_indicator)?;
    let aad = request.authenticated_encryption_additional_data;
    let operation = Encrypt {
        key: batch.object(request.unique_identifier.as_ref())?,
        version: None,
        form: raw(request.cryptographic_parameters.as_ref(), request.iv_counter_nonce, aad)?,
        plaintext: SecretBytes::new(request.data.ok_or_else(|| missing("Data"))?.into_vec()),
    };
    let encrypted = batch.run(operation).await?;
    Ok(EncryptResponse {
        unique_identifier: identifier(encrypted.object),
        data: Some(encrypted.ciphertext.data),
        iv_counter_nonce: encrypted.ciphertext.iv,
        correlation_value: None,
        authenticated_encryption_tag: encrypted.ciphertext.tag,
    })
}

pub(super) async fn decrypt(
    batch: &mut Batch<'_>,
    request: DecryptRequest,
) -> Result<DecryptResponse, Failure> {
    refuse_streaming(&request.correlation_value, request.init_indicator, request.final_indicator)?;
    let aad = request.authenticated_encryption_additional_data;
    let operation = Decrypt {
        key: batch.object(request.unique_identifier.as_ref())?,
        version: None,
        form: raw(request.cryptographic_parameters.as_ref(), request.iv_counter_nonce, aad)?,
        ciphertext: request.data.ok_or_else(|| missing("Data"))?,
        tag: request.authenticated_encryption_tag,
    };
    let decrypted = batch.run(operation).await?;
    Ok(DecryptResponse {
        unique_identifier: identifier(decrypted.object),
        data: Some(decrypted.plaintext.expose().to_vec().into()),
        correlation_value: None,
    })
}

fn raw(
    asked: Option<&CryptographicParameters>,
    iv: Option<Vec<u8>>,
    aad: Option<Vec<u8>>,
) -> Result<Form, Failure> {
    Ok(Form::Raw { parameters: parameters::incoming(asked)?, iv, aad: aad.unwrap_or_default() })
}

/// Requests that are parts of one operation need a state between them, which is not kept yet.
pub(super) fn refuse_streaming(
    correlation: &Option<Vec<u8>>,
    init: Option<bool>,
    last: Option<bool>,
) -> Result<(), Failure> {
    let streaming = correlation.is_some() || (init == Some(true) && last != Some(true));
    if streaming { Err(not_supported("an operation in several parts")) } else { Ok(()) }
}
