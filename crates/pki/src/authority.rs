//! The certificate authority: made once, loaded at each start, issues server and client certificates. Not here:
//! where its key is sealed, and which certificates were revoked.

use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, ServerName};
use time::OffsetDateTime;
use uuid::Uuid;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::{Serial, principal_urn};
use crate::chain::leads_to;
use crate::key::{PrivateKey, Signer};
use crate::{CertificateRequest, PkiError};

/// How long server certificates live, in days.
pub const SERVER_VALIDITY_DAYS: u32 = 365;

const AUTHORITY_COMMON_NAME: &str = "Keyreeve CA";
/// X.520 section 6.2.9, the naming attribute serialNumber, which is not the certificate's own.
const X520_SERIAL_NUMBER: [u64; 4] = [2, 5, 4, 5];
const AUTHORITY_VALIDITY_DAYS: u32 = 3652;
const DAY_SECONDS: u64 = 86_400;
/// Certificates begin this much in the past, so that a peer whose clock is behind takes them at once.
const BACKDATE_SECONDS: u64 = 300;
/// RFC 5280 appendix A.1, ub-common-name, in characters.
const COMMON_NAME_CHARS_MAX: usize = 64;

/// When a certificate begins and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Begin in Unix seconds; the certificate is dated 5 minutes earlier.
    pub from_seconds: u64,
    /// Length in days; cut at the end of the authority's own certificate.
    pub days: u32,
}

/// Whom a client certificate stands for.
#[derive(Clone, Copy, Debug)]
pub struct ClientSubject<'a> {
    /// The principal's id, which authentication reads back from the URI `urn:keyreeve:principal:ID`.
    pub principal: Uuid,
    /// The principal's name for people, 1 to 64 characters, in the common name.
    pub name: &'a str,
}

/// A certificate with the private key that was made for it; holds a secret.
pub struct Issued {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its private key.
    pub key: PrivateKey,
}

/// The authority with its key at hand; holds a secret.
pub struct CertificateAuthority {
    issuer: Issuer<'static, Signer>,
    certificate: CertificateDer<'static>,
    not_after: OffsetDateTime,
}

impl CertificateAuthority {
    /// Makes an authority that lasts ten years: a self-signed certificate and its key, which the caller seals.
    /// Its name is `CN=Keyreeve CA` with a random serialNumber attribute.
    ///
    /// # Errors
    /// [`PkiError::Crypto`] without memory or entropy, [`PkiError::Validity`] for an impossible time.
    ///
    /// # Standard
    /// RFC 5280 section 4.2.1.9 and section 4.2.1.3 (basic constraints, key usage).
    pub fn create(now_seconds: u64) -> Result<Issued, PkiError> {
        let key = PrivateKey::generate()?;
        let validity = Validity { from_seconds: now_seconds, days: AUTHORITY_VALIDITY_DAYS };
        let mut params = params(AUTHORITY_COMMON_NAME, validity)?;
        // Two authorities under one name would be taken for each other by whoever knows both.
        let number = PrintableString::try_from(Serial::random()?.to_string()).map_err(encoding)?;
        params
            .distinguished_name
            .push(DnType::CustomDnType(X520_SERIAL_NUMBER.to_vec()), DnValue::PrintableString(number));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key.signer()?).map_err(encoding)?;
        Ok(Issued { certificate: certificate.into(), key })
    }

    /// Takes up an authority from its certificate and key.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] where the certificate is no authority's, [`PkiError::KeyMismatch`] where the key
    /// is not its own.
    pub fn load(certificate: CertificateDer<'static>, key: &PrivateKey) -> Result<Self, PkiError> {
        let malformed = |detail: String| PkiError::malformed("certificate of an authority", detail);
        let signer = key.signer()?;
        let (_, parsed) =
            X509Certificate::from_der(&certificate).map_err(|error| malformed(error.to_string()))?;
        if !parsed.is_ca() {
            return Err(malformed("its basic constraints do not say CA".to_owned()));
        }
        if parsed.public_key().raw != signer.subject_public_key_info() {
            return Err(PkiError::KeyMismatch);
        }
        let not_after = parsed.validity().not_after.to_datetime();
        let issuer =
            Issuer::from_ca_cert_der(&certificate, signer).map_err(|error| malformed(error.to_string()))?;
        Ok(Self { issuer, certificate, not_after })
    }

    /// The authority's own certificate, which clients and servers trust.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Whether a certificate (DER) is by this authority, and valid at a moment in Unix seconds.
    pub fn has_issued(&self, certificate: &[u8], at_seconds: i64) -> bool {
        leads_to(certificate, &self.certificate, at_seconds)
    }

    /// Issues a server certificate for DNS names and addresses, with a new key.
    ///
    /// # Errors
    /// [`PkiError::Name`] where there is no name or one that X.509 cannot carry, [`PkiError::Validity`] or
    /// [`PkiError::Crypto`].
    ///
    /// # Standard
    /// RFC 5280 section 4.2.1.6, RFC 9525 section 2.1.
    pub fn issue_server(&self, names: &[ServerName<'_>], validity: Validity) -> Result<Issued, PkiError> {
        let first = names.first().ok_or(PkiError::Name { name: String::new(), reason: "none was given" })?;
        // The common name is only a label here: clients match the alternative names.
        let label: String = first.to_str().chars().take(COMMON_NAME_CHARS_MAX).collect();
        let mut params = params(&label, validity)?;
        params.subject_alt_names = names.iter().map(alternative_name).collect::<Result<_, _>>()?;
        // It proves the server to those that it connects to as well. To itself it proves nobody: no principal has this key.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = PrivateKey::generate()?;
        Ok(Issued { certificate: self.issue(params, &key.signer()?)?, key })
    }

    /// Issues a client certificate for a principal, with a new key.
    ///
    /// # Errors
    /// [`PkiError::Name`], [`PkiError::Validity`] or [`PkiError::Crypto`].
    pub fn issue_client(&self, subject: &ClientSubject<'_>, validity: Validity) -> Result<Issued, PkiError> {
        let key = PrivateKey::generate()?;
        let certificate = self.issue(client_params(subject, validity)?, &key.signer()?)?;
        Ok(Issued { certificate, key })
    }

    /// Issues a client certificate for a principal over the public key of a request.
    ///
    /// INVARIANT: nothing but the public key is taken from the request; names and usages are the authority's.
    ///
    /// # Errors
    /// [`PkiError::Name`], [`PkiError::Validity`] or [`PkiError::Crypto`].
    pub fn issue_client_for(
        &self,
        request: &CertificateRequest,
        subject: &ClientSubject<'_>,
        validity: Validity,
    ) -> Result<CertificateDer<'static>, PkiError> {
        self.issue(client_params(subject, validity)?, &request.public_key)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        public_key: &impl PublicKeyData,
    ) -> Result<CertificateDer<'static>, PkiError> {
        params.not_after = params.not_after.min(self.not_after);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(public_key, &self.issuer).map_err(encoding)?.into())
    }
}

fn client_params(subject: &ClientSubject<'_>, validity: Validity) -> Result<CertificateParams, PkiError> {
    let mut params = params(subject.name, validity)?;
    let urn = principal_urn(subject.principal);
    let uri = urn.as_str().try_into().map_err(|_| PkiError::Name { name: urn, reason: "it is not ASCII" })?;
    params.subject_alt_names = vec![SanType::URI(uri)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn params(common_name: &str, validity: Validity) -> Result<CertificateParams, PkiError> {
    let wrong = |reason| PkiError::Name { name: common_name.to_owned(), reason };
    if common_name.is_empty() || common_name.chars().any(char::is_control) {
        return Err(wrong("it is empty or holds control characters"));
    }
    if common_name.chars().count() > COMMON_NAME_CHARS_MAX {
        return Err(wrong("it is longer than 64 characters"));
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from_slice(Serial::random()?.as_bytes()));
    (params.not_before, params.not_after) = dates(validity)?;
    Ok(params)
}

fn dates(validity: Validity) -> Result<(OffsetDateTime, OffsetDateTime), PkiError> {
    let Validity { from_seconds, days } = validity;
    let date = |seconds: u64| {
        let seconds = i64::try_from(seconds).ok()?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    };
    let begin = date(from_seconds.saturating_sub(BACKDATE_SECONDS));
    let end = date(from_seconds.saturating_add(u64::from(days) * DAY_SECONDS));
    begin.zip(end).filter(|_| days > 0).ok_or(PkiError::Validity { from_seconds, days })
}

fn alternative_name(name: &ServerName<'_>) -> Result<SanType, PkiError> {
    let unsupported = |reason| PkiError::Name { name: name.to_str().into_owned(), reason };
    match name {
        ServerName::DnsName(dns) => {
            let dns = dns.as_ref().try_into().map_err(|_| unsupported("it is not ASCII"))?;
            Ok(SanType::DnsName(dns))
        }
        ServerName::IpAddress(address) => Ok(SanType::IpAddress(std::net::IpAddr::from(*address))),
        _ => Err(unsupported("it is neither a DNS name nor an address")),
    }
}

fn encoding(_: rcgen::Error) -> PkiError {
    PkiError::Crypto("signing a certificate")
}
