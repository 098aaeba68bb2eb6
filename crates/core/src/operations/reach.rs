//! Uses that amount to another one: whoever makes them needs the right to that one too, and so does the key. Not here: what
//! an operation itself needs (access).

use std::sync::Arc;

use crate::{
    access::{Action, Target},
    error::{Error, ErrorKind, Result},
    model::{Algorithm, BlockCipherMode, CryptoParameters, Kdf, Key, ManagedObject, UsageMask},
    request::Context,
};

/// The key that is used, and the object of it.
type Used<'a> = (&'a Arc<Key>, &'a ManagedObject);

/// Of encrypting, and of deriving by it: who encrypts in a way that amounts to decrypting must be allowed to decrypt. A key
/// that may not encrypt (it serves to derive) has made no ciphertext, so its uses are left as they are.
///
/// # Errors
/// `Denied`, `WrongUsage`.
pub(super) fn of_encrypting(
    context: &mut Context<'_>,
    (key, object): Used<'_>,
    parameters: &CryptoParameters,
    iv: Option<&[u8]>,
) -> Result<()> {
    if !amounts_to_decrypting(parameters, iv, object) {
        return Ok(());
    }
    let why = "without an IV, or with a chosen one, encrypting in this mode amounts to decrypting: let the server \
               choose the IV, or";
    if context.authorize(Action::Decrypt, Target::Key(key)).is_err() {
        return Err(Error::new(ErrorKind::Denied, format!("{why} ask for the right to decrypt")));
    }
    context.refuse_ruled(Action::Decrypt, Target::Key(key))?;
    if object.usage.allows(UsageMask::ENCRYPT) && !object.usage.allows(UsageMask::DECRYPT) {
        return Err(Error::new(ErrorKind::WrongUsage, format!("{why} use a key that may decrypt")));
    }
    Ok(())
}

/// Of decrypting: RSA has one private operation, and of the block function's inverse, which ECB and CBC give (CBC also with
/// padding: a block whose padding is right can stand behind any other), key wrap is made.
///
/// # Errors
/// `Denied`, `WrongUsage`.
pub(super) fn of_decrypting(
    context: &mut Context<'_>,
    used: Used<'_>,
    parameters: &CryptoParameters,
) -> Result<()> {
    let bare = matches!(parameters.mode, Some(BlockCipherMode::Ecb | BlockCipherMode::Cbc));
    match algorithm(used.1) {
        Some(Algorithm::Aes) if bare => {}
        Some(Algorithm::Rsa) => {}
        _ => return Ok(()),
    }
    let why = "decrypting in this way amounts to unwrapping";
    require(context, used, (Action::Unwrap, UsageMask::UNWRAP, UsageMask::WRAP), why)
}

/// Of unwrapping what is right under an RSA key, which amounts to decrypting. What AES unwraps proves that it was wrapped.
///
/// # Errors
/// `Denied`, `WrongUsage`.
pub(super) fn of_unwrapping(context: &mut Context<'_>, used: Used<'_>) -> Result<()> {
    if algorithm(used.1) != Some(Algorithm::Rsa) {
        return Ok(());
    }
    let why = "unwrapping with an RSA key amounts to decrypting";
    require(context, used, (Action::Decrypt, UsageMask::DECRYPT, UsageMask::ENCRYPT), why)
}

/// Of deriving by encryption, whose product is a ciphertext.
///
/// # Errors
/// `Denied`, `WrongUsage`.
pub(super) fn of_deriving_by_encryption(context: &mut Context<'_>, used: Used<'_>) -> Result<()> {
    let why = "deriving by encryption amounts to encrypting";
    require(context, used, (Action::Encrypt, UsageMask::ENCRYPT, UsageMask::DECRYPT), why)
}

/// Of deriving by a function whose product is a MAC under the key.
///
/// # Errors
/// `Denied`, `WrongUsage`.
pub(super) fn of_deriving(context: &mut Context<'_>, used: Used<'_>, kdf: &Kdf) -> Result<()> {
    match kdf {
        Kdf::Hmac { .. } | Kdf::Counter { .. } | Kdf::Feedback { .. } | Kdf::Pbkdf2 { .. } => {}
        // HKDF has the key as its message, and expands under another.
        Kdf::Hkdf { .. } | Kdf::Hash { .. } => return Ok(()),
    }
    let why = "deriving by this function amounts to making a MAC";
    require(context, used, (Action::Mac, UsageMask::MAC, UsageMask::MAC_VERIFY), why)
}

/// Asks for a further right where the key serves `usage`, or what undoes it: else there is nothing that could be reached. Of
/// the key's own usage mask, which cannot be changed, no more is asked: keys of before go on.
fn require(
    context: &mut Context<'_>,
    (key, object): Used<'_>,
    (action, usage, undoing): (Action, UsageMask, UsageMask),
    why: &str,
) -> Result<()> {
    if !object.usage.allows(usage) && !object.usage.allows(undoing) {
        return Ok(());
    }
    let word = action.word();
    if context.authorize(action, Target::Key(key)).is_err() {
        let public = format!("{why}: ask for the right to {word} too, or use a key that is not for that");
        return Err(Error::new(ErrorKind::Denied, public));
    }
    context.refuse_ruled(action, Target::Key(key))
}

/// In a mode that makes a key stream, encrypting a ciphertext again under its own IV decrypts it. ECB, and CBC under a
/// chosen IV, give the bare block function, of which the key streams of all those modes are made.
fn amounts_to_decrypting(parameters: &CryptoParameters, iv: Option<&[u8]>, object: &ManagedObject) -> bool {
    match algorithm(object) {
        Some(Algorithm::ChaCha20 | Algorithm::ChaCha20Poly1305) => iv.is_some(),
        Some(Algorithm::Aes) => {
            use BlockCipherMode::{Ecb, GcmSiv, Siv, Xts};
            match parameters.mode {
                Some(Ecb) => true,
                Some(GcmSiv | Siv | Xts) => false,
                _ => iv.is_some(),
            }
        }
        _ => false,
    }
}

fn algorithm(object: &ManagedObject) -> Option<Algorithm> {
    object.spec.map(|spec| spec.algorithm)
}
