//! TLS: the configuration of a listener, its exchange at run time, and the handshake. Not here: who the peer is
//! to the house (authn), and where certificates and keys come from.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_pki::CertificateInfo;
use parking_lot::RwLock;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::organisations::{Member, MemberVerifier, Organisations};
use super::pinned::{PinnedCertificates, PinningVerifier};
use super::refusal::{OFFERED_BEFORE_TLS_1_2, Refusal, expired, offered};

/// Sessions that a listener remembers for resumption, a few KiB each.
const SESSIONS_MAX: usize = 1024;

pub(super) const EITHER_VERSION: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Whether a client must show a certificate; one that is shown must always be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Without one there is no connection.
    Required,
    /// A client without one proves itself otherwise, by a token say.
    Optional,
}

/// What a listener's TLS is made of; borrows a secret.
pub struct TlsSettings<'a> {
    /// The server's certificate, then those between it and its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The server's private key.
    pub key: PrivateKeyDer<'a>,
    /// The authority whose client certificates are taken.
    pub client_authority: &'a CertificateDer<'static>,
    /// Whether clients need one.
    pub client_certificate: ClientCertificate,
    /// Application protocols in order of preference; empty where there is only one.
    pub application_protocols: &'a [&'a str],
    /// For old appliances: TLS 1.2 alone, with all that the TLS library has, and these certificates besides.
    pub appliances: Option<Arc<dyn PinnedCertificates>>,
    /// Others who vouch for clients.
    pub organisations: Option<Arc<dyn Organisations>>,
}

/// What a peer has shown and proven in a handshake.
#[derive(Default)]
pub(super) struct Shown {
    /// Its certificate.
    pub(super) certificate: Option<CertificateInfo>,
    /// Whose member it is by that.
    pub(super) member: Option<Arc<Member>>,
}

/// Certificates or keys that make no working listener.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority's certificate cannot be trusted.
    #[error("the authority's certificate cannot verify clients: {0}")]
    Authority(String),
    /// The server's own certificate or key cannot be used.
    #[error("the server's certificate or key cannot be used: {0}")]
    Identity(rustls::Error),
}

/// A TLS configuration that an endpoint can take over; holds a secret.
pub struct Replacement(Arc<ServerConfig>);

impl Replacement {
    /// Of these certificates and keys.
    ///
    /// # Errors
    /// [`TlsError`] where they do not fit.
    pub fn new(settings: TlsSettings<'_>) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(server_config(settings)?)))
    }
}

/// A listener's TLS configuration, which can be exchanged while it runs; holds a secret.
pub struct TlsEndpoint {
    config: RwLock<Arc<ServerConfig>>,
    others: Option<Others>,
}

/// Others who vouch for clients, and who is asked before them.
struct Others {
    /// The house's authority, and pins.
    house: Arc<dyn ClientCertVerifier>,
    organisations: Arc<dyn Organisations>,
}

impl TlsEndpoint {
    /// TLS 1.3 and 1.2, X25519MLKEM768 first, sessions resumed.
    ///
    /// # Errors
    /// [`TlsError`] where certificates and keys do not fit.
    pub fn new(settings: TlsSettings<'_>) -> Result<Self, TlsError> {
        let others = match settings.organisations.clone() {
            Some(organisations) => Some(Others { house: house_verifier(&settings)?, organisations }),
            None => None,
        };
        Ok(Self { config: RwLock::new(Replacement::new(settings)?.0), others })
    }

    /// Takes other certificates for all handshakes from now on; open connections stay, remembered sessions go.
    pub fn replace(&self, replacement: Replacement) {
        *self.config.write() = replacement.0;
    }

    /// Makes a connection of a socket, within a time limit.
    pub(super) async fn handshake(
        &self,
        socket: TcpStream,
        time_max: Duration,
    ) -> Result<(TlsStream<TcpStream>, Shown), Refusal> {
        match tokio::time::timeout(time_max, self.handshake_unlimited(socket)).await {
            Ok(done) => done,
            Err(_) => Err(Refusal::TooSlow { seconds: time_max.as_secs() }),
        }
    }

    async fn handshake_unlimited(&self, socket: TcpStream) -> Result<(TlsStream<TcpStream>, Shown), Refusal> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await;
        let config = Arc::clone(&self.config.read());
        let start = start.map_err(|error| Refusal::from_io(&error, OFFERED_BEFORE_TLS_1_2, &config))?;
        let offered = offered(&start.client_hello());
        let stream = start.into_stream(Arc::clone(&config)).await;
        let stream = stream.map_err(|error| Refusal::from_io(&error, &offered, &config))?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = chain.first().map(CertificateInfo::read).transpose();
        let certificate = certificate.map_err(|error| Refusal::Certificate(error.to_string()))?;
        if let Some(certificate) = &certificate {
            check_still_valid(certificate, &config)?;
        }
        let member = self.member(chain, &config)?;
        Ok((stream, Shown { certificate, member }))
    }

    /// Whose member has this chain. A resumed session brings it along without another check.
    fn member(
        &self,
        chain: &[CertificateDer<'static>],
        config: &ServerConfig,
    ) -> Result<Option<Arc<Member>>, Refusal> {
        let (Some(others), Some((leaf, intermediates))) = (&self.others, chain.split_first()) else {
            return Ok(None);
        };
        let now = config.time_provider.current_time();
        let now = now.ok_or_else(|| Refusal::Other("the time is unknown".to_owned()))?;
        if others.house.verify_client_cert(leaf, intermediates, now).is_ok() {
            return Ok(None);
        }
        // INVARIANT: who is no member is known to the house.
        match others.organisations.member(chain, now) {
            Ok(Some(member)) => Ok(Some(Arc::new(member))),
            Ok(None) => {
                Err(Refusal::Certificate("nobody vouches for client's certificate any more".to_owned()))
            }
            Err(error) => Err(Refusal::Certificate(error.to_string())),
        }
    }
}

/// Who is asked about certificates of the house's authority, and pinned ones.
fn house_verifier(settings: &TlsSettings<'_>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = client_verifier(settings.client_authority, settings.client_certificate, &provider)?;
    Ok(match settings.appliances.clone() {
        Some(pinned) => Arc::new(PinningVerifier { verifier, pinned }),
        None => verifier,
    })
}

fn server_config(settings: TlsSettings<'_>) -> Result<ServerConfig, TlsError> {
    let (provider, versions) = match settings.appliances {
        None => (aws_lc_rs::default_provider(), EITHER_VERSION),
        Some(_) => (everything(), &EITHER_VERSION[1..]),
    };
    let provider = Arc::new(provider);
    let key = aws_lc_rs::sign::any_supported_type(&settings.key).map_err(TlsError::Identity)?;
    let identity = CertifiedKey::new(settings.chain, key);
    identity.keys_match().map_err(TlsError::Identity)?;
    let mut verifier = client_verifier(settings.client_authority, settings.client_certificate, &provider)?;
    if let Some(organisations) = settings.organisations {
        verifier = Arc::new(MemberVerifier { verifier, organisations });
    }
    if let Some(pinned) = settings.appliances {
        verifier = Arc::new(PinningVerifier { verifier, pinned });
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(TlsError::Identity)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.alpn_protocols =
        settings.application_protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    // INVARIANT: every configuration has sessions of its own: one resumed elsewhere would bring along a peer that
    // was checked against another authority, or not at all.
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// All that the TLS library has for TLS 1.2.
fn everything() -> CryptoProvider {
    let (suites, groups) = (aws_lc_rs::ALL_CIPHER_SUITES.iter(), aws_lc_rs::ALL_KX_GROUPS.iter());
    let version = ProtocolVersion::TLSv1_2;
    CryptoProvider {
        cipher_suites: suites.copied().filter(|suite| suite.version().version == version).collect(),
        kx_groups: groups.copied().filter(|group| group.usable_for_version(version)).collect(),
        ..aws_lc_rs::default_provider()
    }
}

fn client_verifier(
    authority: &CertificateDer<'static>,
    policy: ClientCertificate,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).map_err(|error| TlsError::Authority(error.to_string()))?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match policy {
        ClientCertificate::Required => builder,
        ClientCertificate::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| TlsError::Authority(error.to_string()))
}

/// A resumed session brings its certificate along without another check, and it may have expired since.
fn check_still_valid(certificate: &CertificateInfo, config: &ServerConfig) -> Result<(), Refusal> {
    let now = config.time_provider.current_time();
    let now = now.ok_or_else(|| Refusal::Other("the time is unknown".to_owned()))?;
    if i64::try_from(now.as_secs()).unwrap_or(i64::MAX) > certificate.not_after_seconds {
        return Err(expired(certificate.not_after_seconds));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use keyreeve_pki::CertificateAuthority;

    use super::*;

    #[test]
    fn certificate_that_expired_since_its_session_began_is_refused() {
        let made = CertificateAuthority::create(1_700_000_000).unwrap();
        let endpoint = TlsEndpoint::new(TlsSettings {
            chain: vec![made.certificate.clone()],
            key: rustls::pki_types::PrivatePkcs8KeyDer::from(made.key.pkcs8_der()).into(),
            client_authority: &made.certificate,
            client_certificate: ClientCertificate::Required,
            application_protocols: &[],
            appliances: None,
            organisations: None,
        });
        let config = Arc::clone(&endpoint.unwrap().config.read());
        let mut certificate = CertificateInfo::read(&made.certificate).unwrap();
        assert!(check_still_valid(&certificate, &config).is_ok());
        certificate.not_after_seconds = 1_700_000_001;
        let refused = check_still_valid(&certificate, &config).unwrap_err().to_string();
        assert!(refused.contains("expired at Unix second 1700000001"), "{refused}");
    }
}
