//! Enrolment: client certificates for principals. Not here: the principals' records (core), and files.

use keyreeve_core::model::{PrincipalId, Time};
use keyreeve_core::operations::principals::NewCredential;
use keyreeve_core::{Error, ErrorKind, Result};
use keyreeve_pki::{
    CertificateAuthority, CertificateInfo, CertificateRequest, ClientSubject, Issued, PkiError, PrivateKey,
    Validity,
};
use rustls::pki_types::CertificateDer;

use super::certificate;

/// Days that a client certificate lasts where nobody says how many.
pub const CLIENT_DAYS_DEFAULT: u32 = 365;

/// A client certificate that was issued. Holds a secret where the key was made here.
pub struct Enrolled {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its private key, unless a request brought the public one.
    pub key: Option<PrivateKey>,
    /// The credential that it is, for the principal's record.
    pub credential: NewCredential,
}

/// Issues a certificate for a principal: over the public key of a request in PEM or DER, or with a new key. It counts
/// once its credential is on the principal's record.
///
/// # Errors
/// `InvalidField` for a request, a name or a number of days that cannot be certified.
pub fn issue(
    authority: &CertificateAuthority,
    (principal, name): (PrincipalId, &str),
    request: Option<&[u8]>,
    (now, days): (Time, u32),
) -> Result<Enrolled> {
    let subject = ClientSubject { principal: principal.0, name };
    let validity = Validity { from_seconds: now.seconds().max(0) as u64, days };
    let (certificate, key) = match request {
        Some(bytes) => {
            let request = CertificateRequest::read(bytes).map_err(refused)?;
            (authority.issue_client_for(&request, &subject, validity).map_err(refused)?, None)
        }
        None => {
            let Issued { certificate, key } = authority.issue_client(&subject, validity).map_err(refused)?;
            (certificate, Some(key))
        }
    };
    let credential = certificate::credential(&CertificateInfo::read(&certificate).map_err(refused)?);
    Ok(Enrolled { certificate, key, credential })
}

/// Takes somebody else's certificate in PEM as it is, for the listener for old appliances, and says what is wrong with it.
///
/// # Errors
/// `InvalidField` for what is no certificate, one that has expired, and a key that TLS cannot verify.
pub fn pin(pem: &[u8], now: Time) -> Result<(Enrolled, Vec<String>)> {
    let found = keyreeve_pki::pem::decode_certificates(pem).map_err(refused)?;
    let [certificate] = <[_; 1]>::try_from(found).map_err(|found| {
        let public =
            format!("{} certificates to be pinned: give the client's own, and no other", found.len());
        Error::new(ErrorKind::InvalidField, public)
    })?;
    let weaknesses = keyreeve_pki::weaknesses(&certificate).map_err(refused)?;
    let info = CertificateInfo::read(&certificate).map_err(refused)?;
    if info.not_after_seconds <= now.seconds() {
        let public = format!("the certificate expired at Unix second {}", info.not_after_seconds);
        return Err(Error::new(ErrorKind::InvalidField, public));
    }
    let credential = certificate::pinned_credential(&info);
    Ok((Enrolled { certificate, key: None, credential }, weaknesses))
}

/// A refusal of the certificate authority in core's terms.
pub fn refused(error: PkiError) -> Error {
    match error {
        PkiError::Malformed { .. }
        | PkiError::UnsupportedKey(_)
        | PkiError::RequestSignature
        | PkiError::Name { .. }
        | PkiError::Validity { .. }
        | PkiError::EmptyPassword => Error::new(ErrorKind::InvalidField, error.to_string()),
        PkiError::KeyMismatch
        | PkiError::Crypto(_)
        | PkiError::NotCertified(_)
        | PkiError::Issuer(_)
        | PkiError::Pkcs12Password
        | PkiError::Pkcs12Scheme(_)
        | PkiError::Key(_) => Error::internal(error),
    }
}
