//! Using keys over REST: encrypt, decrypt, sign, verify, MAC, wrap, unwrap, data keys; hashes and random bytes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use keyreeve_core::SecretBytes;
use keyreeve_core::model::{Algorithm, BlockCipherMode, CryptoParameters, PaddingMethod};
use keyreeve_core::operations::data_key::DataKey;
use keyreeve_core::operations::decrypt::Decrypt;
use keyreeve_core::operations::encrypt::Encrypt;
use keyreeve_core::operations::hash::Hash as HashData;
use keyreeve_core::operations::mac::{Mac, MacVerify};
use keyreeve_core::operations::random::Random;
use keyreeve_core::operations::sign::{Input, Sign};
use keyreeve_core::operations::verify::{Verified, Verify};
use keyreeve_core::operations::wrap::{Unwrap, Wrap};
use keyreeve_core::ports::crypto::Ciphertext;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Api;
use super::answer;
use super::answer::OCTET_STREAM;
use super::cipher::{BesideCipher, Hash};
use super::errors::{Problem, Result};
use super::material::WrapAlgorithm;
use super::request::{Authenticated, Base64, BesideData, Body, Data, EncryptionContext, NamedKey};
use crate::config::BYTES_BEYOND_MESSAGE;
use crate::frontends::encryption_context::canonical;

/// Beside a plaintext.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct BesidePlaintext(BesideCipher);

/// Beside a ciphertext: an envelope names the version itself.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct BesideCiphertext(BesideCipher);

/// Beside what is signed, or was: then with the signature.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BesideMessage {
    pub(super) version: Option<u32>,
    #[serde(default)]
    input: MessageInput,
    padding: Option<SignaturePadding>,
    hash: Option<Hash>,
    signature: Option<Base64>,
}

/// Beside what is authenticated, or was: then with the MAC.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BesideAuthenticated {
    pub(super) version: Option<u32>,
    /// `None`: the key's own.
    algorithm: Option<MacAlgorithm>,
    mac: Option<Base64>,
}

/// How a MAC is made.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum MacAlgorithm {
    /// With an AES key.
    Cmac,
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl BesideAuthenticated {
    /// How, where a MAC is made and none is given.
    pub(super) fn of_making(&self) -> Result<CryptoParameters> {
        match self.mac {
            Some(_) => Err(Problem::invalid("a MAC is what this gives; mac/verify takes one")),
            None => Ok(self.parameters()),
        }
    }

    /// The MAC to verify.
    pub(super) fn required_mac(&self) -> Result<Vec<u8>> {
        let mac = self.mac.as_ref().ok_or_else(|| Problem::invalid("mac is missing: the MAC in base64"))?;
        Ok(mac.0.to_vec())
    }

    pub(super) fn parameters(&self) -> CryptoParameters {
        let mode = matches!(self.algorithm, Some(MacAlgorithm::Cmac)).then_some(BlockCipherMode::Cmac);
        let algorithm = self.algorithm.map(|algorithm| match algorithm {
            MacAlgorithm::Cmac => Algorithm::Aes,
            MacAlgorithm::HmacSha256 => Algorithm::HmacSha256,
            MacAlgorithm::HmacSha384 => Algorithm::HmacSha384,
            MacAlgorithm::HmacSha512 => Algorithm::HmacSha512,
        });
        CryptoParameters { mode, algorithm, ..CryptoParameters::default() }
    }
}

/// What the data of a signature is.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum MessageInput {
    /// The message, hashed here.
    #[default]
    Data,
    /// Its digest.
    Digest,
}

/// RSA only.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SignaturePadding {
    Pss,
    Pkcs1,
}

/// Beside a secret that is wrapped.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BesideSecret {
    version: Option<u32>,
    /// How; `None`: as fits the key.
    algorithm: Option<WrapAlgorithm>,
}

/// Beside a wrapped secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BesideWrapped {
    version: Option<u32>,
    /// How; `None`: as fits the key.
    algorithm: Option<WrapAlgorithm>,
}

impl BesideData for BesidePlaintext {
    const DATA: &'static str = "plaintext";
}
impl BesideData for BesideCiphertext {
    const DATA: &'static str = "ciphertext";
    // An envelope is 118 bytes longer than its plaintext, a third more in base64, and its field is longer by two.
    const BYTES_BEYOND_LIMIT: usize = 256;
}
impl BesideData for BesideMessage {
    const DATA: &'static str = "data";
}
impl BesideData for BesideAuthenticated {
    const DATA: &'static str = "data";
}

impl BesideData for BesideSecret {
    const DATA: &'static str = "plaintext";
}
impl BesideData for BesideWrapped {
    const DATA: &'static str = "wrapped";
    // A wrapped AES key and the padding of RFC 5649 are longer than the secret.
    const BYTES_BEYOND_LIMIT: usize = BYTES_BEYOND_MESSAGE;
}

impl BesideMessage {
    fn input(&self, bytes: &[u8]) -> Input {
        match self.input {
            MessageInput::Data => Input::Data(bytes.to_vec()),
            MessageInput::Digest => Input::Digest(bytes.to_vec()),
        }
    }

    /// How, where a signature is made and none is given.
    pub(super) fn of_making(&self) -> Result<CryptoParameters> {
        match self.signature {
            Some(_) => Err(Problem::invalid("a signature is what this gives; verify takes one")),
            None => Ok(self.parameters()),
        }
    }

    /// The signature to verify.
    pub(super) fn required_signature(&self) -> Result<Vec<u8>> {
        let missing = || Problem::invalid("signature is missing: the signature in base64");
        Ok(self.signature.as_ref().ok_or_else(missing)?.0.to_vec())
    }

    /// Refuses a digest where the message comes as a stream.
    pub(super) fn refuse_digest(&self) -> Result<()> {
        match self.input {
            MessageInput::Data => Ok(()),
            MessageInput::Digest => {
                Err(Problem::invalid("a stream is the message; a digest goes to sign or verify"))
            }
        }
    }

    pub(super) fn parameters(&self) -> CryptoParameters {
        let padding = self.padding.map(|padding| match padding {
            SignaturePadding::Pss => PaddingMethod::Pss,
            SignaturePadding::Pkcs1 => PaddingMethod::Pkcs1v15,
        });
        CryptoParameters { padding, hash: self.hash.map(Into::into), ..CryptoParameters::default() }
    }
}

/// `POST /v1/keys/{name}/encrypt`: into a data envelope, HPKE or RSA-OAEP as fits the key; in a mode where one is asked for.
pub(super) async fn encrypt(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside: BesidePlaintext(beside), raw }: Data<BesidePlaintext>,
) -> Result<Response> {
    if beside.tag.is_some() {
        return Err(Problem::invalid("a tag is what this gives; decrypt takes one"));
    }
    let (version, form, plaintext) = (beside.version, beside.form()?, SecretBytes::copy_from(&bytes));
    let done = api.execute(&caller, Encrypt { key, version, form, plaintext }).await?;
    let Ciphertext { data, iv, tag } = done.ciphertext;
    let further = [("iv", iv), ("tag", tag)];
    let further = further.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
    Ok(answer::bytes_and(raw, ("ciphertext", &data), further, (done.object, done.version)))
}

/// `POST /v1/keys/{name}/decrypt`: what `encrypt` gave.
pub(super) async fn decrypt(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside: BesideCiphertext(beside), raw }: Data<BesideCiphertext>,
) -> Result<Response> {
    let form = beside.form()?;
    // Other ciphertexts have no header: they take the version from the caller, or the newest.
    let named = || keyreeve_crypto::envelope_owner(&bytes).ok().filter(|_| beside.is_envelope());
    let version = beside.version.or_else(|| named().map(|owner| owner.version));
    let tag = beside.tag.as_ref().map(|tag| tag.0.to_vec());
    let done = api.execute(&caller, Decrypt { key, version, form, ciphertext: bytes.to_vec(), tag }).await?;
    Ok(answer::bytes(raw, "plaintext", done.plaintext.expose(), (done.object, done.version)))
}

/// `POST /v1/keys/{name}/sign`.
pub(super) async fn sign(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside, raw }: Data<BesideMessage>,
) -> Result<Response> {
    let (parameters, input) = (beside.of_making()?, beside.input(&bytes));
    let done = api.execute(&caller, Sign { key, version: beside.version, parameters, input }).await?;
    Ok(answer::bytes(raw, "signature", &done.signature, (done.object, done.version)))
}

/// `POST /v1/keys/{name}/verify`: without a version, any version may have signed.
pub(super) async fn verify(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside, .. }: Data<BesideMessage>,
) -> Result<Json<Value>> {
    let (version, parameters, input) = (beside.version, beside.parameters(), beside.input(&bytes));
    let signature = beside.required_signature()?;
    Ok(verdict(&api.execute(&caller, Verify { key, version, parameters, input, signature }).await?))
}

/// `POST /v1/keys/{name}/mac`.
pub(super) async fn mac(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside, raw }: Data<BesideAuthenticated>,
) -> Result<Response> {
    let (version, message, parameters) = (beside.version, bytes.to_vec().into(), beside.of_making()?);
    let done = api.execute(&caller, Mac { key, version, parameters, message }).await?;
    Ok(answer::bytes(raw, "mac", &done.mac, (done.object, done.version)))
}

/// `POST /v1/keys/{name}/mac/verify`.
pub(super) async fn mac_verify(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside, .. }: Data<BesideAuthenticated>,
) -> Result<Json<Value>> {
    let (version, message, parameters) = (beside.version, bytes.to_vec().into(), beside.parameters());
    let mac = beside.required_mac()?;
    Ok(verdict(&api.execute(&caller, MacVerify { key, version, parameters, message, mac }).await?))
}

/// `POST /v1/keys/{name}/wrap`.
pub(super) async fn wrap(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside, raw }: Data<BesideSecret>,
) -> Result<Response> {
    let BesideSecret { version, algorithm } = beside;
    let (parameters, secret) = (algorithm.map(WrapAlgorithm::parameters), SecretBytes::copy_from(&bytes));
    let (wrapped, object) = api.execute(&caller, Wrap { key, version, parameters, secret }).await?;
    Ok(answer::bytes(raw, "wrapped", &wrapped, (object.id, object.version)))
}

/// `POST /v1/keys/{name}/unwrap`: what `wrap` gave.
pub(super) async fn unwrap(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Data { bytes, beside, raw }: Data<BesideWrapped>,
) -> Result<Response> {
    let BesideWrapped { version, algorithm } = beside;
    let (parameters, wrapped) = (algorithm.map(WrapAlgorithm::parameters), bytes.to_vec());
    let (secret, object) =
        api.execute(&caller, Unwrap { key, version, parameters, iv: None, wrapped }).await?;
    Ok(answer::bytes(raw, "plaintext", secret.expose(), (object.id, object.version)))
}

/// Body of `datakey`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DataKeyRequest {
    /// 128, 192, 256 or 512.
    #[serde(default = "data_key_bits")]
    bits: u32,
    /// Also give it in the clear.
    #[serde(default = "super::keys::yes")]
    plaintext: bool,
    version: Option<u32>,
    #[serde(default)]
    context: EncryptionContext,
}

fn data_key_bits() -> u32 {
    256
}

/// `POST /v1/keys/{name}/datakey`.
pub(super) async fn datakey(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Body(request): Body<DataKeyRequest>,
) -> Result<Json<Value>> {
    let DataKeyRequest { bits, plaintext, version, context } = request;
    let context = canonical(&context.0);
    let made = api.execute(&caller, DataKey { key, version, bits, plaintext, context }).await?;
    let mut answer = json!({
        "version": made.encrypted.version,
        "object_id": made.encrypted.object.to_string(),
        "ciphertext": Base64(Zeroizing::new(made.encrypted.ciphertext.data)),
    });
    if let Some(plaintext) = made.plaintext {
        answer["plaintext"] = json!(Base64(Zeroizing::new(plaintext.expose().to_vec())));
    }
    Ok(Json(answer))
}

/// Beside what is hashed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BesideHashed {
    #[serde(default)]
    pub(super) hash: Hash,
}

impl BesideData for BesideHashed {
    const DATA: &'static str = "data";
}

/// `POST /v1/hash`: no key is needed.
pub(super) async fn hash(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Data { bytes, beside, raw }: Data<BesideHashed>,
) -> Result<Response> {
    let hash = HashData { hash: beside.hash.into(), message: bytes.to_vec().into() };
    let digest = api.execute(&caller, hash).await?;
    if raw {
        return Ok(([(header::CONTENT_TYPE, OCTET_STREAM)], digest).into_response());
    }
    Ok(Json(json!({ "digest": Base64(Zeroizing::new(digest)) })).into_response())
}

/// Body of `random`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RandomRequest {
    length: usize,
}

/// `POST /v1/random`: as raw bytes where the caller accepts `application/octet-stream`.
pub(super) async fn random(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    Body(RandomRequest { length }): Body<RandomRequest>,
) -> Result<Response> {
    let bytes = api.execute(&caller, Random { length }).await?;
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == OCTET_STREAM) {
        return Ok(([(header::CONTENT_TYPE, OCTET_STREAM)], bytes.expose().to_vec()).into_response());
    }
    Ok(Json(json!({ "random": Base64(Zeroizing::new(bytes.expose().to_vec())) })).into_response())
}

/// Whether it is right.
pub(super) fn verdict(verified: &Verified) -> Json<Value> {
    let Verified { valid, object, version } = verified;
    Json(json!({ "valid": valid, "version": version, "object_id": object.to_string() }))
}
