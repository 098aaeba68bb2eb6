//! Signed statements: what the store says to those who have nothing but the file. Certificates of destruction and
//! anchors are written in this form.
//!
//! A statement of a kind is JSON: `{"KIND": VALUE, "signer": HEX, "signature": HEX}`. The signer is the Ed25519 public
//! key as SubjectPublicKeyInfo, the signature goes over "keyreeve/KIND/v1" || 0x00 || the canonical form of the value:
//! JSON without white space, names in the order of their code points. So a file that was laid out anew still verifies.
//!
//! # Standard
//! RFC 8032 (Ed25519), RFC 8410 (its SubjectPublicKeyInfo).

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::{Algorithm, CryptoParameters, KeyFormat, KeyMaterial, ObjectType},
    ports::crypto::{Crypto, ParsedKey, ToSign},
};
use serde_json::Value;

/// What a statement is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// What it says.
    pub value: Value,
    /// Who signed, as SubjectPublicKeyInfo in DER: nobody in particular unless the caller knows this key.
    pub signer: Vec<u8>,
}

/// Signs a statement.
///
/// # Errors
/// Those of the key.
pub fn sign(kind: &str, value: Value, key: &dyn ParsedKey) -> Result<String> {
    let signature = key.sign(&CryptoParameters::default(), ToSign::Data(&signed_bytes(kind, &value)))?;
    let signer = key.public_key()?;
    let mut statement = serde_json::Map::new();
    statement.insert(kind.to_owned(), value);
    statement.insert("signer".into(), hex::encode(signer).into());
    statement.insert("signature".into(), hex::encode(signature).into());
    let mut text = serde_json::to_string_pretty(&statement).map_err(Error::internal)?;
    text.push('\n');
    Ok(text)
}

/// Checks that a statement of this kind was signed by the signer that it names.
///
/// # Errors
/// `Invalid` where it is no such statement, `CryptoFailed` where the signature is wrong.
pub fn verify(kind: &str, text: &[u8], crypto: &dyn Crypto) -> Result<Verified> {
    let invalid = |what: &str| Error::new(ErrorKind::Invalid, format!("this is no {kind}: {what}"));
    let mut statement: serde_json::Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| invalid(&error.to_string()))?;
    let mut bytes = |name: &str| match statement.remove(name) {
        Some(Value::String(text)) => {
            hex::decode(text).map_err(|_| invalid(&format!("{name} is not hexadecimal")))
        }
        _ => Err(invalid(&format!("it has no {name}"))),
    };
    let (signer, signature) = (bytes("signer")?, bytes("signature")?);
    let value = statement.remove(kind).ok_or_else(|| invalid(&format!("it has no {kind}")))?;
    if let Some(name) = statement.keys().next() {
        return Err(invalid(&format!("{name:?} is not signed")));
    }
    let material =
        KeyMaterial { format: KeyFormat::Spki, bytes: keyreeve_core::SecretBytes::copy_from(&signer) };
    let key = crypto.parse(ObjectType::PublicKey, None, &material).ok();
    let key = key.filter(|key| key.spec().algorithm == Algorithm::Ed25519);
    let key = key.ok_or_else(|| invalid("its signer is no Ed25519 key"))?;
    let message = signed_bytes(kind, &value);
    if !key.verify(&CryptoParameters::default(), ToSign::Data(&message), &signature)? {
        let public =
            format!("the signature of this {kind} is wrong: it was altered, or another key signed it");
        return Err(Error::new(ErrorKind::CryptoFailed, public));
    }
    Ok(Verified { value, signer })
}

fn signed_bytes(kind: &str, value: &Value) -> Vec<u8> {
    let mut bytes = format!("keyreeve/{kind}/v1\0").into_bytes();
    canonical(value, &mut bytes);
    bytes
}

/// Sorted here, and not left to the map type: another crate of the build may ask serde_json to keep the order it read.
/// INVARIANT: as deep as serde_json reads, 128 levels.
fn canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            list(out, b"{}", members, |out, (name, value)| {
                out.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
                out.push(b':');
                canonical(value, out);
            });
        }
        Value::Array(items) => list(out, b"[]", items, |out, item| canonical(item, out)),
        plain => out.extend_from_slice(plain.to_string().as_bytes()),
    }
}

fn list<T>(
    out: &mut Vec<u8>,
    brackets: &[u8; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(brackets[0]);
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(brackets[1]);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyreeve_core::{model::KeySpec, ports::crypto::Generated};
    use keyreeve_crypto::SoftwareCrypto;
    use serde_json::json;

    use super::*;

    fn signer(crypto: &SoftwareCrypto) -> Arc<dyn ParsedKey> {
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap()
    }

    #[test]
    fn a_statement_verifies_also_when_it_is_laid_out_anew() {
        let crypto = SoftwareCrypto::new();
        let value = json!({ "b": [1, { "z": null, "a": "é\n" }], "a": -3, "ab": {} });
        let text = sign("anchor", value.clone(), &*signer(&crypto)).unwrap();
        assert_eq!(verify("anchor", text.as_bytes(), &crypto).unwrap().value, value);
        let flat = serde_json::from_str::<Value>(&text).unwrap().to_string();
        assert_ne!(flat, text);
        assert_eq!(verify("anchor", flat.as_bytes(), &crypto).unwrap().value, value);
    }

    #[test]
    fn what_was_altered_or_is_another_kind_is_refused() {
        let crypto = SoftwareCrypto::new();
        let text = sign("anchor", json!({ "lsn": 12 }), &*signer(&crypto)).unwrap();
        let refused = |text: &str, kind| verify(kind, text.as_bytes(), &crypto).unwrap_err().kind();
        assert_eq!(refused(&text.replace("12", "13"), "anchor"), ErrorKind::CryptoFailed);
        assert_eq!(refused(&text.replace("anchor", "certificate"), "certificate"), ErrorKind::CryptoFailed);
        assert_eq!(refused(&text, "certificate"), ErrorKind::Invalid);
        assert_eq!(refused(&text.replacen('{', "{\"more\":1,", 1), "anchor"), ErrorKind::Invalid);
        assert_eq!(refused("[]", "anchor"), ErrorKind::Invalid);
        let other = sign("anchor", json!({ "lsn": 12 }), &*signer(&crypto)).unwrap();
        let signature = |text: &str| {
            serde_json::from_str::<Value>(text).unwrap()["signature"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            refused(&text.replace(&signature(&text), &signature(&other)), "anchor"),
            ErrorKind::CryptoFailed
        );
    }
}
