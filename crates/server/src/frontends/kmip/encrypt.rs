//! Encrypt and Decrypt.

use keyreeve_core::operations::decrypt::Decrypted;
use keyreeve_core::operations::encrypt::{Encrypted, Form};
use keyreeve_core::operations::parts::{DecryptPart, EncryptPart};
use keyreeve_core::{SecretBytes, model as core};
use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::CryptographicParameters;
use keyreeve_kmip::payloads::decrypt::{DecryptRequest, DecryptResponse};
use keyreeve_kmip::payloads::encrypt::{EncryptRequest, EncryptResponse};
use keyreeve_kmip::values::Data;

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing};
use super::{parameters, streams};

pub(super) async fn encrypt(
    batch: &mut Batch<'_>,
    request: EncryptRequest,
) -> Result<EncryptResponse, Failure> {
    let (mut request, place) = streams::begin(batch, request)?;
    let aad = request.authenticated_encryption_additional_data.clone();
    let operation = EncryptPart {
        key: batch.object(request.unique_identifier.as_ref())?,
        form: raw(request.cryptographic_parameters.as_ref(), request.iv_counter_nonce.clone(), aad)?,
        plaintext: SecretBytes::new(taken(&mut request.data, &place)?),
        part: place.part,
    };
    let Encrypted { object, mut ciphertext, .. } = batch.run(operation).await?;
    if batch.version < Version::V1_4
        && let Some(tag) = ciphertext.tag.take()
    {
        ciphertext.data = with_tag(&request, ciphertext.data, tag);
    }
    request.unique_identifier = Some(identifier(object));
    request.iv_counter_nonce = request.iv_counter_nonce.or_else(|| ciphertext.iv.clone());
    let correlation_value = streams::end(batch, request, &place, ciphertext.data.len())?;
    Ok(EncryptResponse {
        unique_identifier: identifier(object),
        data: told(ciphertext.data, &correlation_value),
        iv_counter_nonce: ciphertext.iv,
        correlation_value,
        authenticated_encryption_tag: ciphertext.tag,
    })
}

pub(super) async fn decrypt(
    batch: &mut Batch<'_>,
    request: DecryptRequest,
) -> Result<DecryptResponse, Failure> {
    let (mut request, place) = streams::begin(batch, request)?;
    let aad = request.authenticated_encryption_additional_data.clone();
    let operation = DecryptPart {
        key: batch.object(request.unique_identifier.as_ref())?,
        form: raw(request.cryptographic_parameters.as_ref(), request.iv_counter_nonce.clone(), aad)?,
        ciphertext: taken(&mut request.data, &place)?,
        tag: request.authenticated_encryption_tag.clone(),
        part: place.part,
    };
    let Decrypted { object, plaintext, .. } = batch.run(operation).await?;
    request.unique_identifier = Some(identifier(object));
    let correlation_value = streams::end(batch, request, &place, plaintext.len())?;
    let data = told(plaintext.expose().to_vec(), &correlation_value);
    Ok(DecryptResponse {
        unique_identifier: identifier(object),
        data: data.map(Into::into),
        correlation_value,
    })
}

/// The data of a request, moved out where no later part needs it. Holds a secret.
fn taken(data: &mut Option<Data>, place: &streams::Place) -> Result<Vec<u8>, Failure> {
    if !place.part.is_last {
        return Ok(data
            .as_ref()
            .and_then(Data::bytes)
            .map(|data| data.expose().to_vec())
            .unwrap_or_default());
    }
    let data = data.take().and_then(Data::into_bytes).ok_or_else(|| missing("Data"))?;
    Ok(data.into_vec())
}

/// Before 1.4 no field holds a tag: it comes and goes with the data, where Decrypt looks for it.
fn with_tag(request: &EncryptRequest, data: Vec<u8>, tag: Vec<u8>) -> Vec<u8> {
    let mode = request.cryptographic_parameters.as_ref().and_then(|asked| asked.block_cipher_mode);
    match mode.is_some_and(|mode| u32::from(mode) == core::BlockCipherMode::Siv.code()) {
        true => [tag, data].concat(),
        false => [data, tag].concat(),
    }
}

/// What a part answers: nothing where it has nothing yet and more are to come.
fn told(data: Vec<u8>, correlation_value: &Option<Vec<u8>>) -> Option<Vec<u8>> {
    (correlation_value.is_none() || !data.is_empty()).then_some(data)
}

fn raw(
    asked: Option<&CryptographicParameters>,
    iv: Option<Vec<u8>>,
    aad: Option<Vec<u8>>,
) -> Result<Form, Failure> {
    Ok(Form::Raw { parameters: parameters::incoming(asked)?, iv, aad: aad.unwrap_or_default() })
}
