//! Client certificates by authorities other than the house's: taken by TLS where somebody vouches for them. Not here: who those
//! authorities are, what was revoked, and whom a name stands for (authn).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// Certificates between a client's and its root at most: a path is sought among what a stranger sends.
const INTERMEDIATES_MAX: usize = 8;

/// A peer whose certificate an organisation vouches for.
#[derive(Debug)]
pub struct Member {
    /// What the configuration calls the organisation.
    pub organisation: String,
    /// Which of the certificate's names counts there.
    pub field: &'static str,
    /// That name.
    pub name: String,
    /// The certificate, then those that the peer sent with it.
    pub chain: Vec<CertificateDer<'static>>,
    /// When the organisation's word was asked for last, in Unix seconds.
    pub asked_seconds: AtomicI64,
    /// Which state of the organisations' files that rested on.
    pub state: AtomicU64,
}

/// Who knows which organisations vouch for clients.
pub trait Organisations: fmt::Debug + Send + Sync {
    /// Whose member shows this certificate, the first of the chain; `None` where it is of none of them.
    ///
    /// # Errors
    /// Where it is by an authority of one, and does not count: expired, revoked, or nobody knows whether.
    fn member(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Option<Member>, Error>;
}

/// Takes what the house's verifier takes, and members of organisations.
#[derive(Debug)]
pub(super) struct MemberVerifier {
    /// The house's.
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// The others.
    pub(super) organisations: Arc<dyn Organisations>,
}

impl ClientCertVerifier for MemberVerifier {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    /// None: a client whose certificate is by none of these names would send nothing.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if intermediates.len() > INTERMEDIATES_MAX {
            return Err(Error::General(format!("more than {INTERMEDIATES_MAX} certificates came with it")));
        }
        let refused = match self.verifier.verify_client_cert(end_entity, intermediates, now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).cloned().collect();
        match self.organisations.member(&chain, now)? {
            Some(_) => Ok(ClientCertVerified::assertion()),
            None => Err(refused),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
