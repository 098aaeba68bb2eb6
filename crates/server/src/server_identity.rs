//! The server's own certificate: made by the house's CA at every start, kept in memory only, and made anew at half its
//! life, or when the clock is set back; or read from files that somebody else keeps up to date. It can be exchanged while the server runs. Not here: the
//! CA's key (start), client certificates (authn).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyreeve_core::ports::clock::Clock;
use keyreeve_pki::{CertificateAuthority, CertificateInfo, SERVER_VALIDITY_DAYS, Validity, pem};
use parking_lot::Mutex;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer, ServerName,
};
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::config::{Config, Listen};
use crate::listen::{
    ClientCertificate, Dialer, Organisations, PinnedCertificates, Replacement, TlsEndpoint, TlsError,
    TlsSettings,
};
use crate::start::StartError;
use crate::start::files::read_secret;

/// After this time a certificate is made anew.
const RENEW_SECONDS: i64 = SERVER_VALIDITY_DAYS as i64 * 86_400 / 2;

/// Bytes of a file with certificates.
const CHAIN_BYTES_MAX: u64 = 1 << 20;

/// Bytes of a file with authorities.
pub(crate) const AUTHORITIES_BYTES_MAX: u64 = 1 << 20;

/// A server's certificate and the endpoints that show it. Holds secrets.
pub struct ServerIdentity {
    authority: Arc<CertificateAuthority>,
    clock: Arc<dyn Clock>,
    current: Mutex<Current>,
}

struct Current {
    shown: Shown,
    endpoints: Vec<Endpoint>,
}

/// A certificate with its key. Holds a secret.
struct Shown {
    wanted: Wanted,
    chain: Vec<CertificateDer<'static>>,
    key: Zeroizing<PrivateKeyDer<'static>>,
    since_seconds: i64,
}

/// Where a certificate comes from.
#[derive(Clone, PartialEq, Eq)]
enum Wanted {
    /// The house's CA, for these DNS names and addresses.
    Issued(Vec<ServerName<'static>>),
    /// Files with the chain and the private key.
    Files { certificate: PathBuf, key: PathBuf },
}

struct Endpoint {
    endpoint: Arc<TlsEndpoint>,
    door: Door,
}

/// What makes the endpoint of a listener, besides the certificate that all show.
#[derive(Clone)]
pub struct Door {
    /// Whether clients need a certificate.
    pub client_certificate: ClientCertificate,
    /// Application protocols in order of preference.
    pub protocols: &'static [&'static str],
    /// For old appliances, and which of their certificates are taken.
    pub appliances: Option<Arc<dyn PinnedCertificates>>,
    /// Others who vouch for clients.
    pub organisations: Option<Arc<dyn Organisations>>,
}

/// Another certificate, checked, with a TLS configuration for each endpoint. Holds secrets.
pub struct Checked {
    shown: Shown,
    replacements: Vec<Replacement>,
}

impl ServerIdentity {
    /// With the certificate that the configuration names, or a new one of this CA.
    ///
    /// # Errors
    /// For a name that a certificate cannot carry, or files that hold no certificate with its key; the CA's.
    pub fn new(
        authority: Arc<CertificateAuthority>,
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let shown = Shown::new(wanted(config)?, &authority, clock.now().seconds())?;
        let current = Mutex::new(Current { shown, endpoints: Vec::new() });
        Ok(Self { authority, clock, current })
    }

    /// A TLS endpoint that shows the certificate, now and after each exchange.
    ///
    /// # Errors
    /// [`TlsError`] where the certificate makes none.
    pub fn endpoint(&self, door: Door) -> Result<Arc<TlsEndpoint>, TlsError> {
        let Current { shown, endpoints } = &mut *self.current.lock();
        let endpoint = Arc::new(TlsEndpoint::new(self.settings(shown, &door))?);
        endpoints.push(Endpoint { endpoint: endpoint.clone(), door });
        Ok(endpoint)
    }

    /// How to connect, showing this certificate, to whom these authorities vouch for.
    ///
    /// # Errors
    /// [`TlsError`] where the certificate does not fit its key.
    pub fn dialer(&self, authorities: &Arc<RootCertStore>) -> Result<Dialer, TlsError> {
        let Current { shown, .. } = &*self.current.lock();
        Dialer::new(shown.chain.clone(), &shown.key, authorities)
    }

    /// What this configuration wants to be shown, ready to take its place; nothing where that is shown already.
    ///
    /// # Errors
    /// As `new`; [`TlsError`] where certificate and key do not fit.
    pub fn check(&self, config: &Config) -> Result<Option<Checked>, StartError> {
        let wanted = wanted(config)?;
        let now_seconds = self.clock.now().seconds();
        {
            let current = self.current.lock();
            let is_issued = matches!(wanted, Wanted::Issued(_)) && wanted == current.shown.wanted;
            if is_issued && current.due(now_seconds).is_none() {
                return Ok(None);
            }
        }
        // Files may take long to read: nobody waits for that.
        let shown = Shown::new(wanted, &self.authority, now_seconds)?;
        let current = self.current.lock();
        if (&shown.wanted, &shown.chain, shown.key.secret_der())
            == (&current.shown.wanted, &current.shown.chain, current.shown.key.secret_der())
        {
            return Ok(None);
        }
        self.replacements(shown, &current.endpoints).map(Some)
    }

    /// Shows another certificate to all who connect from now on; connections that are open go on.
    pub fn show(&self, checked: Checked) {
        self.current.lock().show(checked);
    }

    /// When the certificate that is shown ends, in seconds since 1970.
    pub fn ends(&self) -> Option<i64> {
        let current = self.current.lock();
        let info = CertificateInfo::read(current.shown.chain.first()?).ok()?;
        Some(info.not_after_seconds)
    }

    /// Makes a certificate of the house's CA anew where half its life is over, or where the clock was set back before its
    /// beginning. A failure is logged and tried again the next
    /// time.
    pub fn renew_if_due(&self) {
        let now_seconds = self.clock.now().seconds();
        let mut current = self.current.lock();
        let Some(wanted) = current.due(now_seconds) else { return };
        let renewed = Shown::new(wanted, &self.authority, now_seconds)
            .and_then(|shown| self.replacements(shown, &current.endpoints));
        match renewed {
            Ok(checked) => {
                current.show(checked);
                info!("the server certificate was made anew");
            }
            Err(cause) => error!(%cause, "cannot make a new server certificate"),
        }
    }

    fn replacements(&self, shown: Shown, endpoints: &[Endpoint]) -> Result<Checked, StartError> {
        let replacement = |endpoint: &Endpoint| Replacement::new(self.settings(&shown, &endpoint.door));
        let replacements = endpoints.iter().map(replacement).collect::<Result<_, _>>()?;
        Ok(Checked { shown, replacements })
    }

    fn settings<'a>(&'a self, shown: &'a Shown, door: &Door) -> TlsSettings<'a> {
        TlsSettings {
            chain: shown.chain.clone(),
            key: borrowed(&shown.key),
            client_authority: self.authority.certificate(),
            client_certificate: door.client_certificate,
            application_protocols: door.protocols,
            appliances: door.appliances.clone(),
            organisations: door.organisations.clone(),
        }
    }
}

impl Checked {
    /// The certificate, in words.
    pub fn describe(&self) -> String {
        let Some(info) = self.shown.chain.first().and_then(|leaf| CertificateInfo::read(leaf).ok()) else {
            return "the server's certificate".to_owned();
        };
        format!("the server's certificate, by {}, until Unix second {}", info.issuer, info.not_after_seconds)
    }
}

impl Current {
    fn show(&mut self, checked: Checked) {
        for (Endpoint { endpoint, .. }, replacement) in self.endpoints.iter().zip(checked.replacements) {
            endpoint.replace(replacement);
        }
        self.shown = checked.shown;
    }

    /// What is to be made anew now.
    fn due(&self, now_seconds: i64) -> Option<Wanted> {
        let Shown { wanted, since_seconds, .. } = &self.shown;
        let is_due = !(0..RENEW_SECONDS).contains(&now_seconds.saturating_sub(*since_seconds));
        (is_due && matches!(wanted, Wanted::Issued(_))).then(|| wanted.clone())
    }
}

impl Shown {
    fn new(wanted: Wanted, authority: &CertificateAuthority, now_seconds: i64) -> Result<Self, StartError> {
        let (chain, key) = match &wanted {
            Wanted::Issued(names) => {
                let validity =
                    Validity { from_seconds: now_seconds.max(0) as u64, days: SERVER_VALIDITY_DAYS };
                let issued = authority.issue_server(names, validity)?;
                let key = PrivatePkcs8KeyDer::from(issued.key.pkcs8_der().to_vec());
                (vec![issued.certificate], Zeroizing::new(key.into()))
            }
            Wanted::Files { certificate, key } => (read_chain(certificate, now_seconds)?, read_key(key)?),
        };
        Ok(Self { wanted, chain, key, since_seconds: now_seconds })
    }
}

/// What the configuration wants to be shown: its files, or a certificate for its names and for the addresses that are
/// listened on where they name one machine.
fn wanted(config: &Config) -> Result<Wanted, StartError> {
    match (&config.tls.certificate_file, &config.tls.key_file) {
        (Some(certificate), Some(key)) => {
            return Ok(Wanted::Files { certificate: certificate.clone(), key: key.clone() });
        }
        (None, None) => {}
        _ => {
            let text = "one of tls.certificate_file and tls.key_file is set: set both, or none";
            return Err(StartError::Value(text.to_owned()));
        }
    }
    let mut names = config.tls.names.clone();
    let Listen { http, kmip, appliances, .. } = config.listen;
    for address in [Some(http), Some(kmip), appliances].into_iter().flatten() {
        let name = address.ip().to_string();
        if !address.ip().is_unspecified() && !names.contains(&name) {
            names.push(name);
        }
    }
    let name = |name: String| ServerName::try_from(name.clone()).map_err(|_| StartError::Name(name));
    Ok(Wanted::Issued(names.into_iter().map(name).collect::<Result<_, _>>()?))
}

fn read_chain(path: &Path, now_seconds: i64) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let wrong =
        |cause: String| StartError::Value(format!("tls.certificate_file {}: {cause}", path.display()));
    let text = read_regular(path, CHAIN_BYTES_MAX).map_err(wrong)?;
    let chain = pem::decode_certificates(&text).map_err(|error| wrong(error.to_string()))?;
    let leaf = chain.first().ok_or_else(|| wrong("it holds no certificate in PEM".to_owned()))?;
    let info = CertificateInfo::read(leaf).map_err(|error| wrong(error.to_string()))?;
    if !(info.not_before_seconds..=info.not_after_seconds).contains(&now_seconds) {
        let (from, until) = (info.not_before_seconds, info.not_after_seconds);
        warn!(file = %path.display(), from, until, "the server's certificate is not valid now (Unix seconds): clients will refuse it");
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<Zeroizing<PrivateKeyDer<'static>>, StartError> {
    let wrong = |cause: &str| StartError::Value(format!("tls.key_file {}: {cause}", path.display()));
    regular(path).map_err(|error| wrong(&error.to_string()))?;
    PrivateKeyDer::from_pem_slice(read_secret(path)?.expose())
        .map(Zeroizing::new)
        .map_err(|_| wrong("it holds no private key in PEM"))
}

/// The bytes of a file that holds no secret, or why they cannot be had.
pub(crate) fn read_regular(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = regular(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    if read.map_err(|error| error.to_string())? as u64 > bytes_max {
        return Err(format!("it is larger than {bytes_max} bytes"));
    }
    Ok(bytes)
}

/// The authorities that a PEM file holds, or those that the system trusts where no file is named; at least one, or why they cannot
/// be had.
pub(crate) fn read_authorities_or_systems(path: Option<&Path>) -> Result<Arc<RootCertStore>, String> {
    if let Some(path) = path {
        return read_authorities(path);
    }
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if authorities.is_empty() {
        return Err("the system has no certificate authorities: name a ca_file".to_owned());
    }
    Ok(Arc::new(authorities))
}

/// The authorities that a PEM file holds, at least one, or why they cannot be had.
pub(crate) fn read_authorities(path: &Path) -> Result<Arc<RootCertStore>, String> {
    let wrong = |cause: &dyn std::fmt::Display| format!("ca_file {}: {cause}", path.display());
    let text = read_regular(path, AUTHORITIES_BYTES_MAX).map_err(|cause| wrong(&cause))?;
    authorities(path, &text)
}

/// The authorities in what was read of a PEM file, at least one, or what is wrong with it.
pub(crate) fn authorities(path: &Path, text: &[u8]) -> Result<Arc<RootCertStore>, String> {
    let wrong = |cause: &dyn std::fmt::Display| format!("ca_file {}: {cause}", path.display());
    let mut authorities = RootCertStore::empty();
    for certificate in pem::decode_certificates(text).map_err(|cause| wrong(&cause))? {
        authorities.add(certificate).map_err(|cause| wrong(&cause))?;
    }
    if authorities.is_empty() {
        return Err(wrong(&"it holds no certificate in PEM"));
    }
    Ok(Arc::new(authorities))
}

/// Opens a file of which reading ends: no pipe, and no device.
fn regular(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    File::open(path)
}

/// The same key without a copy of it.
fn borrowed<'a>(key: &'a PrivateKeyDer<'static>) -> PrivateKeyDer<'a> {
    match key {
        PrivateKeyDer::Pkcs1(key) => PrivatePkcs1KeyDer::from(key.secret_pkcs1_der()).into(),
        PrivateKeyDer::Sec1(key) => PrivateSec1KeyDer::from(key.secret_sec1_der()).into(),
        PrivateKeyDer::Pkcs8(key) => PrivatePkcs8KeyDer::from(key.secret_pkcs8_der()).into(),
        other => other.clone_key(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use keyreeve_core::model::Time;

    use super::*;

    const MADE_SECONDS: i64 = 1_800_000_000;

    struct HandClock(AtomicI64);

    impl Clock for HandClock {
        fn now(&self) -> Time {
            Time(self.0.load(Ordering::SeqCst) * 1000)
        }

        fn wait(&self, _: std::time::Duration) {}
    }

    fn identity() -> (ServerIdentity, Arc<HandClock>) {
        let made = CertificateAuthority::create(1_700_000_000).unwrap();
        let authority = Arc::new(CertificateAuthority::load(made.certificate, &made.key).unwrap());
        let clock = Arc::new(HandClock(AtomicI64::new(MADE_SECONDS)));
        (ServerIdentity::new(authority, &Config::default(), clock.clone()).unwrap(), clock)
    }

    fn is_valid_at(identity: &ServerIdentity, now_seconds: i64) -> bool {
        let info = CertificateInfo::read(&identity.current.lock().shown.chain[0]).unwrap();
        (info.not_before_seconds..=info.not_after_seconds).contains(&now_seconds)
    }

    #[test]
    fn a_certificate_is_made_anew_at_half_its_life_and_when_the_clock_is_set_back() {
        let (identity, clock) = identity();
        let shown = || identity.current.lock().shown.chain.clone();
        let mut before = shown();
        for (now_seconds, is_renewed) in [
            (MADE_SECONDS + RENEW_SECONDS - 1, false),
            (MADE_SECONDS + RENEW_SECONDS, true),
            (MADE_SECONDS - 86_400, true),
            (MADE_SECONDS - 86_399, false),
        ] {
            clock.0.store(now_seconds, Ordering::SeqCst);
            identity.renew_if_due();
            assert_eq!(shown() != before, is_renewed, "{now_seconds}");
            assert!(is_valid_at(&identity, now_seconds), "{now_seconds}");
            before = shown();
        }
    }

    #[test]
    fn a_reload_makes_a_certificate_anew_that_is_not_valid_yet() {
        let (identity, clock) = identity();
        assert!(identity.check(&Config::default()).unwrap().is_none());
        let now_seconds = MADE_SECONDS - 86_400;
        clock.0.store(now_seconds, Ordering::SeqCst);
        let checked = identity.check(&Config::default()).unwrap().expect("another certificate");
        identity.show(checked);
        assert!(is_valid_at(&identity, now_seconds));
    }
}
