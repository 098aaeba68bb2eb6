//! The attributes that a server reads out of an X.509 certificate.

use keyreeve_core::model::{AttributeKind, AttributeName, Value};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

/// Attributes of a certificate; of one that is no X.509, or is malformed, its length alone.
///
/// # Standard
/// KMIP 2.1 sections 4.7 (Certificate Attributes), 4.9 (Certificate Length) and 4.64 to 4.66.
pub(super) fn attributes(certificate: &[u8]) -> Vec<(AttributeName, Vec<Value>)> {
    let length = Value::Integer(i32::try_from(certificate.len()).unwrap_or(i32::MAX));
    let mut found = vec![(AttributeName::Standard(AttributeKind::CertificateLength), vec![length])];
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return found };
    found.extend(names(parsed.subject(), SUBJECT));
    found.extend(names(parsed.issuer(), ISSUER));
    let field = |name: &str, bytes: &[u8]| (name.to_owned(), Value::Bytes(bytes.to_vec()));
    let issuer = || field("IssuerDistinguishedName", parsed.issuer().as_raw());
    let mut add = |kind, fields| found.push((AttributeName::Standard(kind), vec![Value::Structure(fields)]));
    let serial = field("CertificateSerialNumber", &serial_der(parsed.raw_serial()));
    add(AttributeKind::X509CertificateIdentifier, vec![issuer(), serial]);
    add(AttributeKind::X509CertificateIssuer, vec![issuer()]);
    let subject = field("SubjectDistinguishedName", parsed.subject().as_raw());
    add(AttributeKind::X509CertificateSubject, vec![subject]);
    found
}

/// Object identifiers of the parts of a distinguished name, in the order of `SUBJECT` and `ISSUER`.
const PARTS: [&str; 12] = [
    "2.5.4.3",
    "2.5.4.10",
    "2.5.4.11",
    "1.2.840.113549.1.9.1",
    "2.5.4.6",
    "2.5.4.8",
    "2.5.4.7",
    "0.9.2342.19200300.100.1.1",
    "2.5.4.5",
    "2.5.4.12",
    "0.9.2342.19200300.100.1.25",
    "2.5.4.46",
];

const SUBJECT: [AttributeKind; 12] = [
    AttributeKind::CertificateSubjectCn,
    AttributeKind::CertificateSubjectO,
    AttributeKind::CertificateSubjectOu,
    AttributeKind::CertificateSubjectEmail,
    AttributeKind::CertificateSubjectC,
    AttributeKind::CertificateSubjectSt,
    AttributeKind::CertificateSubjectL,
    AttributeKind::CertificateSubjectUid,
    AttributeKind::CertificateSubjectSerialNumber,
    AttributeKind::CertificateSubjectTitle,
    AttributeKind::CertificateSubjectDc,
    AttributeKind::CertificateSubjectDnQualifier,
];

const ISSUER: [AttributeKind; 12] = [
    AttributeKind::CertificateIssuerCn,
    AttributeKind::CertificateIssuerO,
    AttributeKind::CertificateIssuerOu,
    AttributeKind::CertificateIssuerEmail,
    AttributeKind::CertificateIssuerC,
    AttributeKind::CertificateIssuerSt,
    AttributeKind::CertificateIssuerL,
    AttributeKind::CertificateIssuerUid,
    AttributeKind::CertificateIssuerSerialNumber,
    AttributeKind::CertificateIssuerTitle,
    AttributeKind::CertificateIssuerDc,
    AttributeKind::CertificateIssuerDnQualifier,
];

fn names(name: &X509Name<'_>, kinds: [AttributeKind; 12]) -> Vec<(AttributeName, Vec<Value>)> {
    let values = |oid: &str| {
        let parts = name.iter_attributes().filter(|part| part.attr_type().to_id_string() == oid);
        parts
            .filter_map(|part| part.as_str().ok())
            .map(|text| Value::Text(text.to_owned()))
            .collect::<Vec<_>>()
    };
    let all = PARTS.iter().zip(kinds).map(|(oid, kind)| (AttributeName::Standard(kind), values(oid)));
    all.filter(|(_, values)| !values.is_empty()).collect()
}

/// The serial number as the DER integer that it was. Longer ones than a standard allows are told by their bytes alone.
fn serial_der(serial: &[u8]) -> Vec<u8> {
    match u8::try_from(serial.len()) {
        Ok(length @ 0..0x80) => [&[0x02, length], serial].concat(),
        _ => serial.to_vec(),
    }
}
