//! Client certificates that are taken as they are, one by one, on the listener for old appliances: certificates that the TLS
//! library refuses, since they are of X.509 version 1, signed over SHA-1 or by an RSA key of 1024 bits. Not here: which
//! ones are taken (authn).

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// Who knows which certificates are taken as they are.
pub trait PinnedCertificates: fmt::Debug + Send + Sync {
    /// Whether exactly this certificate is one of them now.
    fn holds(&self, certificate: &CertificateDer<'_>) -> bool;
}

/// Takes what another verifier takes, and pinned certificates. For TLS 1.2.
#[derive(Debug)]
pub(super) struct PinningVerifier {
    /// The other one.
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// Who knows the pinned ones.
    pub(super) pinned: Arc<dyn PinnedCertificates>,
}

impl ClientCertVerifier for PinningVerifier {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    /// None: an appliance whose certificate is of none of these names would send nothing.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.verifier.verify_client_cert(end_entity, intermediates, now) {
            Err(_) if self.pinned.holds(end_entity) => Ok(ClientCertVerified::assertion()),
            verified => verified,
        }
    }

    // INVARIANT: whoever shows a certificate has proven to hold its key, pinned or not.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !self.pinned.holds(certificate) {
            return self.verifier.verify_tls12_signature(message, certificate, signed);
        }
        let scheme = u16::from(signed.scheme);
        let verified = keyreeve_pki::verify_signature(certificate, scheme, message, signed.signature());
        verified.map_err(|_| CertificateError::BadSignature)?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    /// Without RSA-PSS, for which short keys have no room.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let is_pss = |scheme: &SignatureScheme| {
            use SignatureScheme::{RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512};
            matches!(*scheme, RSA_PSS_SHA256 | RSA_PSS_SHA384 | RSA_PSS_SHA512)
        };
        self.verifier.supported_verify_schemes().into_iter().filter(|scheme| !is_pss(scheme)).collect()
    }
}
