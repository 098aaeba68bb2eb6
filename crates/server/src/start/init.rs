//! Making a store: root key file, store, realm, CA, and the first administrator with certificate and token. Every step
//! looks at what is there first, so that one that broke off is taken up again. Not here: running the server.

use std::collections::BTreeSet;
use std::path::Path;

use keyreeve_core::ErrorKind;
use keyreeve_core::SecretBytes;
use keyreeve_core::model::{CredentialId, RealmId, Role};
use keyreeve_core::operations::principals::{
    AddCredential, CreatePrincipal, NewCredential, authenticate, new_id,
};
use keyreeve_core::operations::server::{Initialize, PutServerData};
use keyreeve_core::record::{Record, RecordKey};
use keyreeve_pki::{CertificateAuthority, CertificateInfo, Issued, pem};
use keyreeve_store::{Store, Unlock};

use super::error::StartError;
use super::files::{check_data_dir, make_dir, write_public, write_secret};
use super::open::{AUTHORITY, Opened, crypto, store_options};
use super::signer::{self, SIGNER};
use crate::authn::enrolment::{self, CLIENT_DAYS_DEFAULT};
use crate::authn::{certificate, token};
use crate::config::Config;
use crate::memory::protect;
use crate::offline::root::new_unlocks;
use crate::offline::shares::Shares;

/// The first administrator.
const ADMIN: &str = "admin";

/// Recovery shares that are to be made with a store.
pub struct NewShares<'a> {
    /// How many.
    pub count: u8,
    /// How many of them unlock the root key: 2 to `count`.
    pub threshold: u8,
    /// Gives them to people; what they do not get is lost.
    pub hand_out: &'a dyn Fn(&Shares) -> Result<(), StartError>,
}

/// Makes the store of the configuration, and in `out` the files `ca.pem`, `anchor.json`, `client.pem`, `client.key` and
/// `token` of its first administrator. A key file that is named and missing is made; recovery shares are made where that is asked for.
///
/// # Errors
/// Where there is a store already, where others may write to its folder, and where anything cannot be written.
pub fn init(config: &Config, out: &Path, shares: Option<&NewShares<'_>>) -> Result<(), StartError> {
    protect(config.memory.lock)?;
    // What is wrong with the folder is found before there is a store.
    make_dir(out)?;
    let unlock = create_store(config, shares)?;
    let opened = Opened::open(config, &unlock)?;
    found(&opened)?;
    write_client_files(&opened, out)?;
    opened.close()
}

/// Makes the store with its root key, and the root key's file where that is missing; gives what opens it.
///
/// INVARIANT: shares are handed out before there is a store that only they open.
pub(super) fn create_store(config: &Config, shares: Option<&NewShares<'_>>) -> Result<Unlock, StartError> {
    let crypto = crypto()?;
    make_dir(&config.data.dir)?;
    check_data_dir(&config.data.dir)?;
    let made = shares.map(|shares| Shares::new(shares.count, shares.threshold)).transpose()?;
    let mut unlocks = new_unlocks(&config.unlock, made.as_ref())?;
    if let (Some(shares), Some(made)) = (shares, &made) {
        (shares.hand_out)(made)?;
    }
    Store::create(&store_options(config, crypto), &*unlocks)?;
    Ok(unlocks.swap_remove(0))
}

/// Makes the realm, the CA and the signing key where they are missing.
pub(super) fn found(opened: &Opened) -> Result<(), StartError> {
    let missing = |key: RecordKey| {
        let record = opened.engine.store().get(&key).map_err(StartError::operation("read the store"))?;
        Ok::<_, StartError>(record.is_none())
    };
    if missing(RecordKey::Realm(RealmId::DEFAULT))? {
        opened.execute("make the realm", &Initialize)?;
    }
    if missing(RecordKey::Server(AUTHORITY.into()))? {
        let now_seconds = opened.engine.clock().now().seconds().max(0) as u64;
        let Issued { certificate, key } = CertificateAuthority::create(now_seconds)?;
        let secret = Some(SecretBytes::copy_from(key.pkcs8_der()));
        let put = PutServerData { name: AUTHORITY.into(), data: certificate.to_vec(), secret };
        opened.execute("keep the certificate authority", &put)?;
    }
    if missing(RecordKey::Server(SIGNER.into()))? {
        signer::create(opened)?;
        signer::start(opened)?;
    }
    Ok(())
}

/// Writes the administrator's files: those that are there and still count stay as they are.
pub(super) fn write_client_files(opened: &Opened, dir: &Path) -> Result<(), StartError> {
    make_dir(dir)?;
    let authority = opened.authority()?;
    let ca = pem::encode_certificate(authority.certificate());
    if !std::fs::read(dir.join("ca.pem")).is_ok_and(|present| present == ca.as_bytes()) {
        write_public(&dir.join("ca.pem"), ca.as_bytes())?;
    }
    if !has_client_certificate(opened, dir) {
        write_client_certificate(opened, &authority, dir)?;
    }
    if !has_token(opened, dir) {
        let crypto = &**opened.engine.crypto();
        let (token, credential) =
            token::generate(crypto, None).map_err(StartError::operation("make a token"))?;
        add_to_admin(opened, credential)?;
        write_secret(&dir.join("token"), token.as_bytes())?;
    }
    signer::write_anchor(opened, dir)
}

fn write_client_certificate(
    opened: &Opened,
    authority: &CertificateAuthority,
    dir: &Path,
) -> Result<(), StartError> {
    let doing = "issue the administrator's certificate";
    let id = admin(opened)?;
    let validity = (opened.engine.clock().now(), CLIENT_DAYS_DEFAULT);
    let enrolled =
        enrolment::issue(authority, (id, ADMIN), None, validity).map_err(StartError::operation(doing))?;
    add_to_admin(opened, enrolled.credential)?;
    if let Some(key) = &enrolled.key {
        write_secret(&dir.join("client.key"), key.pkcs8_pem().as_bytes())?;
    }
    write_public(&dir.join("client.pem"), pem::encode_certificate(&enrolled.certificate).as_bytes())
}

/// The administrator, made where there is none.
fn admin(opened: &Opened) -> Result<keyreeve_core::model::PrincipalId, StartError> {
    let doing = "make the administrator";
    let address = RecordKey::PrincipalName(RealmId::DEFAULT, ADMIN.into());
    let record = opened.engine.store().get(&address).map_err(StartError::operation(doing))?;
    if let Some(Record::PrincipalName { principal, .. }) = record.as_deref() {
        return Ok(*principal);
    }
    let id = new_id(&**opened.engine.crypto(), opened.engine.clock().now())
        .map_err(StartError::operation(doing))?;
    let roles = BTreeSet::from([Role::Admin]);
    opened.execute(
        doing,
        &CreatePrincipal { id, name: ADMIN.into(), roles, credentials: Vec::new(), person: false },
    )?;
    Ok(id)
}

fn add_to_admin(opened: &Opened, credential: NewCredential) -> Result<(), StartError> {
    admin(opened)?;
    let add = AddCredential { name: ADMIN.into(), credential, replace: false };
    opened.execute("give the administrator a credential", &add)?;
    Ok(())
}

fn has_client_certificate(opened: &Opened, dir: &Path) -> bool {
    let Ok(text) = std::fs::read(dir.join("client.pem")) else { return false };
    let certificates = pem::decode_certificates(&text).unwrap_or_default();
    let info = certificates.first().and_then(|certificate| CertificateInfo::read(certificate).ok());
    dir.join("client.key").exists() && info.is_some_and(|info| counts(opened, certificate::proof(&info)))
}

fn has_token(opened: &Opened, dir: &Path) -> bool {
    let Ok(token) = std::fs::read_to_string(dir.join("token")).map(zeroize::Zeroizing::new) else {
        return false;
    };
    token::proof(&**opened.engine.crypto(), token.trim()).is_some_and(|proof| counts(opened, proof))
}

/// Whether a credential in a file is one of this store's. A store that cannot be read says so at the next step.
fn counts(opened: &Opened, proof: CredentialId) -> bool {
    let known = authenticate(&**opened.engine.store(), proof, &[], opened.engine.clock().now());
    !matches!(known, Err(error) if error.kind() == ErrorKind::Unauthenticated)
}
