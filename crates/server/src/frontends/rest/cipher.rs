//! How a cipher is used where a caller wants something else than the data envelope: mode, IV, additional data, and what
//! else belongs to the mode. Not here: encrypting (data), the modes (cipher_mode), and which key has which (crypto).

use keyreeve_core::model::{HashAlgorithm, PaddingMethod};
use keyreeve_core::operations::encrypt::Form;
use schemars::JsonSchema;
use serde::Deserialize;

use super::errors::{Problem, Result};
use super::request::{Base64, EncryptionContext};
use crate::cipher_mode::CipherMode;
use crate::frontends::encryption_context::canonical;

/// What stands beside a plaintext or a ciphertext. Without a mode it is a data envelope, which needs nothing else.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct BesideCipher {
    pub(super) version: Option<u32>,
    #[serde(default)]
    context: EncryptionContext,
    mode: Option<CipherMode>,
    /// IV or nonce; `None`: encrypting makes one, which the answer tells.
    iv: Option<Base64>,
    /// Additional authenticated data.
    aad: Option<Base64>,
    /// Of a ciphertext; `None`: at its end, of `siv` at its beginning.
    pub(super) tag: Option<Base64>,
    /// Bytes of the tag, 12 to 16.
    tag_length: Option<u32>,
    /// Of `cbc`; default `pkcs7`.
    padding: Option<Padding>,
    /// Of `oaep`; default `sha256`.
    hash: Option<Hash>,
}

/// A hash function.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Hash {
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

impl From<Hash> for HashAlgorithm {
    fn from(hash: Hash) -> Self {
        match hash {
            Hash::Sha256 => Self::Sha256,
            Hash::Sha384 => Self::Sha384,
            Hash::Sha512 => Self::Sha512,
        }
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Padding {
    Pkcs7,
    None,
}

impl Padding {
    /// As core calls it.
    pub(super) fn method(self) -> PaddingMethod {
        match self {
            Self::Pkcs7 => PaddingMethod::Pkcs5,
            Self::None => PaddingMethod::None,
        }
    }
}

impl BesideCipher {
    /// Whether it is a data envelope.
    pub(super) fn is_envelope(&self) -> bool {
        self.mode.is_none()
    }

    /// As the operations take it.
    ///
    /// # Errors
    /// `Invalid` for a field that does not belong to the mode, or needs one.
    pub(super) fn form(&self) -> Result<Form> {
        let given = [
            ("iv", self.iv.is_some()),
            ("aad", self.aad.is_some()),
            ("tag", self.tag.is_some()),
            ("tag_length", self.tag_length.is_some()),
            ("padding", self.padding.is_some()),
            ("hash", self.hash.is_some()),
        ];
        let mut given = given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
        let Some(mode) = self.mode else {
            return match given.next() {
                Some(name) => {
                    Err(Problem::invalid(format!("{name} needs a mode; without one it is a data envelope")))
                }
                None => Ok(Form::Envelope { context: canonical(&self.context.0) }),
            };
        };
        if let Some(name) = given.find(|name| !mode.fields().contains(name)) {
            let known = mode.fields().join(", ");
            return Err(Problem::invalid(format!("{name} does not belong to this mode; {known} may")));
        }
        if !self.context.0.is_empty() {
            return Err(Problem::invalid("a context belongs to the data envelope; a mode may have aad"));
        }
        let mut parameters = mode.parameters();
        parameters.tag_length = self.tag_length;
        parameters.hash = self.hash.map(Into::into);
        if mode == CipherMode::Cbc {
            parameters.padding = Some(self.padding.unwrap_or(Padding::Pkcs7).method());
        }
        let bytes = |field: &Option<Base64>| field.as_ref().map(|bytes| bytes.0.to_vec());
        Ok(Form::Raw { parameters, iv: bytes(&self.iv), aad: bytes(&self.aad).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::model::BlockCipherMode;
    use serde_json::{Value, json};

    use super::*;

    fn form(beside: Value) -> Result<Form> {
        serde_json::from_value::<BesideCipher>(beside).unwrap().form()
    }

    #[test]
    fn a_mode_has_its_defaults() {
        assert!(matches!(form(json!({ "context": { "a": "b" } })), Ok(Form::Envelope { .. })));
        let Ok(Form::Raw { parameters, iv, aad }) = form(json!({ "mode": "cbc" })) else { panic!("no mode") };
        assert_eq!(
            (parameters.mode, parameters.padding, iv, aad),
            (Some(BlockCipherMode::Cbc), Some(PaddingMethod::Pkcs5), None, Vec::new())
        );
    }

    #[test]
    fn what_does_not_belong_to_a_mode_is_refused() {
        for wrong in [
            json!({ "iv": "AAAA" }),
            json!({ "hash": "sha256" }),
            json!({ "mode": "gcm", "padding": "none" }),
            json!({ "mode": "gcm", "hash": "sha256" }),
            json!({ "mode": "gcm", "context": { "a": "b" } }),
            json!({ "mode": "gcm-siv", "tag_length": 12 }),
            json!({ "mode": "cbc", "aad": "AAAA" }),
            json!({ "mode": "ctr", "tag": "AAAA" }),
            json!({ "mode": "oaep", "iv": "AAAA" }),
        ] {
            assert!(form(wrong.clone()).is_err(), "{wrong}");
        }
        for unknown in [json!({ "mode": "ecb" }), json!({ "mode": "cbc", "padding": "pkcs1" })] {
            assert!(serde_json::from_value::<BesideCipher>(unknown.clone()).is_err(), "{unknown}");
        }
    }
}
