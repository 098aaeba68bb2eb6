//! What unlocks the root key: a passphrase, a key file, or recovery shares; and the locks in root.json that they open.
//! Not here: what is locked (root), and how shares are made (shares).
//!
//! An unlock gives a secret of 32 bytes: Argon2id (RFC 9106, version 0x13) of the passphrase, the key in the key file,
//! or what the shares are shares of. Wrapping key = HKDF-SHA-256(salt, secret, "keyreeve/unlock/v1" || store 16);
//! `check` = the first 16 bytes of HKDF-SHA-256(salt, secret, "keyreeve/unlock-check/v1" || store 16).

use std::collections::BTreeMap;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyreeve_core::{Error, Result, SecretBytes, ports::crypto::Crypto};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroize;

use super::{
    KEY_LEN, random_key,
    shares::{RecoveryShare, SET_LEN, Share, combine},
};

const SALT_LEN: usize = 16;
const CHECK_LEN: usize = 16;
const MEMORY_KIB: u32 = 64 * 1024;
/// A file that asks for more is damaged: bounds what an altered file makes us allocate.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES: u32 = 3;
const PASSES_MAX: u32 = 1000;
const LANES: u32 = 1;
const LANES_MAX: u32 = 64;
const PASSPHRASE_BYTES_MIN: usize = 8;

/// What opens the root key. Holds secrets.
pub enum Unlock {
    /// A passphrase, at least 8 bytes, without the line end of the file it came from.
    Passphrase(SecretBytes),
    /// Content of a key file: 32 bytes as 64 hexadecimal digits or in base64, white space around.
    KeyFile(SecretBytes),
    /// Recovery shares, as `new_shares` made them: as many as their threshold to open, all of them to lock.
    Shares(Vec<SecretBytes>),
}

/// Why the root key did not open.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The file is whole, the passphrase or key file is not the right one.
    #[error("wrong {0}: it does not open this store's root key")]
    Wrong(&'static str),
    /// The store wants another kind of unlock.
    #[error("this store is unlocked by a {wanted}, not by a {given}")]
    Kind {
        /// What the store wants.
        wanted: String,
        /// What was given.
        given: &'static str,
    },
    /// What was given can be no passphrase or key file.
    #[error("{0}")]
    Malformed(&'static str),
    /// A recovery share is wrong, and which one; or there are too few.
    #[error("{0}")]
    Shares(String),
    /// The root key's file is damaged.
    #[error("root.json is damaged: {0}; restore it from a backup")]
    Damaged(String),
    /// Deriving or drawing keys failed.
    #[error("the root key cannot be handled: {0}")]
    Failed(String),
}

/// One way to unlock a root key, as people may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlockKind {
    /// By a passphrase.
    Passphrase,
    /// By a key file.
    KeyFile,
    /// By recovery shares.
    Shares {
        /// Names the set: 16 hexadecimal digits, as in each share.
        set: String,
        /// How many open it.
        threshold: u8,
        /// How many there are.
        count: usize,
    },
}

/// Lets one unlock stand where several may.
impl AsRef<[Unlock]> for Unlock {
    fn as_ref(&self) -> &[Unlock] {
        std::slice::from_ref(self)
    }
}

impl Unlock {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => "passphrase",
            Self::KeyFile(_) => "key file",
            Self::Shares(_) => "set of recovery shares",
        }
    }
}

/// Content for a new key file: 64 hexadecimal digits and a line end. Holds a secret.
///
/// # Errors
/// `Unavailable` where randomness failed.
pub fn new_key_file(crypto: &dyn Crypto) -> Result<SecretBytes> {
    let key = random_key(crypto)?;
    let mut text = vec![b'\n'; 2 * KEY_LEN + 1];
    hex::encode_to_slice(key.expose(), &mut text[..2 * KEY_LEN]).map_err(Error::internal)?;
    Ok(SecretBytes::new(text))
}

/// New recovery shares, a line each, of which `threshold` will open what all of them lock. Holds secrets. Whoever asks
/// hands them out before anything is locked by them: they are nowhere else.
///
/// # Errors
/// `InvalidField` for a threshold under 2 or over `count`, `Unavailable` where randomness failed.
pub fn new_shares(crypto: &dyn Crypto, count: u8, threshold: u8) -> Result<Vec<SecretBytes>> {
    let shares = RecoveryShare::split(crypto, &random_key(crypto)?, count, threshold)?;
    Ok(shares.iter().map(|share| share.line(crypto)).collect())
}

/// What a root key is locked by. Holds no secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    by: By,
    #[serde(with = "hex::serde")]
    salt: [u8; SALT_LEN],
    #[serde(with = "hex::serde")]
    check: [u8; CHECK_LEN],
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum By {
    Passphrase {
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    KeyFile,
    Shares {
        #[serde(with = "hex::serde")]
        set: [u8; SET_LEN],
        threshold: u8,
        commitments: Vec<Commitment>,
    },
}

/// That of share 1 comes first.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Commitment(#[serde(with = "hex::serde")] [u8; 32]);

impl Lock {
    /// A lock for this unlock, and its wrapping key.
    pub(super) fn new(
        crypto: &dyn Crypto,
        store: Uuid,
        unlock: &Unlock,
    ) -> Result<(Self, SecretBytes), UnlockError> {
        let mut salt = [0; SALT_LEN];
        crypto.fill(&mut salt).map_err(failed)?;
        let by = match unlock {
            Unlock::Passphrase(_) => By::Passphrase { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES },
            Unlock::KeyFile(_) => By::KeyFile,
            Unlock::Shares(lines) => by_shares(crypto, lines)?,
        };
        let mut lock = Self { by, salt, check: [0; CHECK_LEN] };
        let secret = lock.secret(crypto, unlock)?.ok_or_else(|| failed("a new lock takes another key"))?;
        lock.check = lock.check_of(crypto, store, &secret);
        let wrapping_key = lock.wrapping_key(crypto, store, &secret);
        Ok((lock, wrapping_key))
    }

    /// The wrapping key, where the unlock is of this lock's kind.
    ///
    /// # Errors
    /// `Wrong` and `Shares` where it is of this kind and does not open it.
    pub(super) fn open(
        &self,
        crypto: &dyn Crypto,
        store: Uuid,
        unlock: &Unlock,
    ) -> Result<Option<SecretBytes>, UnlockError> {
        let Some(secret) = self.secret(crypto, unlock)? else { return Ok(None) };
        match crypto.equal(&self.check, &self.check_of(crypto, store, &secret)) {
            true => Ok(Some(self.wrapping_key(crypto, store, &secret))),
            false => Err(UnlockError::Wrong(unlock.word())),
        }
    }

    pub(super) fn kind(&self) -> UnlockKind {
        match &self.by {
            By::Passphrase { .. } => UnlockKind::Passphrase,
            By::KeyFile => UnlockKind::KeyFile,
            By::Shares { set, threshold, commitments } => {
                UnlockKind::Shares { set: hex::encode(set), threshold: *threshold, count: commitments.len() }
            }
        }
    }

    /// None where the unlock is of another kind.
    fn secret(&self, crypto: &dyn Crypto, unlock: &Unlock) -> Result<Option<SecretBytes>, UnlockError> {
        match (&self.by, unlock) {
            (By::Passphrase { memory_kib, passes, lanes }, Unlock::Passphrase(passphrase)) => {
                self.stretched(passphrase, [*memory_kib, *passes, *lanes]).map(Some)
            }
            (By::KeyFile, Unlock::KeyFile(content)) => key_in_file(content).map(Some),
            (By::Shares { set, threshold, commitments }, Unlock::Shares(lines)) => {
                secret_of_shares(crypto, lines, (set, *threshold, commitments)).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn stretched(
        &self,
        passphrase: &SecretBytes,
        [memory_kib, passes, lanes]: [u32; 3],
    ) -> Result<SecretBytes, UnlockError> {
        if passphrase.len() < PASSPHRASE_BYTES_MIN {
            return Err(UnlockError::Malformed("the passphrase is shorter than 8 bytes"));
        }
        if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
            return Err(UnlockError::Damaged("its Argon2id parameters are out of bounds".into()));
        }
        let parameters = Params::new(memory_kib, passes, lanes, Some(KEY_LEN)).map_err(failed)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        let mut secret = [0; KEY_LEN];
        argon.hash_password_into(passphrase.expose(), &self.salt, &mut secret).map_err(failed)?;
        Ok(SecretBytes::take_from(&mut secret))
    }

    fn wrapping_key(&self, crypto: &dyn Crypto, store: Uuid, secret: &SecretBytes) -> SecretBytes {
        crypto.hkdf_sha256(&self.salt, secret.expose(), &[b"keyreeve/unlock/v1", store.as_bytes()])
    }

    fn check_of(&self, crypto: &dyn Crypto, store: Uuid, secret: &SecretBytes) -> [u8; CHECK_LEN] {
        let info: [&[u8]; 2] = [b"keyreeve/unlock-check/v1", store.as_bytes()];
        let full = crypto.hkdf_sha256(&self.salt, secret.expose(), &info);
        std::array::from_fn(|at| full.expose().get(at).copied().unwrap_or_default())
    }
}

impl std::fmt::Display for UnlockKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passphrase => f.write_str("passphrase"),
            Self::KeyFile => f.write_str("key file"),
            Self::Shares { set, threshold, count } => {
                write!(f, "set of recovery shares ({threshold} of {count}, set {set})")
            }
        }
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> UnlockError {
    UnlockError::Failed(error.to_string())
}

fn key_in_file(content: &SecretBytes) -> Result<SecretBytes, UnlockError> {
    let text = content.expose().trim_ascii();
    let mut key = [0; KEY_LEN];
    if hex::decode_to_slice(text, &mut key).is_ok() {
        return Ok(SecretBytes::take_from(&mut key));
    }
    key.zeroize();
    let malformed = UnlockError::Malformed("the key file does not hold 32 bytes in hexadecimal or base64");
    match STANDARD.decode(text).map(SecretBytes::new) {
        Ok(decoded) if decoded.len() == KEY_LEN => Ok(decoded),
        _ => Err(malformed),
    }
}

fn parse_shares(crypto: &dyn Crypto, lines: &[SecretBytes]) -> Result<Vec<RecoveryShare>, UnlockError> {
    let parse = |(at, line): (usize, &SecretBytes)| {
        let named = |what| UnlockError::Shares(format!("share number {} of those given: {what}", at + 1));
        RecoveryShare::parse(crypto, line).map_err(named)
    };
    lines.iter().enumerate().map(parse).collect()
}

/// The secret of enough shares, all of which must be of the set.
fn secret_of_shares(
    crypto: &dyn Crypto,
    lines: &[SecretBytes],
    (set, threshold, commitments): (&[u8; SET_LEN], u8, &[Commitment]),
) -> Result<SecretBytes, UnlockError> {
    let mut found: BTreeMap<u8, Share> = BTreeMap::new();
    for share in parse_shares(crypto, lines)? {
        let index = share.share.index;
        if share.set != *set {
            let (theirs, ours) = (hex::encode(share.set), hex::encode(set));
            let what = format!("share {index} belongs to another set, {theirs}: this store's is {ours}");
            return Err(UnlockError::Shares(what));
        }
        let commitment = Commitment(share.commitment(crypto));
        if usize::from(index).checked_sub(1).and_then(|at| commitments.get(at)) != Some(&commitment) {
            let what = format!("share {index} is not the one that was handed out under this number");
            return Err(UnlockError::Shares(what));
        }
        found.insert(index, share.share);
    }
    if found.len() < threshold.into() {
        let what = format!("{threshold} different shares are needed, and {} given", found.len());
        return Err(UnlockError::Shares(what));
    }
    combine(found.values().take(threshold.into())).map_err(failed)
}

/// What keeps a whole set of shares. All must be there and be shares of one secret: a set with a bad share in it would
/// be found out when it is too late.
fn by_shares(crypto: &dyn Crypto, lines: &[SecretBytes]) -> Result<By, UnlockError> {
    let wrong = |what: &str| Err(UnlockError::Shares(what.to_owned()));
    let shares = parse_shares(crypto, lines)?;
    let Some(first) = shares.first() else { return wrong("there is no share") };
    let (set, threshold) = (first.set, first.threshold);
    if shares.iter().any(|share| (share.set, share.threshold) != (set, threshold)) {
        return wrong("the shares are of several sets");
    }
    if shares.iter().enumerate().any(|(at, share)| usize::from(share.share.index) != at + 1) {
        return wrong("a new set of shares must be whole, from share 1 on and in order");
    }
    let threshold_shares = usize::from(threshold);
    if threshold < 2 || threshold_shares > shares.len() {
        return wrong("there are fewer shares than their threshold");
    }
    let parts: Vec<&Share> = shares.iter().map(|share| &share.share).collect();
    let (common, others) = parts.split_at(threshold_shares - 1);
    let mut secret: Option<SecretBytes> = None;
    for other in others {
        let found = combine(common.iter().copied().chain([*other])).map_err(failed)?;
        if secret.as_ref().is_some_and(|secret| !crypto.equal(secret.expose(), found.expose())) {
            return wrong("the shares are not all of one secret");
        }
        secret = Some(found);
    }
    let commitments = shares.iter().map(|share| Commitment(share.commitment(crypto))).collect();
    Ok(By::Shares { set, threshold, commitments })
}
