//! The keys that sign checkpoints, and the statement that says whose they are.
//!
//! Both keys follow from the secret of the store's signing key by HKDF, so they are sealed, backed up and restored with it. The
//! statement is one of the kind `checkpoint-keys` (`crate::signed`), signed by the signing key, which anchors name:
//!
//! ```json
//! {"store": "UUID", "ed25519": HEX, "ml-dsa-44": HEX}
//! ```
//!
//! Both are SubjectPublicKeyInfo.

use std::sync::Arc;

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    model::{Algorithm, KeyFormat, KeyMaterial, KeySpec, ObjectType},
    ports::crypto::{Crypto, ParsedKey},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkpoint::{Checkpoint, cosigned_message},
    note::{self, Note, NoteKey, NoteSignature, SignatureType},
};
use crate::signed;

const KIND: &str = "checkpoint-keys";
const SALT: &[u8] = b"keyreeve/checkpoint-keys/v1";
/// What PKCS#8 puts before a seed of 32 bytes (RFC 8410, RFC 9881).
const ED25519_PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const ML_DSA_44_PKCS8: &[u8] =
    b"\x30\x34\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11\x04\x22\x80\x20";

/// What signs the checkpoints of a store. Holds secrets.
pub struct LogKeys {
    store: Uuid,
    ed25519: Arc<dyn ParsedKey>,
    ml_dsa: Arc<dyn ParsedKey>,
    statement: Vec<u8>,
}

/// Whose checkpoints are good, as a signed statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKeys {
    pub(crate) store: Uuid,
    /// Who said so, as SubjectPublicKeyInfo.
    pub(crate) signer: Vec<u8>,
    ed25519: Vec<u8>,
    ml_dsa: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    store: Uuid,
    #[serde(with = "hex::serde")]
    ed25519: Vec<u8>,
    #[serde(rename = "ml-dsa-44", with = "hex::serde")]
    ml_dsa: Vec<u8>,
}

impl LogKeys {
    /// The keys that follow from the signing key of a store and its secret bytes.
    ///
    /// # Errors
    /// Those of the keys.
    pub fn derive(
        crypto: &dyn Crypto,
        store: Uuid,
        signer: &dyn ParsedKey,
        secret: &SecretBytes,
    ) -> Result<Self> {
        let seed =
            |info: &str| crypto.hkdf_sha256(SALT, secret.expose(), &[store.as_bytes(), info.as_bytes()]);
        let ed25519 = ed25519_of_seed(crypto, &seed("ed25519"))?;
        let ml_dsa = of_seed(crypto, (Algorithm::MlDsa44, 10_496), ML_DSA_44_PKCS8, &seed("ml-dsa-44"))?;
        let said = Said { store, ed25519: ed25519.public_key()?, ml_dsa: ml_dsa.public_key()? };
        let value = serde_json::to_value(said).map_err(Error::internal)?;
        let statement = signed::sign(KIND, value, signer)?.into_bytes();
        Ok(Self { store, ed25519, ml_dsa, statement })
    }

    /// The statement's bytes.
    pub(crate) fn statement(&self) -> &[u8] {
        &self.statement
    }

    /// The store that they are of.
    pub(crate) fn store(&self) -> Uuid {
        self.store
    }

    /// Signs a checkpoint: one line by each key, the latter with the time in Unix seconds.
    ///
    /// # Errors
    /// Those of the keys.
    pub(crate) fn sign(&self, crypto: &dyn Crypto, checkpoint: &Checkpoint, time: u64) -> Result<Note> {
        let text = checkpoint.text();
        let [ed25519, ml_dsa] = self.public()?.note_keys(&checkpoint.origin)?;
        let signature = note::sign(&*self.ed25519, text.as_bytes())?;
        let message = cosigned_message(ml_dsa.signs, &ml_dsa.name, time, (checkpoint, &text))
            .ok_or_else(|| Error::internal("a log's name is too long"))?;
        let timed = [&time.to_be_bytes()[..], &note::sign(&*self.ml_dsa, &message)?].concat();
        let signatures =
            vec![NoteSignature::by(&ed25519, crypto, signature), NoteSignature::by(&ml_dsa, crypto, timed)];
        Ok(Note { text, signatures })
    }

    /// Their public halves, as nobody has said yet.
    pub(crate) fn public(&self) -> Result<PublicKeys> {
        let (ed25519, ml_dsa) = (self.ed25519.public_key()?, self.ml_dsa.public_key()?);
        Ok(PublicKeys { store: self.store, signer: Vec::new(), ed25519, ml_dsa })
    }
}

impl PublicKeys {
    /// Reads a statement and verifies its signature; whether the signer is the right one is for the caller to say.
    ///
    /// # Errors
    /// `Invalid` where it is malformed, `CryptoFailed` where its signature is wrong.
    pub(crate) fn open(crypto: &dyn Crypto, statement: &[u8]) -> Result<Self> {
        let verified = signed::verify(KIND, statement, crypto)?;
        let said: Said = serde_json::from_value(verified.value).map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("this names no keys of checkpoints: {error}"))
        })?;
        let Said { store, ed25519, ml_dsa } = said;
        let read = Self { store, signer: verified.signer, ed25519, ml_dsa };
        read.note_keys("name").map(|_| read)
    }

    /// The verifier keys for checkpoints of a log.
    pub(crate) fn note_keys(&self, origin: &str) -> Result<[NoteKey; 2]> {
        Ok([
            NoteKey::from_spki(origin, SignatureType::Ed25519, &self.ed25519)?,
            NoteKey::from_spki(origin, SignatureType::MlDsa44Cosignature, &self.ml_dsa)?,
        ])
    }
}

/// The Ed25519 key of a seed of 32 bytes.
pub(super) fn ed25519_of_seed(crypto: &dyn Crypto, seed: &SecretBytes) -> Result<Arc<dyn ParsedKey>> {
    of_seed(crypto, (Algorithm::Ed25519, 256), ED25519_PKCS8, seed)
}

fn of_seed(
    crypto: &dyn Crypto,
    (algorithm, length_bits): (Algorithm, u32),
    prefix: &[u8],
    seed: &SecretBytes,
) -> Result<Arc<dyn ParsedKey>> {
    let mut pkcs8 = zeroize::Zeroizing::new(Vec::with_capacity(prefix.len() + seed.expose().len()));
    pkcs8.extend_from_slice(prefix);
    pkcs8.extend_from_slice(seed.expose());
    let spec = KeySpec { algorithm, length_bits, curve: None };
    let material = KeyMaterial { format: KeyFormat::Pkcs8, bytes: SecretBytes::copy_from(&pkcs8) };
    crypto.parse(ObjectType::PrivateKey, Some(&spec), &material)
}

/// The name of the log that is a store's journal in a timeline.
pub(crate) fn origin(store: Uuid, timeline: u32) -> String {
    format!("keyreeve/{store}/t{timeline}")
}
