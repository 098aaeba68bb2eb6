//! Whom a certificate is for, as text: its subject and its alternative names, each in one form alone, so that two of them are the
//! same text exactly where they are the same name. Not here: whether anybody vouches for it.

use std::fmt::Write as _;

use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::{Class, FromDer as _, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::{CertificateInfo, PkiError};

/// Names of attribute types that a text of a subject uses (RFC 4514 section 3); others stand as their numbers.
const TYPES: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// Which of a certificate's names tells whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectName {
    /// The URI among its alternative names, such as a SPIFFE id.
    Uri,
    /// The DNS name among its alternative names.
    Dns,
    /// The e-mail address among its alternative names.
    Email,
    /// Its subject.
    Subject,
    /// Its public key: the SHA-256 of the SubjectPublicKeyInfo, 64 hexadecimal digits.
    PublicKey,
}

/// The names of this kind in a certificate, in its order.
///
/// # Errors
/// [`PkiError::Malformed`] where the bytes are no certificate, or a name cannot be read.
///
/// # Standard
/// RFC 5280 section 4.2.1.6; RFC 4514 for the subject.
pub fn subject_names(certificate: &CertificateDer<'_>, kind: SubjectName) -> Result<Vec<String>, PkiError> {
    let malformed = |detail: &str| PkiError::malformed("certificate", detail);
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| malformed(&error.to_string()))?;
    let alternative = || {
        let names = parsed.subject_alternative_name().map_err(|error| malformed(&error.to_string()))?;
        Ok::<_, PkiError>(names.map_or(&[][..], |names| &names.value.general_names))
    };
    match kind {
        SubjectName::Subject if parsed.subject().iter_rdn().next().is_none() => Ok(Vec::new()),
        SubjectName::Subject => Ok(vec![text(parsed.subject())?]),
        SubjectName::PublicKey => {
            let info = CertificateInfo::read(certificate)?;
            Ok(vec![info.spki_sha256.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))])
        }
        SubjectName::Uri | SubjectName::Dns | SubjectName::Email => {
            let of_kind = |name: &GeneralName<'_>| match (kind, name) {
                (SubjectName::Uri, GeneralName::URI(name))
                | (SubjectName::Dns, GeneralName::DNSName(name))
                | (SubjectName::Email, GeneralName::RFC822Name(name)) => Some((*name).to_owned()),
                _ => None,
            };
            let names: Vec<String> = alternative()?.iter().filter_map(of_kind).collect();
            if names.iter().any(|name| !name.bytes().all(|byte| byte.is_ascii_graphic())) {
                return Err(malformed("a name in it has characters that none may have"));
            }
            // RFC 4343: DNS names do not differ by case.
            Ok(match kind {
                SubjectName::Dns => names.iter().map(|name| name.to_ascii_lowercase()).collect(),
                _ => names,
            })
        }
    }
}

/// The text of a distinguished name: the last part first.
fn text(name: &X509Name<'_>) -> Result<String, PkiError> {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let pairs: Result<Vec<_>, _> = part.iter().map(pair).collect();
        parts.push(pairs?.join("+"));
    }
    parts.reverse();
    Ok(parts.join(","))
}

/// `CN=text`, or of what is no text of a known type `1.2.3=#` with class, form, tag and bytes in hexadecimal.
fn pair(pair: &AttributeTypeAndValue<'_>) -> Result<String, PkiError> {
    let oid = pair.attr_type().to_id_string();
    let known = TYPES.iter().find(|(known, _)| *known == oid);
    let value = pair.attr_value();
    let is_plain = value.class() == Class::Universal && !value.header.is_constructed();
    let is_text = is_plain && matches!(value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String);
    match (known, std::str::from_utf8(value.data)) {
        (Some((_, name)), Ok(text)) if is_text => Ok(format!("{name}={}", escaped(text))),
        _ => {
            // Of fixed widths, so that no two values are the same text.
            let (class, tag) = (value.class() as u8, value.tag().0);
            let mut told = format!("{oid}=#{class:x}{:x}{tag:08x}", u8::from(value.header.is_constructed()));
            value
                .data
                .iter()
                .try_for_each(|byte| write!(told, "{byte:02x}"))
                .map_err(|_| PkiError::malformed("certificate", "its subject cannot be written as text"))?;
            Ok(told)
        }
    }
}

/// # Standard
/// RFC 4514 section 2.4; controls are escaped as well.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut told = String::with_capacity(text.len());
    for (at, character) in text.chars().enumerate() {
        let is_special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=');
        let is_edge = (at == 0 && matches!(character, ' ' | '#')) || (at == last && character == ' ');
        if character.is_control() {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                told += &format!("\\{byte:02x}");
            }
            continue;
        }
        if is_special || is_edge {
            told.push('\\');
        }
        told.push(character);
    }
    told
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(parts: &[(DnType, &str)], names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        parts.iter().for_each(|(kind, text)| params.distinguished_name.push(kind.clone(), *text));
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().into()
    }

    #[test]
    fn two_subjects_have_one_text_only_where_they_are_one() {
        let told = |parts: &[(DnType, &str)]| {
            subject_names(&certificate(parts, Vec::new()), SubjectName::Subject).unwrap().remove(0)
        };
        let (org, name) = (DnType::OrganizationName, DnType::CommonName);
        assert_eq!(told(&[(org.clone(), "Example"), (name.clone(), "app")]), "CN=app,O=Example");
        assert_eq!(told(&[(name.clone(), "app,O=Example")]), r"CN=app\,O\=Example");
        assert_eq!(told(&[(name.clone(), "app\\,O=Example")]), r"CN=app\\\,O\=Example");
        assert_eq!(told(&[(name.clone(), " #x ")]), r"CN=\ #x\ ");
        assert_eq!(told(&[(name.clone(), "#x")]), r"CN=\#x");
        assert_eq!(told(&[(name, "a\nb")]), r"CN=a\0ab");
        let other = DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 2]);
        assert!(told(&[(other, "x")]).starts_with("1.2.840.113549.1.9.2=#"));
        let nothing = certificate(&[], Vec::new());
        assert_eq!(subject_names(&nothing, SubjectName::Subject).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn alternative_names_come_by_kind() {
        let uri = |text: &str| SanType::URI(text.try_into().unwrap());
        let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
        let made = certificate(&[], vec![uri("spiffe://a/b"), dns("A.example"), uri("spiffe://a/c")]);
        let names = |kind| subject_names(&made, kind).unwrap();
        assert_eq!(names(SubjectName::Uri), ["spiffe://a/b", "spiffe://a/c"]);
        assert_eq!(names(SubjectName::Dns), ["a.example"]);
        assert!(names(SubjectName::Email).is_empty());
        assert_eq!(names(SubjectName::PublicKey)[0].len(), 64);
        let spaced = certificate(&[], vec![uri("spiffe://a/b c")]);
        assert!(subject_names(&spaced, SubjectName::Uri).is_err());
    }
}
