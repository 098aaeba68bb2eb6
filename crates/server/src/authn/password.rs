//! Passwords of people, with one-time codes: stretching, and checking both. Not here: waiting after failures (attempts), and
//! the codes themselves (totp).
//!
//! Secret = Argon2id(password); check = HKDF-SHA-256(salt, secret, "keyreeve/password-check/v1"); the seed of one-time codes is
//! sealed by AES-256-GCM under HKDF-SHA-256(salt, secret, "keyreeve/one-time-codes/v1"), with the credential's id as AAD.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use keyreeve_core::model::{
    Credential, CredentialId, CredentialKind, Password, Principal, RealmId, Time, Totp,
};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::record::{Record, RecordKey};
use keyreeve_core::{Error, ErrorKind, Result, SecretBytes};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{Authenticator, refused, totp};

/// Bytes of a new password.
const BYTES: std::ops::RangeInclusive<usize> = 12..=1024;
/// Argon2id's memory and passes for a new password.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// What a record may ask for at most: bounds what an altered one makes us allocate.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 64;
/// Passwords that are stretched at a time: each takes a core and its memory.
const RUNNING_MAX: usize = 2;
/// Passwords that are stretched or wait for it.
const WAITING_MAX: usize = 32;
const SECRET_BYTES: usize = 32;

/// Goes before the salt in what the id of a password is a hash of.
const DOMAIN: &[u8] = b"keyreeve credential password 1\0";

/// Bounds how much of the machine strangers with passwords may keep busy.
pub(super) struct Stretching {
    running: Semaphore,
    waiting: Semaphore,
    #[cfg(test)]
    done: std::sync::atomic::AtomicU64,
}

impl Default for Stretching {
    fn default() -> Self {
        Self {
            running: Semaphore::new(RUNNING_MAX),
            waiting: Semaphore::new(WAITING_MAX),
            #[cfg(test)]
            done: Default::default(),
        }
    }
}

impl Stretching {
    /// How many passwords were stretched.
    #[cfg(test)]
    pub(super) fn done(&self) -> u64 {
        self.done.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Every place there is.
    #[cfg(test)]
    pub(super) fn take_all(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.waiting.try_acquire_many(WAITING_MAX as u32).unwrap()
    }

    /// What a password stretches to, off the threads that serve connections.
    ///
    /// # Errors
    /// `Unavailable` where too many wait.
    async fn stretch(
        &self,
        password: Zeroizing<String>,
        (salt, memory_kib, passes): ([u8; 16], u32, u32),
    ) -> Result<SecretBytes> {
        let full = |_| Error::new(ErrorKind::Unavailable, "too many logins by password; try again");
        let _waits = self.waiting.try_acquire().map_err(full)?;
        let _runs = self.running.acquire().await.map_err(Error::internal)?;
        if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX {
            return Err(Error::internal("a password's Argon2id parameters are out of bounds"));
        }
        let parameters = Params::new(memory_kib, passes, 1, Some(SECRET_BYTES)).map_err(Error::internal)?;
        let work = move || {
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
            let mut secret = [0; SECRET_BYTES];
            let done = argon.hash_password_into(password.as_bytes(), &salt, &mut secret);
            done.map(|()| SecretBytes::take_from(&mut secret))
        };
        #[cfg(test)]
        self.done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

/// Whom a password and a code prove, by which credential, and by the code of which time step.
pub(super) struct ByPassword {
    pub(super) principal: Arc<Principal>,
    pub(super) proof: CredentialId,
    pub(super) step: Option<u64>,
    /// The seed of the codes.
    pub(super) seed: Option<SecretBytes>,
}

/// A new password. Holds a secret.
pub struct NewPassword {
    /// The credential that it is.
    pub credential: NewCredential,
    /// The seed of its one-time codes, in base32, told this once.
    pub seed: Option<Zeroizing<String>>,
}

impl Authenticator {
    /// A credential by a new password, with one-time codes where they are wanted.
    ///
    /// # Errors
    /// `InvalidField` for a password that is too short or too long; as stretching.
    pub async fn new_password(
        &self,
        password: Zeroizing<String>,
        with_totp: bool,
        expires: Option<Time>,
    ) -> Result<NewPassword> {
        check_length(&password)?;
        let seed = with_totp.then(|| totp::new_seed(&**self.engine.crypto())).transpose()?;
        let credential = self.kept(password, (seed.as_ref(), None), expires).await?;
        Ok(NewPassword { credential, seed: seed.as_ref().map(totp::text) })
    }

    /// A credential by another password, with the one-time codes of the one that was shown.
    ///
    /// # Errors
    /// As stretching.
    pub(super) async fn other_password(
        &self,
        password: Zeroizing<String>,
        shown: &ByPassword,
    ) -> Result<NewCredential> {
        self.kept(password, (shown.seed.as_ref(), shown.step), None).await
    }

    /// What is kept of a password and of its codes: the seed, and the step of the last one that was taken.
    async fn kept(
        &self,
        password: Zeroizing<String>,
        (seed, last_step): (Option<&SecretBytes>, Option<u64>),
        expires: Option<Time>,
    ) -> Result<NewCredential> {
        let crypto = &**self.engine.crypto();
        let mut salt = [0; 16];
        crypto.fill(&mut salt)?;
        let secret = self.stretching.stretch(password, (salt, MEMORY_KIB, PASSES)).await?;
        let id = CredentialId(crypto.sha256(&[DOMAIN, &salt]));
        let totp = match seed {
            Some(seed) => {
                let mut nonce = [0; 12];
                crypto.fill(&mut nonce)?;
                let key = codes_key(crypto, &salt, &secret);
                let sealed = crypto.aead_seal(key.expose(), &nonce, &id.0, seed.expose())?;
                Some(Totp { nonce, sealed, last_step })
            }
            None => None,
        };
        let check = check(crypto, &salt, &secret)?;
        let kept = Password { salt, memory_kib: MEMORY_KIB, passes: PASSES, check, totp };
        Ok(NewCredential { id, kind: CredentialKind::Password(kept), expires, is_given: false })
    }

    /// Whom a name, a password and a code prove. A name that nobody has, also since there is no such realm, costs what a wrong
    /// password does.
    ///
    /// # Errors
    /// `Unauthenticated`; as stretching.
    pub(super) async fn by_password(
        &self,
        (realm, name): (Option<RealmId>, &str),
        password: Zeroizing<String>,
        code: Option<&str>,
    ) -> Result<ByPassword> {
        if password.len() > *BYTES.end() {
            return Err(refused("a login with a password that is longer than any"));
        }
        let (crypto, now) = (&**self.engine.crypto(), self.engine.clock().now());
        let known = match realm {
            Some(realm) => self.password_of((realm, name), now)?,
            None => None,
        };
        let stretched_by = known
            .as_ref()
            .map_or(([0; 16], MEMORY_KIB, PASSES), |(_, _, kept)| (kept.salt, kept.memory_kib, kept.passes));
        let secret = self.stretching.stretch(password, stretched_by).await?;
        let found = check(crypto, &stretched_by.0, &secret)?;
        let wanted = known.as_ref().map_or([0; SECRET_BYTES], |(_, _, kept)| kept.check);
        let is_right = crypto.equal(&found, &wanted);
        let Some((principal, proof, kept)) = known else {
            return Err(refused("a login by a password under a name that has none"));
        };
        if !is_right {
            return Err(refused(format!("a wrong password of {}", principal.name)));
        }
        let (step, seed) = match &kept.totp {
            Some(codes) => {
                let key = codes_key(crypto, &kept.salt, &secret);
                let seed = crypto.aead_open(key.expose(), &codes.nonce, &proof.0, &codes.sealed)?;
                let taken = totp::check(crypto, &seed, code.unwrap_or_default(), now)?;
                let Some(step) = taken else {
                    return Err(refused(format!("a wrong one-time code of {}", principal.name)));
                };
                if codes.last_step.is_some_and(|last| step <= last) {
                    return Err(refused(format!(
                        "a one-time code of {} for the second time",
                        principal.name
                    )));
                }
                (Some(step), Some(seed))
            }
            None => (None, None),
        };
        Ok(ByPassword { principal, proof, step, seed })
    }

    /// The password under a name, where there is one that counts.
    fn password_of(
        &self,
        (realm, name): (RealmId, &str),
        now: Time,
    ) -> Result<Option<(Arc<Principal>, CredentialId, Password)>> {
        let store = self.engine.store();
        let Some(id) = self.engine.principal_named(realm, name)? else { return Ok(None) };
        let Some(Record::Principal(principal)) = store.get(&RecordKey::Principal(id))?.as_deref().cloned()
        else {
            return Ok(None);
        };
        if !principal.counts_at(now) {
            return Ok(None);
        }
        for id in principal.credentials.iter().rev() {
            let record = store.get(&RecordKey::Credential(*id))?;
            let Some(Record::Credential(known)) = record.as_deref() else { continue };
            let Credential { kind: CredentialKind::Password(kept), .. } = &**known else { continue };
            if known.counts_at(now) && known.principal == principal.id {
                return Ok(Some((principal.clone(), *id, kept.clone())));
            }
        }
        Ok(None)
    }
}

/// Holds a new password to its length.
///
/// # Errors
/// `InvalidField`.
pub(super) fn check_length(password: &str) -> Result<()> {
    if BYTES.contains(&password.len()) {
        return Ok(());
    }
    let public = format!("a password has {} to {} bytes", BYTES.start(), BYTES.end());
    Err(Error::new(ErrorKind::InvalidField, public))
}

fn check(crypto: &dyn Crypto, salt: &[u8], secret: &SecretBytes) -> Result<[u8; 32]> {
    let check = crypto.hkdf_sha256(salt, secret.expose(), &[b"keyreeve/password-check/v1"]);
    check.expose().try_into().map_err(Error::internal)
}

fn codes_key(crypto: &dyn Crypto, salt: &[u8], secret: &SecretBytes) -> SecretBytes {
    crypto.hkdf_sha256(salt, secret.expose(), &[b"keyreeve/one-time-codes/v1"])
}
