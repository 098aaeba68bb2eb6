//! The server's own certificate: made by the house's CA at every start, kept in memory only, and made anew at half its
//! life. Not here: the CA's key (start), client certificates (authn).

use std::sync::Arc;

use keyreeve_core::ports::clock::Clock;
use keyreeve_pki::{CertificateAuthority, Issued, PkiError, SERVER_VALIDITY_DAYS, Validity};
use parking_lot::Mutex;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tracing::{error, info};

use crate::listen::{ClientCertificate, TlsEndpoint, TlsError, TlsSettings};
use crate::start::StartError;

/// After this time a certificate is made anew.
const RENEW_SECONDS: i64 = SERVER_VALIDITY_DAYS as i64 * 86_400 / 2;

/// A server's certificate and the endpoints that show it. Holds secrets.
pub struct ServerIdentity {
    authority: Arc<CertificateAuthority>,
    names: Vec<ServerName<'static>>,
    clock: Arc<dyn Clock>,
    current: Mutex<Current>,
}

struct Current {
    issued: Issued,
    issued_seconds: i64,
    endpoints: Vec<Endpoint>,
}

struct Endpoint {
    endpoint: Arc<TlsEndpoint>,
    client_certificate: ClientCertificate,
    protocols: &'static [&'static str],
}

impl ServerIdentity {
    /// With a new certificate for these DNS names and addresses.
    ///
    /// # Errors
    /// For a name that a certificate cannot carry; the CA's.
    pub fn new(
        authority: Arc<CertificateAuthority>,
        names: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let name = |name: String| ServerName::try_from(name.clone()).map_err(|_| StartError::Name(name));
        let names = names.into_iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let issued_seconds = clock.now().seconds();
        let issued = issue(&authority, &names, issued_seconds)?;
        let current = Mutex::new(Current { issued, issued_seconds, endpoints: Vec::new() });
        Ok(Self { authority, names, clock, current })
    }

    /// A TLS endpoint that shows the certificate, now and after each renewal.
    ///
    /// # Errors
    /// [`TlsError`] where the certificate makes none.
    pub fn endpoint(
        &self,
        client_certificate: ClientCertificate,
        protocols: &'static [&'static str],
    ) -> Result<Arc<TlsEndpoint>, TlsError> {
        let mut current = self.current.lock();
        let settings = self.settings(&current.issued, client_certificate, protocols);
        let endpoint = Arc::new(TlsEndpoint::new(settings)?);
        current.endpoints.push(Endpoint { endpoint: endpoint.clone(), client_certificate, protocols });
        Ok(endpoint)
    }

    /// Makes the certificate anew where half its life is over. A failure is logged and tried again the next time.
    pub fn renew_if_due(&self) {
        let mut current = self.current.lock();
        let now_seconds = self.clock.now().seconds();
        if now_seconds.saturating_sub(current.issued_seconds) < RENEW_SECONDS {
            return;
        }
        match issue(&self.authority, &self.names, now_seconds) {
            Ok(issued) => {
                for Endpoint { endpoint, client_certificate, protocols } in &current.endpoints {
                    if let Err(cause) =
                        endpoint.replace(self.settings(&issued, *client_certificate, protocols))
                    {
                        error!(%cause, "cannot show the new server certificate");
                        return;
                    }
                }
                (current.issued, current.issued_seconds) = (issued, now_seconds);
                info!("the server certificate was made anew");
            }
            Err(cause) => error!(%cause, "cannot make a new server certificate"),
        }
    }

    fn settings<'a>(
        &'a self,
        issued: &'a Issued,
        client_certificate: ClientCertificate,
        protocols: &'a [&'a str],
    ) -> TlsSettings<'a> {
        TlsSettings {
            chain: vec![issued.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.key.pkcs8_der())),
            client_authority: self.authority.certificate(),
            client_certificate,
            application_protocols: protocols,
        }
    }
}

fn issue(
    authority: &CertificateAuthority,
    names: &[ServerName<'static>],
    now_seconds: i64,
) -> Result<Issued, PkiError> {
    let from_seconds = now_seconds.max(0) as u64;
    authority.issue_server(names, Validity { from_seconds, days: SERVER_VALIDITY_DAYS })
}
