//! ReProvision: a client's own certificate gives way to another one. Not here: whose it is and whether it counts (core), and
//! how certificates are issued (authn).

use std::collections::BTreeMap;

use keyreeve_core::model::{
    Credential, KeyFormat, KeyMaterial, KeyPolicy, ObjectType, Principal, Time, UsageMask,
};
use keyreeve_core::operations::register::Register;
use keyreeve_core::operations::reprovision::{Provided, ReProvision};
use keyreeve_core::operations::{Activation, Template};
use keyreeve_core::{Error, ErrorKind, SecretBytes};
use keyreeve_kmip::enums::{CertificateRequestType, CertificateType, Operation, ResultReason};
use keyreeve_kmip::objects::{Certificate, CertificateRequest};
use keyreeve_kmip::payloads::reprovision::{ReProvisionRequest, ReProvisionResponse};
use keyreeve_pki::{CertificateAuthority, CertificateInfo};
use rustls::pki_types::CertificateDer;

use super::batch::{Batch, identifier};
use super::certificates;
use super::errors::{Failure, not_supported};
use crate::authn::certificate::credential;
use crate::authn::enrolment::{self, CLIENT_DAYS_DEFAULT, Enrolled};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Where the new certificate comes from.
enum Source {
    /// A request, PKCS#10.
    Request(Vec<u8>),
    /// It was issued before.
    Issued(Vec<u8>),
    /// Nothing is given: a key is made here.
    Here,
}

pub(super) async fn reprovision(
    batch: &mut Batch<'_>,
    request: ReProvisionRequest,
) -> Result<ReProvisionResponse, Failure> {
    let Some(authority) = batch.kmip.authority.clone() else {
        return Err(not_supported("Re-Provision, on a server without an authority,"));
    };
    batch.refuse_in_rehearsal("Re-Provision")?;
    if !std::ptr::eq(batch.caller.connection(), batch.caller) {
        let what = "Re-Provision with a credential in the header, instead of by the certificate of the connection alone,";
        return Err(not_supported(what));
    }
    let source = source(request)?;
    // The old certificate counts no more with the next request: a client that did not get the new one by then never does.
    if !batch.gets_later && !matches!(source, Source::Issued(_)) {
        let message = "the old certificate counts no more after this request: put a Get of what is made behind it, in the same batch";
        return Err(Failure::new(ResultReason::InvalidMessage, message));
    }
    let now = batch.kmip.engine.clock().now();
    let operation =
        ReProvision { provide: Box::new(move |owner, old| provided(&authority, (owner, old), &source, now)) };
    let made = batch.run(operation).await?;
    batch.renewed = Some(batch.caller.clone().proven_by([Some(made.credential), None]));
    let answered = made.private_key.unwrap_or(made.certificate);
    let objects: Vec<_> = made.private_key.into_iter().chain([made.certificate]).collect();
    batch.answered(Operation::ReProvision, &objects);
    Ok(ReProvisionResponse { unique_identifier: Some(identifier(answered)) })
}

fn source(request: ReProvisionRequest) -> Result<Source, Failure> {
    match (request.certificate_request, request.certificate) {
        (None, None) => Ok(Source::Here),
        (Some(_), Some(_)) => {
            let message = "a certificate request and a certificate: send one of them";
            Err(Failure::new(ResultReason::InvalidField, message))
        }
        (Some(request), None) => {
            let CertificateRequest { certificate_request_type, certificate_request_value } = request;
            match certificate_request_type {
                CertificateRequestType::Pkcs10 | CertificateRequestType::Pem => {
                    Ok(Source::Request(certificate_request_value))
                }
                other => Err(not_supported(&format!("a certificate request of the type {other}"))),
            }
        }
        (None, Some(Certificate { certificate_type: CertificateType::X509, certificate_value })) => {
            Ok(Source::Issued(certificate_value))
        }
        (None, Some(_)) => Err(not_supported("a certificate of another type than X.509")),
    }
}

fn provided(
    authority: &CertificateAuthority,
    (owner, old): (&Principal, &Credential),
    source: &Source,
    now: Time,
) -> Result<Provided, Error> {
    let request = match source {
        Source::Issued(certificate) => return issued(authority, certificate, now),
        Source::Request(request) => Some(&request[..]),
        Source::Here => None,
    };
    let Enrolled { certificate, key, credential } =
        enrolment::issue(authority, (owner.id, &owner.name), request, (now, days(old)))?;
    let deactivation = credential.expires;
    let private_key = key.map(|key| {
        let material = (KeyFormat::Pkcs8, SecretBytes::copy_from(key.pkcs8_der()));
        let template =
            Template { usage: Some(UsageMask::SIGN), sensitive: Some(false), ..Template::default() };
        object(ObjectType::PrivateKey, material, Template { deactivation, ..template })
    });
    Ok(Provided {
        credential,
        is_known: false,
        certificate: of_certificate(&certificate, deactivation),
        private_key,
    })
}

/// A certificate that the authority has issued before; whose it is, the record says.
fn issued(authority: &CertificateAuthority, certificate: &[u8], now: Time) -> Result<Provided, Error> {
    if !authority.has_issued(certificate, now.seconds()) {
        let public = "a certificate that this server's own CA has not issued, or that is not valid now, would prove nobody here";
        return Err(Error::new(ErrorKind::Denied, public));
    }
    let certificate = CertificateDer::from(certificate);
    let credential = credential(&CertificateInfo::read(&certificate).map_err(enrolment::refused)?);
    let as_object = of_certificate(&certificate, credential.expires);
    Ok(Provided { credential, is_known: true, certificate: as_object, private_key: None })
}

/// The new certificate lasts as long as the old one was to: nobody gives themselves more.
fn days(old: &Credential) -> u32 {
    let length_ms = old.expires.map(|expires| expires.0.saturating_sub(old.created.0));
    let days = length_ms.and_then(|length| u32::try_from(length.saturating_add(DAY_MS - 1) / DAY_MS).ok());
    days.unwrap_or(CLIENT_DAYS_DEFAULT).max(1)
}

fn of_certificate(certificate: &CertificateDer<'_>, deactivation: Option<Time>) -> Register {
    let template = Template {
        deactivation,
        usage: Some(UsageMask::VERIFY),
        subtype: Some(CertificateType::X509.into()),
        further: certificates::attributes(certificate).into_iter().collect(),
        ..Template::default()
    };
    let material = (KeyFormat::Spki, SecretBytes::copy_from(certificate));
    object(ObjectType::Certificate, material, template)
}

fn object(
    object_type: ObjectType,
    (format, bytes): (KeyFormat, SecretBytes),
    template: Template,
) -> Register {
    Register {
        name: None,
        object_type,
        spec: None,
        material: KeyMaterial { format, bytes },
        digested: None,
        template: Template { activation: Activation::Now, ..template },
        policy: KeyPolicy { exportable: true, ..KeyPolicy::default() },
        tags: BTreeMap::new(),
    }
}
