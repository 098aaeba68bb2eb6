//! The key that signs what this server says to those who have nothing but a file: certificates of destruction, anchors, checkpoints.
//! Not here: how statements are made and verified (keyreeve-store's `signed`).

use std::path::Path;
use std::sync::Arc;

use keyreeve_core::SecretBytes;
use keyreeve_core::model::{Algorithm, KeyFormat, KeyMaterial, KeySpec, ObjectType};
use keyreeve_core::operations::server::{PutServerData, server_data};
use keyreeve_core::ports::crypto::{Crypto, Generated, ParsedKey};
use keyreeve_core::{Error, Result};
use keyreeve_store::audit::LogKeys;
use keyreeve_store::signed;

use super::error::StartError;
use super::files::write_public;
use super::open::Opened;

/// Name of the key among the server's own data. Its readable part is the public key, as SubjectPublicKeyInfo.
pub(super) const SIGNER: &str = "signer";

const SPEC: KeySpec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
/// Beside `ca.pem`: whoever has it knows whose certificates are good.
const ANCHOR: &str = "anchor.json";

/// Makes the key of a store that has none.
pub(super) fn create(opened: &Opened) -> Result<(), StartError> {
    let put = new_key(&**opened.engine.crypto()).map_err(StartError::operation("make a signing key"))?;
    opened.execute("keep the signing key", &put)
}

/// Signs with the store's key from now on, checkpoints of the journal among the rest.
pub(super) fn start(opened: &Opened) -> Result<(), StartError> {
    let loading = StartError::operation("load the signing key");
    let (key, secret) = load(opened).map_err(loading)?;
    let crypto = &**opened.engine.crypto();
    let keys = LogKeys::derive(crypto, opened.store.id(), &*key, &secret)
        .map_err(StartError::operation("make the keys of checkpoints"))?;
    opened.store.start_signing(key);
    opened.store.start_checkpoints(keys).map_err(StartError::operation("keep the audit tree"))
}

/// Writes the administrator's anchor, where the one that is there names another signer or none.
pub(super) fn write_anchor(opened: &Opened, dir: &Path) -> Result<(), StartError> {
    let (key, _) = load(opened).map_err(StartError::operation("load the signing key"))?;
    let path = dir.join(ANCHOR);
    let crypto = &**opened.engine.crypto();
    let names = |text: Vec<u8>| signed::verify("anchor", &text, crypto).ok().map(|anchor| anchor.signer);
    let named = std::fs::read(&path).ok().and_then(names);
    if named.is_some() && named == key.public_key().ok() {
        return Ok(());
    }
    let anchor = opened.store.anchor(&*key).map_err(StartError::operation("sign an anchor"))?;
    write_public(&path, &anchor)
}

fn new_key(crypto: &dyn Crypto) -> Result<PutServerData> {
    let Generated::Pair { private, .. } = crypto.generate(&SPEC)? else {
        return Err(Error::internal("an Ed25519 key came out without its public half"));
    };
    let data = crypto.parse(ObjectType::PrivateKey, Some(&SPEC), &private)?.public_key()?;
    Ok(PutServerData { name: SIGNER.into(), data, secret: Some(private.bytes) })
}

/// The key, and its secret bytes.
fn load(opened: &Opened) -> Result<(Arc<dyn ParsedKey>, SecretBytes)> {
    let (_, secret) = server_data(&opened.engine, SIGNER)?;
    let secret = secret.unwrap_or_else(|| SecretBytes::new(Vec::new()));
    let material = KeyMaterial { format: KeyFormat::Pkcs8, bytes: SecretBytes::copy_from(secret.expose()) };
    let key = opened.engine.crypto().parse(ObjectType::PrivateKey, Some(&SPEC), &material)?;
    Ok((key, secret))
}
