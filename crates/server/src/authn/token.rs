//! Bearer tokens as proof: `kr_` and 32 random bytes in base64url. Only their hash is kept. Not here: HTTP headers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyreeve_core::Result;
use keyreeve_core::model::{CredentialId, CredentialKind, Time};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_core::ports::crypto::Crypto;
use zeroize::Zeroizing;

const PREFIX: &str = "kr_";
const RANDOM_BYTES: usize = 32;
/// Length of a token in characters: longer proofs are not even hashed.
const TOKEN_CHARS: usize = PREFIX.len() + (RANDOM_BYTES * 4).div_ceil(3);

/// A new token and the credential that it is. The text is a secret.
///
/// # Errors
/// The generator's.
pub fn generate(crypto: &dyn Crypto, expires: Option<Time>) -> Result<(Zeroizing<String>, NewCredential)> {
    let token = random(crypto, PREFIX)?;
    let id = hash(crypto, &token);
    Ok((token, NewCredential { id, kind: CredentialKind::Token, expires, is_given: false }))
}

/// What a token is looked up by, where it has a token's form at all.
pub fn proof(crypto: &dyn Crypto, token: &str) -> Option<CredentialId> {
    has_form(token, PREFIX).then(|| hash(crypto, token))
}

/// 32 random bytes behind a prefix of three letters. A secret.
///
/// # Errors
/// The generator's.
pub(super) fn random(crypto: &dyn Crypto, prefix: &str) -> Result<Zeroizing<String>> {
    let mut random = Zeroizing::new([0; RANDOM_BYTES]);
    crypto.fill(&mut *random)?;
    let mut token = Zeroizing::new(String::with_capacity(TOKEN_CHARS));
    token.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(*random, &mut token);
    Ok(token)
}

/// Whether a text may be one of these.
pub(super) fn has_form(text: &str, prefix: &str) -> bool {
    text.len() == TOKEN_CHARS && text.starts_with(prefix)
}

fn hash(crypto: &dyn Crypto, token: &str) -> CredentialId {
    CredentialId(crypto.sha256(&[token.as_bytes()]))
}
