//! Certificates of organisations as proof: an authority that the configuration names has issued them, its revocation lists do not
//! hold them, and one of their names is on record. Not here: the handshake (listen), and whether the name's owner counts, which
//! the store knows.
//!
//! INVARIANT: what cannot be told to count does not count: an old revocation list, or none of an authority that is on the way.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use keyreeve_core::model::{CredentialId, CredentialKind, Time};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::{Error, ErrorKind, Result};
use keyreeve_pki::{SubjectName, pem, subject_names};
use parking_lot::RwLock;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, OtherError};
use tracing::{info, warn};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use crate::config::{OrganisationConfig, OrganisationName};
use crate::listen::{self, Member};
use crate::server_identity::{AUTHORITIES_BYTES_MAX, authorities, read_regular};
use crate::start::StartError;

/// Goes before what the id of such a credential is a hash of, so that it meets no other kind's.
const DOMAIN: &[u8] = b"keyreeve credential certificate 1\0";
/// Bytes of a name at most.
const NAME_BYTES_MAX: usize = 1024;
/// Bytes of a file with revocation lists at most.
const LISTS_BYTES_MAX: u64 = 64 << 20;
/// For so long an organisation's word about an open connection counts without being asked for again.
const WORD_SECONDS: i64 = 60;
/// How often files are looked into.
const LOOKED_INTO_EVERY_SECONDS: i64 = 30;

/// The organisations whose certificates are taken.
#[derive(Default)]
pub struct Organisations {
    each: Vec<Organisation>,
    /// Counts up with each change of what the files hold.
    state: AtomicU64,
    looked_seconds: AtomicI64,
}

struct Organisation {
    settings: OrganisationConfig,
    verifier: RwLock<Loaded>,
}

/// What the files of an organisation hold.
struct Loaded {
    files: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
    /// What kept them from being read again was told.
    is_told: bool,
}

impl fmt::Debug for Organisations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.each.iter().map(|each| &each.settings.name)).finish()
    }
}

impl Organisations {
    /// Those of the configuration.
    ///
    /// # Errors
    /// For files that cannot be read, or do not hold what they should.
    pub fn configured(configured: &[OrganisationConfig]) -> Result<Self, StartError> {
        let organisation = |settings: &OrganisationConfig| {
            let loaded = Loaded::read(settings)
                .map_err(|cause| StartError::Value(format!("the organisation {}: {cause}", settings.name)))?;
            Ok::<_, StartError>(Organisation { settings: settings.clone(), verifier: RwLock::new(loaded) })
        };
        Ok(Self { each: configured.iter().map(organisation).collect::<Result<_, _>>()?, ..Self::default() })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Reads files again that may have changed since, at a moment in Unix seconds. What cannot be read stays as it was, for
    /// as long as its revocation lists count.
    pub fn refresh_if_due(&self, now_seconds: i64) {
        let looked = self.looked_seconds.load(Ordering::Relaxed);
        if self.each.is_empty() || (looked..looked + LOOKED_INTO_EVERY_SECONDS).contains(&now_seconds) {
            return;
        }
        self.looked_seconds.store(now_seconds, Ordering::Relaxed);
        self.refresh();
    }

    /// Whether all files can be read now.
    ///
    /// # Errors
    /// The first that cannot, or does not hold what it should.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |each: &Organisation, cause| format!("the organisation {}: {cause}", each.settings.name);
        self.each
            .iter()
            .try_for_each(|each| Loaded::read(&each.settings).map(drop).map_err(|cause| wrong(each, cause)))
    }

    /// Reads the files again.
    pub fn refresh(&self) {
        for each in &self.each {
            let (name, read) = (&each.settings.name, Loaded::read(&each.settings));
            let mut known = each.verifier.write();
            match read {
                Ok(read) if read.files == known.files => known.is_told = false,
                Ok(read) => {
                    *known = read;
                    self.state.fetch_add(1, Ordering::Release);
                    info!(organisation = name, "its authorities and revocation lists were read anew");
                }
                Err(_) if known.is_told => {}
                Err(cause) => {
                    known.is_told = true;
                    warn!(organisation = name, %cause, "its files cannot be read: what was read last counts on");
                }
            }
        }
    }

    /// What a name in certificates of an organisation is looked up by, and how it is kept.
    ///
    /// # Errors
    /// `InvalidField` for an organisation that the configuration does not name, and what cannot be a name there.
    pub fn credential(
        &self,
        crypto: &dyn Crypto,
        organisation: &str,
        name: &str,
        expires: Option<Time>,
    ) -> Result<NewCredential> {
        let refused = |text: String| Error::new(ErrorKind::InvalidField, text);
        let settings = self.settings(organisation)?;
        let field = settings.names.word();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
            return Err(refused(format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters")));
        }
        let is_hash = |text: &str| {
            text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if settings.names == OrganisationName::PublicKey && !is_hash(name) {
            return Err(refused(
                "a public key is named by the SHA-256 of its SubjectPublicKeyInfo, in 64 digits".into(),
            ));
        }
        let name =
            if settings.names == OrganisationName::Dns { name.to_ascii_lowercase() } else { name.to_owned() };
        let id = id(crypto, organisation, field, &name);
        let kind = CredentialKind::Member { organisation: organisation.into(), field: field.into(), name };
        Ok(NewCredential { id, kind, expires, is_given: true })
    }

    /// The name that counts in a certificate (PEM) of an organisation. Nobody's word is asked for.
    ///
    /// # Errors
    /// `InvalidField` where it has none, or several.
    pub fn name_in(&self, organisation: &str, certificate: &str) -> Result<String> {
        let refused = |text: String| Error::new(ErrorKind::InvalidField, text);
        let settings = self.settings(organisation)?;
        let read =
            pem::decode_certificates(certificate.as_bytes()).map_err(|error| refused(error.to_string()))?;
        let leaf = read.first().ok_or_else(|| refused("there is no certificate in PEM".to_owned()))?;
        only_name(leaf, settings.names).map_err(refused)
    }

    /// Realms whose administrators may say who an organisation's members are.
    ///
    /// # Errors
    /// `InvalidField` where there is no such organisation.
    pub fn realms(&self, organisation: &str) -> Result<&[String]> {
        Ok(&self.settings(organisation)?.realms)
    }

    fn settings(&self, organisation: &str) -> Result<&OrganisationConfig> {
        let found = self.each.iter().find(|each| each.settings.name == organisation);
        found.map(|each| &each.settings).ok_or_else(|| {
            let text = format!(
                "no organisation is called {organisation:?}: the configuration names them in authn.certificates"
            );
            Error::new(ErrorKind::InvalidField, text)
        })
    }

    /// What a member is looked up by, where the organisation still stands by it now.
    ///
    /// # Errors
    /// Why it does not, for the log.
    pub fn proof(&self, crypto: &dyn Crypto, member: &Member, now: Time) -> Result<CredentialId, String> {
        let (asked, state) =
            (member.asked_seconds.load(Ordering::Relaxed), self.state.load(Ordering::Acquire));
        let is_fresh = (asked..asked + WORD_SECONDS).contains(&now.seconds());
        if !is_fresh || member.state.load(Ordering::Relaxed) != state {
            let seconds = u64::try_from(now.seconds()).unwrap_or(0);
            let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let again =
                listen::Organisations::member(self, &member.chain, at).map_err(|error| error.to_string())?;
            let same =
                |again: &Member| (&again.organisation, &again.name) == (&member.organisation, &member.name);
            if !again.as_ref().is_some_and(same) {
                return Err("a certificate that no organisation stands by any more".to_owned());
            }
            member.asked_seconds.store(now.seconds(), Ordering::Relaxed);
            member.state.store(state, Ordering::Relaxed);
        }
        Ok(id(crypto, &member.organisation, member.field, &member.name))
    }
}

impl listen::Organisations for Organisations {
    fn member(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Option<Member>, rustls::Error> {
        let state = self.state.load(Ordering::Acquire);
        let Some((leaf, others)) = chain.split_first() else { return Ok(None) };
        let mut refused = None;
        for Organisation { settings, verifier } in &self.each {
            let verifier = verifier.read().verifier.clone();
            match verifier.verify_client_cert(leaf, others, now) {
                Ok(_) => {}
                // By nobody here, or by an authority that only bears the same name as one here.
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature,
                )) => continue,
                // This one's authorities have issued it, and do not stand by it any more.
                Err(
                    error @ rustls::Error::InvalidCertificate(
                        CertificateError::Revoked
                        | CertificateError::UnknownRevocationStatus
                        | CertificateError::ExpiredRevocationList
                        | CertificateError::ExpiredRevocationListContext { .. },
                    ),
                ) => return Err(error),
                // Another may know it better.
                Err(error) => {
                    refused.get_or_insert(error);
                    continue;
                }
            }
            let name = only_name(leaf, settings.names).map_err(|cause| {
                let cause = format!("a certificate of {}: {cause}", settings.name);
                CertificateError::Other(OtherError(Arc::new(std::io::Error::other(cause))))
            })?;
            let asked = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            return Ok(Some(Member {
                organisation: settings.name.clone(),
                field: settings.names.word(),
                name,
                chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
                asked_seconds: AtomicI64::new(asked),
                state: AtomicU64::new(state),
            }));
        }
        refused.map_or(Ok(None), Err)
    }
}

impl Loaded {
    fn read(settings: &OrganisationConfig) -> Result<Self, String> {
        let mut files = read_regular(&settings.ca_file, AUTHORITIES_BYTES_MAX)?;
        let roots = authorities(&settings.ca_file, &files)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        if let Some(file) = &settings.crl_file {
            let wrong = |cause: &dyn fmt::Display| format!("crl_file {}: {cause}", file.display());
            let bytes = read_regular(file, LISTS_BYTES_MAX).map_err(|cause| wrong(&cause))?;
            let lists = read_lists(&bytes).map_err(|cause| wrong(&cause))?;
            builder = builder.with_crls(lists).enforce_revocation_expiration();
            files.extend_from_slice(&bytes);
        }
        let verifier = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { files, verifier, is_told: false })
    }
}

/// Revocation lists in PEM, or one in DER.
fn read_lists(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(bytes).collect();
    let mut lists = lists.map_err(|error| error.to_string())?;
    // Of several lists of one authority the verifier looks at the first.
    lists.sort_by_cached_key(|list| Reverse(made(list)));
    if lists.is_empty() { Err("it holds no revocation list in PEM or DER".to_owned()) } else { Ok(lists) }
}

/// When a list was made, in seconds since 1970; what is no list goes first, so that it is refused.
fn made(list: &CertificateRevocationListDer<'_>) -> i64 {
    let read = CertificateRevocationList::from_der(list);
    read.map_or(i64::MAX, |(_, list)| list.tbs_cert_list.this_update.timestamp())
}

/// The one name of this kind. INVARIANT: none is chosen among several: whoever lets one be added must not give away another's place.
fn only_name(certificate: &CertificateDer<'_>, kind: OrganisationName) -> Result<String, String> {
    let names = subject_names(certificate, kind.of_certificate()).map_err(|error| error.to_string())?;
    let word = kind.word();
    match &names[..] {
        [name] if name.len() <= NAME_BYTES_MAX => Ok(name.clone()),
        [_] => Err(format!("its {word} is longer than {NAME_BYTES_MAX} bytes")),
        [] => Err(format!("it has no {word}")),
        _ => Err(format!("it has {} names of the kind {word}: one must tell whom it is for", names.len())),
    }
}

fn id(crypto: &dyn Crypto, organisation: &str, field: &str, name: &str) -> CredentialId {
    let lengths = [organisation, field].map(|text| (text.len() as u64).to_be_bytes());
    CredentialId(crypto.sha256(&[
        DOMAIN,
        &lengths[0],
        organisation.as_bytes(),
        &lengths[1],
        field.as_bytes(),
        name.as_bytes(),
    ]))
}

impl OrganisationName {
    fn of_certificate(self) -> SubjectName {
        match self {
            Self::Uri => SubjectName::Uri,
            Self::Dns => SubjectName::Dns,
            Self::Email => SubjectName::Email,
            Self::Subject => SubjectName::Subject,
            Self::PublicKey => SubjectName::PublicKey,
        }
    }
}
