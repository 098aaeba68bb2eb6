//! The attributes that a server reads out of an X.509 certificate.

use keyreeve_core::model::{Algorithm, AttributeKind, AttributeName, Value};
use keyreeve_kmip::enums::DigitalSignatureAlgorithm;
use x509_parser::asn1_rs::{Any, Oid};
use x509_parser::oid_registry::{OID_X509_EXT_ISSUER_ALT_NAME, OID_X509_EXT_SUBJECT_ALT_NAME};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

/// Attributes of a certificate; of one that is no X.509, or is malformed, its length alone.
///
/// # Standard
/// KMIP 2.1 sections 4.7 (Certificate Attributes), 4.9 (Certificate Length) and 4.61 to 4.63; KMIP 1.4 sections 3.13 to
/// 3.16 (Certificate Identifier, Subject and Issuer as text, Digital Signature Algorithm).
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
    let named = |name: &str, extension: &Oid<'_>| -> Vec<(String, Value)> {
        alternative_names(&parsed, extension).into_iter().map(|der| field(name, der)).collect()
    };
    let others = named("IssuerAlternativeName", &OID_X509_EXT_ISSUER_ALT_NAME);
    add(AttributeKind::X509CertificateIssuer, [vec![issuer()], others].concat());
    let subject = field("SubjectDistinguishedName", parsed.subject().as_raw());
    let others = named("SubjectAlternativeName", &OID_X509_EXT_SUBJECT_ALT_NAME);
    add(AttributeKind::X509CertificateSubject, [vec![subject], others].concat());
    let text = |name: &str, text: String| (name.to_owned(), Value::Text(text));
    let (issuer, subject) = (distinguished_name(parsed.issuer()), distinguished_name(parsed.subject()));
    let serial: String = parsed.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect();
    add(
        AttributeKind::CertificateIdentifier,
        vec![text("Issuer", issuer.clone()), text("SerialNumber", serial)],
    );
    add(AttributeKind::CertificateIssuer, vec![text("CertificateIssuerDistinguishedName", issuer)]);
    add(AttributeKind::CertificateSubject, vec![text("CertificateSubjectDistinguishedName", subject)]);
    let mut add = |kind, value| found.push((AttributeName::Standard(kind), vec![value]));
    if let Some((algorithm, length_bits)) = subject_key(&parsed) {
        add(AttributeKind::CryptographicAlgorithm, Value::Enumeration(algorithm.code()));
        add(AttributeKind::CryptographicLength, Value::Integer(length_bits));
    }
    if let Some(algorithm) = signature_algorithm(&parsed.signature_algorithm.algorithm.to_id_string()) {
        add(AttributeKind::DigitalSignatureAlgorithm, Value::Enumeration(algorithm.into()));
    }
    found
}

/// The alternative names (GeneralName, DER) in this extension of a certificate, in its order.
///
/// # Standard
/// RFC 5280 sections 4.2.1.6 and 4.2.1.7.
fn alternative_names<'a>(certificate: &'a X509Certificate<'_>, extension: &Oid<'_>) -> Vec<&'a [u8]> {
    let found = certificate.extensions().iter().find(|known| known.oid == *extension);
    let Some((_, whole)) = found.and_then(|found| Any::from_der(found.value).ok()) else { return Vec::new() };
    let (mut rest, mut names) = (whole.data, Vec::new());
    while let Ok((behind, _)) = Any::from_der(rest) {
        names.extend(rest.get(..rest.len() - behind.len()));
        rest = behind;
    }
    names
}

/// Subject and issuer of a certificate, encoded; `None` where it is no X.509.
pub(super) fn subject_and_issuer(certificate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some((parsed.subject().as_raw().to_vec(), parsed.issuer().as_raw().to_vec()))
}

/// The object identifier of the part of a subject that an attribute is.
pub(super) fn subject_part(kind: AttributeKind) -> Option<&'static str> {
    SUBJECT.iter().position(|part| *part == kind).and_then(|index| PARTS.get(index)).copied()
}

/// Algorithm and length in bits of the key that the certificate is for.
fn subject_key(certificate: &X509Certificate<'_>) -> Option<(Algorithm, i32)> {
    if certificate.public_key().algorithm.algorithm.to_id_string() == ED25519 {
        return Some((Algorithm::Ed25519, 256));
    }
    let (algorithm, bits) = match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) => (Algorithm::Rsa, key.key_size()),
        PublicKey::EC(point) => (Algorithm::Ec, point.key_size()),
        _ => return None,
    };
    Some((algorithm, i32::try_from(bits).ok()?))
}

/// By what the certificate is signed, where KMIP has a name for it.
fn signature_algorithm(oid: &str) -> Option<DigitalSignatureAlgorithm> {
    use DigitalSignatureAlgorithm as Signed;
    Some(match oid {
        "1.2.840.113549.1.1.4" => Signed::Md5WithRsaEncryption,
        "1.2.840.113549.1.1.5" => Signed::Sha1WithRsaEncryption,
        "1.2.840.113549.1.1.14" => Signed::Sha224WithRsaEncryption,
        "1.2.840.113549.1.1.11" => Signed::Sha256WithRsaEncryption,
        "1.2.840.113549.1.1.12" => Signed::Sha384WithRsaEncryption,
        "1.2.840.113549.1.1.13" => Signed::Sha512WithRsaEncryption,
        "1.2.840.113549.1.1.10" => Signed::RsassaPss,
        "1.2.840.10045.4.1" => Signed::EcdsaWithSha1,
        "1.2.840.10045.4.3.1" => Signed::EcdsaWithSha224,
        "1.2.840.10045.4.3.2" => Signed::EcdsaWithSha256,
        "1.2.840.10045.4.3.3" => Signed::EcdsaWithSha384,
        "1.2.840.10045.4.3.4" => Signed::EcdsaWithSha512,
        _ => return None,
    })
}

/// A distinguished name as text, the last part first.
///
/// # Standard
/// RFC 4514 section 2.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let part = |oid: String, text: &str| {
        let known = PARTS.iter().position(|part| *part == oid).and_then(|index| KEYWORDS.get(index));
        format!("{}={}", known.copied().unwrap_or(&oid), escaped(text))
    };
    let parts = |set: &x509_parser::x509::RelativeDistinguishedName<'_>| {
        let each =
            set.iter().map(|one| part(one.attr_type().to_id_string(), one.as_str().unwrap_or_default()));
        each.collect::<Vec<_>>().join("+")
    };
    let mut sets: Vec<String> = name.iter_rdn().map(parts).collect();
    sets.reverse();
    sets.join(",")
}

/// A part of a name with those characters escaped that mean something there.
///
/// # Standard
/// RFC 4514 section 2.4.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        let at_edge = index == 0 && matches!(character, ' ' | '#') || index == last && character == ' ';
        match character {
            '\0' => {
                out.push_str("\\00");
                continue;
            }
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.push('\\'),
            _ if at_edge => out.push('\\'),
            _ => {}
        }
        out.push(character);
    }
    out
}

/// RFC 8410 section 3.
const ED25519: &str = "1.3.101.112";

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

/// Keywords of the parts in text, in the same order.
const KEYWORDS: [&str; 12] =
    ["CN", "O", "OU", "emailAddress", "C", "ST", "L", "UID", "serialNumber", "title", "DC", "dnQualifier"];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_look_like_another() {
        assert_eq!(escaped("a,CN=b"), "a\\,CN=b");
        assert_eq!(escaped(" #x "), "\\ #x\\ ");
        assert_eq!(escaped("#1\\\0"), "\\#1\\\\\\00");
        assert_eq!(escaped(" "), "\\ ");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn what_is_no_certificate_has_a_length_alone() {
        let found = attributes(b"no certificate");
        let length = (AttributeName::Standard(AttributeKind::CertificateLength), vec![Value::Integer(14)]);
        assert_eq!(found, [length]);
    }
}
