//! Certify and ReCertify: what clients ask for as what a certificate is to say. Not here: who may (core), and what
//! certificates look like (pki).
//!
//! INVARIANT: the house's own authority, which proves clients, is no object of the store and so never the issuer here.

use keyreeve_core::attributes::{Described, describe};
use keyreeve_core::model::{AttributeKind, AttributeName, ObjectType, Time, UsageMask, Value};
use keyreeve_core::operations::certify::{Certify, Issue, Issued, Renewal, Wish};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::request::Reference;
use keyreeve_core::{Error, ErrorKind};
use keyreeve_kmip::attributes::TemplateAttribute;
use keyreeve_kmip::enums::{CertificateRequestType, CertificateType, Operation, ResultReason};
use keyreeve_kmip::payloads::certify::{CertificateRequestValue, CertifyRequest, CertifyResponse};
use keyreeve_kmip::payloads::recertify::{ReCertifyRequest, ReCertifyResponse};
use keyreeve_kmip::values::Interval;
use keyreeve_pki::{
    CertificateRequest, Contents, Issuer, PkiError, Wanted, alternative_names, distinguished_name,
    subject_key, wanted_of,
};

use super::batch::{Batch, identifier};
use super::errors::{Failure, missing, not_supported};
use super::{certificates, templates};

pub(super) async fn certify(
    batch: &mut Batch<'_>,
    request: CertifyRequest,
) -> Result<CertifyResponse, Failure> {
    let issuer = issuer(batch)?;
    let brought = brought(request.certificate_request_type, request.certificate_request_value)?;
    let (described, wanted) = read(batch, request.template_attribute.as_ref()).await?;
    let subject = match (&request.unique_identifier, &brought) {
        (None, Some(_)) => placeholder(batch).await?,
        (named, _) => Some(batch.object(named.as_ref())?),
    };
    let operation = Certify {
        issuer,
        subject,
        request: brought,
        renewal: None,
        template: described.template,
        issue: issue(wanted),
    };
    let created = batch.run(operation).await.map_err(refused)?;
    batch.answered(Operation::Certify, &[created.primary]);
    Ok(CertifyResponse { unique_identifier: identifier(created.primary), template_attribute: None })
}

/// Beside a request, before 2.0: the public key that the items before have left, where they have left one.
///
/// # Standard
/// KMIP 1.4 section 4.7; 2.1 section 6.1.5 has the ID Placeholder only where there is no request.
async fn placeholder(batch: &mut Batch<'_>) -> Result<Option<Reference>, Failure> {
    if batch.version.has_tagged_attributes() {
        return Ok(None);
    }
    let Ok(key) = batch.object(None) else { return Ok(None) };
    let read = batch.run(GetAttributes { key: key.clone(), names: Some(Vec::new()) }).await?;
    Ok((read.object.object_type == ObjectType::PublicKey).then_some(key))
}

pub(super) async fn recertify(
    batch: &mut Batch<'_>,
    request: ReCertifyRequest,
) -> Result<ReCertifyResponse, Failure> {
    let issuer = issuer(batch)?;
    let brought = brought(request.certificate_request_type, request.certificate_request_value)?;
    let (described, wanted) = read(batch, request.template_attribute.as_ref()).await?;
    let certificate = batch.object(request.unique_identifier.as_ref())?;
    let named = request.certificate_request_unique_identifier.as_ref();
    let now = batch.kmip.engine.clock().now();
    let begin = request
        .offset
        .map(|Interval(seconds)| Time(now.0.saturating_add(i64::from(seconds).saturating_mul(1000))));
    let operation = Certify {
        issuer,
        subject: named.map(|named| batch.object(Some(named))).transpose()?,
        request: brought,
        renewal: Some(Renewal { certificate, begin }),
        template: described.template,
        issue: issue(wanted),
    };
    let created = batch.run(operation).await.map_err(refused)?;
    batch.answered(Operation::ReCertify, &[created.primary]);
    Ok(ReCertifyResponse { unique_identifier: identifier(created.primary), template_attribute: None })
}

fn issuer(batch: &Batch<'_>) -> Result<Reference, Failure> {
    let none = || {
        let message = "no certificates are issued here: set kmip.issuer to the name of the private key that is to sign them";
        Failure::new(ResultReason::OperationNotSupported, message)
    };
    Ok(Reference::text(&*batch.kmip.settings().issuer.ok_or_else(none)?))
}

/// A request in a message, PKCS#10 in DER or PEM.
fn brought(
    kind: Option<CertificateRequestType>,
    value: Option<CertificateRequestValue>,
) -> Result<Option<Vec<u8>>, Failure> {
    let Some(CertificateRequestValue(value)) = value else { return Ok(None) };
    match kind {
        Some(CertificateRequestType::Pkcs10 | CertificateRequestType::Pem) => Ok(Some(value)),
        Some(other) => Err(not_supported(&format!("a certificate request of the type {other}"))),
        None => Err(missing("CertificateRequestType")),
    }
}

/// A request or an attribute that does not fit has a reason of its own here, and so has an object of another kind.
fn refused(failure: Failure) -> Failure {
    failure
        .instead(ErrorKind::CryptoFailed, ResultReason::InvalidCsr)
        .instead(ErrorKind::Invalid, ResultReason::InvalidObjectType)
}

/// The attributes of the certificate, and what they say that it is to say.
async fn read(
    batch: &mut Batch<'_>,
    template: Option<&TemplateAttribute>,
) -> Result<(Described, Option<Wanted>), Failure> {
    let given = templates::resolved(batch, template).await?;
    let (subject, others): (Vec<_>, Vec<_>) = given.into_iter().partition(|(name, _)| names_subject(name));
    let described = describe(others)?;
    if described.template.subtype.is_some_and(|code| code != u32::from(CertificateType::X509)) {
        return Err(not_supported("a certificate of another type than X.509"));
    }
    Ok((described, wanted(&subject)?))
}

fn names_subject(name: &AttributeName) -> bool {
    use AttributeKind::{CertificateSubject, X509CertificateSubject};
    match name {
        AttributeName::Standard(X509CertificateSubject | CertificateSubject) => true,
        AttributeName::Standard(kind) => certificates::subject_part(*kind).is_some(),
        AttributeName::Vendor { .. } => false,
    }
}

/// The subject that attributes name: whole, in DER, or by its parts.
///
/// # Standard
/// KMIP 2.1 sections 4.7 (Certificate Attributes) and 4.63 (X.509 Certificate Subject).
fn wanted(subject: &[(AttributeName, Value)]) -> Result<Option<Wanted>, Failure> {
    let mut parts = Vec::new();
    let mut whole = None;
    for (name, value) in subject {
        match (name, value) {
            (AttributeName::Standard(AttributeKind::X509CertificateSubject), Value::Structure(fields)) => {
                let named = |wanted: &str| -> Vec<&[u8]> {
                    let fields = fields.iter().filter(|(name, _)| name == wanted);
                    fields
                        .filter_map(
                            |(_, value)| {
                                if let Value::Bytes(bytes) = value { Some(&bytes[..]) } else { None }
                            },
                        )
                        .collect()
                };
                let subjects = named("SubjectDistinguishedName");
                if whole.is_some() || subjects.len() > 1 {
                    return Err(Failure::new(ResultReason::InvalidField, "two subjects are named: give one"));
                }
                let subject = subjects.concat();
                let names = alternative_names(&named("SubjectAlternativeName"));
                whole = Some((subject, names));
            }
            (AttributeName::Standard(AttributeKind::CertificateSubject), _) => {
                return Err(not_supported(
                    "the subject as text: give X.509 Certificate Subject, or a certificate request,",
                ));
            }
            (AttributeName::Standard(kind), Value::Text(text)) => {
                parts.extend(certificates::subject_part(*kind).map(|oid| (oid, text.as_str())));
            }
            _ => {
                return Err(Failure::new(
                    ResultReason::InvalidField,
                    "the subject's attributes are of another type",
                ));
            }
        }
    }
    let nameless = |subject: &Vec<u8>| subject.is_empty();
    Ok(match whole {
        Some((subject, alternative_names)) => {
            let subject = if nameless(&subject) { distinguished_name(&parts) } else { subject };
            Some(Wanted { subject, alternative_names, ..Wanted::default() })
        }
        None if parts.is_empty() => None,
        None => Some(Wanted { subject: distinguished_name(&parts), ..Wanted::default() }),
    })
}

/// Makes certificates that say what a request asks, or else what the old certificate said, with the names of attributes.
fn issue(given: Option<Wanted>) -> Issue {
    Box::new(move |wish| issued(wish, given.clone()).map_err(told))
}

fn issued(wish: &Wish<'_>, mut wanted: Option<Wanted>) -> Result<Issued, PkiError> {
    let issuer = Issuer::new(wish.issuer_certificate, wish.issuer)?;
    let mut key = wish.public_key.map(<[u8]>::to_vec);
    let mut renames = false;
    if let Some(old) = wish.renewed {
        same_key(&mut key, &subject_key(old)?)?;
        if wish.request.is_none() {
            if !issuer.issued(old) {
                let other = "the old certificate is not by this issuer: bring a certificate request, which proves possession";
                return Err(PkiError::Issuer(format!("does not fit: {other}")));
            }
            let old = wanted_of(old)?;
            let new = match wanted {
                Some(Wanted { subject, alternative_names, .. }) => {
                    let alternative_names = alternative_names.or_else(|| old.alternative_names.clone());
                    Wanted { subject, alternative_names, ..old.clone() }
                }
                None => old.clone(),
            };
            renames = new != old;
            wanted = Some(new);
        }
    }
    if let Some(request) = wish.request {
        let request = CertificateRequest::read(request).map_err(of_request)?;
        same_key(&mut key, request.subject_public_key_info()).map_err(of_request)?;
        wanted = Some(request.into_wanted().map_err(of_request)?);
    }
    let missing = |what: &str| PkiError::NotCertified(format!("{what} is missing"));
    let key = key.ok_or_else(|| missing("a public key or a certificate request"))?;
    let subject = "a subject (Certificate Subject CN, X.509 Certificate Subject, or a certificate request)";
    let wanted = wanted.ok_or_else(|| missing(subject))?;
    let (certificate, last) = issuer.issue(&Contents {
        wanted: &wanted,
        key_usage: key_usage(wish.usage, wanted.key_usage)?,
        public_key: &key,
        serial: wish.serial,
        validity_seconds: (wish.not_before.seconds(), wish.not_after.seconds()),
        now_seconds: wish.now.seconds(),
    })?;
    let attributes = certificates::attributes(&certificate);
    Ok(Issued { certificate, not_after: Time::from_seconds(last), attributes, renames })
}

fn same_key(known: &mut Option<Vec<u8>>, other: &[u8]) -> Result<(), PkiError> {
    match known {
        Some(known) if known != other => {
            let what = "the public key, the certificate request and the old certificate are not all for the same key";
            Err(PkiError::NotCertified(what.to_owned()))
        }
        _ => {
            *known = Some(other.to_vec());
            Ok(())
        }
    }
}

/// The key usages of a certificate: what the key's mask allows, and of that what is asked for. Without a mask what is asked
/// for, or else digital signatures.
///
/// # Standard
/// KMIP 1.4 table 96 (X.509 Key Usage to Cryptographic Usage Mask Mapping).
fn key_usage(mask: Option<UsageMask>, asked: Option<u16>) -> Result<u16, PkiError> {
    const USAGES: [UsageMask; 5] = [
        UsageMask(UsageMask::SIGN.0 | UsageMask::VERIFY.0),
        UsageMask::CONTENT_COMMITMENT,
        UsageMask(UsageMask::WRAP.0 | UsageMask::UNWRAP.0),
        UsageMask(UsageMask::ENCRYPT.0 | UsageMask::DECRYPT.0),
        UsageMask::AGREE,
    ];
    const DIGITAL_SIGNATURE: u16 = 1;
    let allowed = |mask: UsageMask| {
        USAGES.iter().enumerate().fold(0, |bits, (index, usage)| {
            if (mask & *usage) == UsageMask::NONE { bits } else { bits | 1 << index }
        })
    };
    let usages = match (mask.map(allowed), asked) {
        (Some(allowed), Some(asked)) => allowed & asked,
        (allowed, asked) => allowed.or(asked).unwrap_or(DIGITAL_SIGNATURE),
    };
    if usages == 0 {
        let none = "no key usage is left: the usage mask of the public key, the attributes and the request allow none together";
        return Err(PkiError::NotCertified(none.to_owned()));
    }
    Ok(usages)
}

/// What is wrong with a request has a reason of its own.
fn of_request(error: PkiError) -> PkiError {
    PkiError::Key(Error::new(ErrorKind::CryptoFailed, error.to_string()))
}

/// In core's terms.
fn told(error: PkiError) -> Error {
    match error {
        PkiError::Key(cause) => cause,
        PkiError::Crypto(_) => Error::internal(error),
        PkiError::Issuer(_) | PkiError::KeyMismatch => {
            Error::new(ErrorKind::WrongUsage, format!("nothing is certified: {error}"))
        }
        _ => Error::new(ErrorKind::InvalidField, error.to_string()),
    }
}
