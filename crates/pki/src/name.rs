//! Names and usages of certificates, written in DER; those that come from outside are understood first, and written anew.
//! Not here: what else a certificate says.

use yasna::models::{ObjectIdentifier, TaggedDerValue};
use yasna::{ASN1Result, BERReader, DERWriter, PCBit, Tag, TagClass, construct_der, parse_der};

use crate::PkiError;

/// Parts of a name whose text is ASCII by definition, and the ASN.1 type of that: emailAddress and domainComponent are
/// IA5String, countryName, serialNumber and dnQualifier PrintableString. All others are UTF8String. What does not fit is found
/// when the certificate is made.
const TYPES: &[(&str, u64)] = &[
    ("1.2.840.113549.1.9.1", 22),
    ("0.9.2342.19200300.100.1.25", 22),
    ("2.5.4.6", 19),
    ("2.5.4.5", 19),
    ("2.5.4.46", 19),
];

const UTF8_STRING: u64 = 12;

/// A distinguished name (DER) of parts, each an object identifier in dotted decimal and a text, in this order.
///
/// # Standard
/// RFC 5280 section 4.1.2.4 and appendix A.1.
pub fn distinguished_name(parts: &[(&str, &str)]) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            for (oid, text) in parts {
                writer.next().write_set(|writer| {
                    writer.next().write_sequence(|writer| {
                        let arcs = oid.split('.').filter_map(|arc| arc.parse().ok()).collect();
                        writer.next().write_oid(&ObjectIdentifier::new(arcs));
                        write_text(writer.next(), oid, text);
                    });
                });
            }
        });
    })
}

fn write_text(writer: DERWriter<'_>, oid: &str, text: &str) {
    let known = TYPES.iter().find(|(known, _)| *known == oid);
    let tag = known.map_or(UTF8_STRING, |(_, tag)| *tag);
    let value = TaggedDerValue::from_tag_and_bytes(
        Tag { tag_class: yasna::TagClass::Universal, tag_number: tag },
        text.as_bytes().to_vec(),
    );
    writer.write_tagged_der(&value);
}

/// The value of the extension Subject Alternative Name of names in DER, or of one that is that value itself; `None` of
/// none. What cannot stand there is found when the certificate is made.
///
/// # Standard
/// RFC 5280 section 4.2.1.6.
pub fn alternative_names(names: &[&[u8]]) -> Option<Vec<u8>> {
    const SEQUENCE: u8 = 0x30;
    match names {
        [] => None,
        [whole] if whole.first() == Some(&SEQUENCE) => Some(whole.to_vec()),
        names => Some(construct_der(|writer| {
            writer.write_sequence(|writer| names.iter().for_each(|name| writer.next().write_der(name)));
        })),
    }
}

const PRINTABLE_STRING: u64 = 19;
const IA5_STRING: u64 = 22;

const COUNTRY: &[u64] = &[2, 5, 4, 6];
/// emailAddress (appendix A.1) and domainComponent, which have longer texts than the parts of X.520.
const LONG: &[&[u64]] = &[&[1, 2, 840, 113549, 1, 9, 1], &[0, 9, 2342, 19200300, 100, 1, 25]];
/// localityName, stateOrProvinceName and streetAddress.
const PLACES: &[&[u64]] = &[&[2, 5, 4, 7], &[2, 5, 4, 8], &[2, 5, 4, 9]];

const ANY_EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37, 0];
const OCSP_SIGNING: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 9];

/// What names a principal of this server: never by a certificate of another authority.
const OWN_URN: &str = "urn:keyreeve:";

/// Names of one certificate at most.
const NAMES_MAX: usize = 256;

/// A distinguished name (DER) as it was understood.
///
/// # Errors
/// [`PkiError::NotCertified`] for what is no name in DER, and for texts that cannot stand there.
///
/// # Standard
/// RFC 5280 section 4.1.2.4 and appendix A.1 (upper bounds).
pub(crate) fn strict_name(der: &[u8]) -> Result<Vec<u8>, PkiError> {
    let wrong = || refused("the subject is no distinguished name in DER");
    let sets = parse_der(der, |reader| reader.collect_sequence_of(|reader| reader.collect_set_of(read_part)))
        .map_err(|_| wrong())?;
    for (oid, text) in sets.iter().flatten() {
        check_part(oid.components(), text)?;
    }
    if sets.iter().any(Vec::is_empty) {
        return Err(wrong());
    }
    let again = construct_der(|writer| {
        writer.write_sequence_of(|writer| {
            for set in &sets {
                writer.next().write_set_of(|writer| {
                    for (oid, text) in set {
                        writer.next().write_sequence(|writer| {
                            writer.next().write_oid(oid);
                            writer.next().write_tagged_der(text);
                        });
                    }
                });
            }
        });
    });
    // An authority compares names byte by byte: what is not written as it came is none in DER.
    if again == der { Ok(again) } else { Err(wrong()) }
}

fn read_part(reader: BERReader<'_, '_>) -> ASN1Result<(ObjectIdentifier, TaggedDerValue)> {
    reader.read_sequence(|reader| Ok((reader.next().read_oid()?, reader.next().read_tagged_der()?)))
}

fn check_part(oid: &[u64], value: &TaggedDerValue) -> Result<(), PkiError> {
    let refuse = |what: &str| Err(refused(&format!("a part of the subject {what}")));
    let tag = value.tag();
    let Ok(text) = std::str::from_utf8(value.value()) else { return refuse("is no text") };
    let fits = tag.tag_class == TagClass::Universal
        && value.pcbit() == PCBit::Primitive
        && match tag.tag_number {
            UTF8_STRING => true,
            PRINTABLE_STRING => text.chars().all(is_printable),
            IA5_STRING => text.is_ascii(),
            _ => false,
        };
    if !fits {
        return refuse("is no UTF8String, or a PrintableString or IA5String of other characters");
    }
    let chars_max = match oid {
        oid if LONG.contains(&oid) => 255,
        oid if PLACES.contains(&oid) => 128,
        _ => 64,
    };
    let length = text.chars().count();
    if length == 0 || length > chars_max || text.chars().any(char::is_control) {
        return refuse(&format!("is empty, longer than {chars_max} characters, or has control characters"));
    }
    if oid == COUNTRY && !(length == 2 && text.chars().all(|c| c.is_ascii_alphabetic())) {
        return refuse("is a country of other than two letters");
    }
    Ok(())
}

/// Standard: X.680 section 41.4 (PrintableString).
fn is_printable(c: char) -> bool {
    c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c)
}

/// The value of the extension Subject Alternative Name (DER) as it was understood: DNS names, e-mail addresses, URIs, IP
/// addresses and directory names.
///
/// # Errors
/// [`PkiError::NotCertified`] for any other, none at all, and what names a principal of this server.
///
/// # Standard
/// RFC 5280 section 4.2.1.6.
pub(crate) fn strict_alternative_names(der: &[u8]) -> Result<Vec<u8>, PkiError> {
    let names = parse_der(der, |reader| reader.collect_sequence_of(|reader| reader.read_tagged_der()))
        .map_err(|_| refused("the alternative names are none in DER"))?;
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(refused(&format!("there are {} alternative names, of 1 to {NAMES_MAX}", names.len())));
    }
    names.iter().try_for_each(check_general_name)?;
    Ok(construct_der(|writer| {
        writer.write_sequence(|writer| names.iter().for_each(|name| writer.next().write_tagged_der(name)));
    }))
}

fn check_general_name(name: &TaggedDerValue) -> Result<(), PkiError> {
    const DIRECTORY_NAME: u64 = 4;
    const IP_ADDRESS: u64 = 7;
    let tag = name.tag();
    let (is_known, number) = (tag.tag_class == TagClass::ContextSpecific, tag.tag_number);
    let is_constructed = name.pcbit() == PCBit::Constructed;
    let fits = match number {
        _ if !is_known || is_constructed != (number == DIRECTORY_NAME) => false,
        DIRECTORY_NAME => return strict_name(name.value()).map(drop),
        IP_ADDRESS => matches!(name.value().len(), 4 | 16),
        _ => match (number, std::str::from_utf8(name.value())) {
            (1, Ok(address)) => is_address(address),
            (2, Ok(host)) => is_host(host),
            (6, Ok(uri)) => is_uri(uri),
            _ => false,
        },
    };
    if fits {
        return Ok(());
    }
    let said = "an alternative name is none of DNS name, e-mail address, URI, IP address and directory name, is malformed, or \
                names a principal of this server";
    Err(refused(said))
}

fn is_graphic(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_address(address: &str) -> bool {
    let parts = address.split_once('@');
    is_graphic(address) && parts.is_some_and(|(local, host)| !local.is_empty() && is_host(host))
}

/// Letters, digits and hyphens, in labels; the first may be `*`.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let fits = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        fits && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.len() <= 253 && host.strip_prefix("*.").unwrap_or(host).split('.').all(is_label)
}

fn is_uri(uri: &str) -> bool {
    let names_us = uri.get(..OWN_URN.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_URN));
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    is_graphic(uri)
        && !names_us
        && scheme.is_some_and(|scheme| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        })
}

/// The value of the extension Extended Key Usage (DER) as it was understood.
///
/// # Errors
/// [`PkiError::NotCertified`] for none, for anyExtendedKeyUsage, and for OCSPSigning.
///
/// # Standard
/// RFC 5280 section 4.2.1.12.
pub(crate) fn strict_extended_key_usage(der: &[u8]) -> Result<Vec<u8>, PkiError> {
    let usages = parse_der(der, |reader| reader.collect_sequence_of(|reader| reader.read_oid()))
        .map_err(|_| refused("the extended key usages are none in DER"))?;
    let given_to_nobody =
        |usage: &ObjectIdentifier| [ANY_EXTENDED_KEY_USAGE, OCSP_SIGNING].contains(&&usage.components()[..]);
    if usages.is_empty() || usages.iter().any(given_to_nobody) {
        return Err(refused(
            "no extended key usage is asked for, or anyExtendedKeyUsage or OCSPSigning, which nobody gets here",
        ));
    }
    Ok(construct_der(|writer| {
        writer.write_sequence(|writer| usages.iter().for_each(|usage| writer.next().write_oid(usage)));
    }))
}

fn refused(what: &str) -> PkiError {
    PkiError::NotCertified(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMON_NAME: &str = "2.5.4.3";

    fn general(number: u64, value: &[u8]) -> Vec<u8> {
        let tag = Tag { tag_class: TagClass::ContextSpecific, tag_number: number };
        let value = TaggedDerValue::from_tag_and_bytes(tag, value.to_vec());
        construct_der(|writer| writer.write_sequence(|writer| writer.next().write_tagged_der(&value)))
    }

    #[test]
    fn names_are_taken_as_they_are_understood() {
        let names =
            [[(COMMON_NAME, "Ärzte"), ("2.5.4.6", "DE")], [("2.5.4.5", "dev-01"), (COMMON_NAME, "x")]];
        for parts in names {
            let name = distinguished_name(&parts);
            assert_eq!(strict_name(&name).unwrap(), name);
        }
        assert_eq!(strict_name(&[0x30, 0]).unwrap(), [0x30, 0]);
    }

    #[test]
    fn names_that_others_cannot_read_are_refused() {
        let long = "x".repeat(65);
        let parts = [
            ("2.5.4.5", "dev_01"),
            ("2.5.4.6", "Germany"),
            ("2.5.4.6", "D1"),
            (COMMON_NAME, ""),
            (COMMON_NAME, "bank\0evil"),
            (COMMON_NAME, long.as_str()),
            ("1.2.840.113549.1.9.1", "ä@example"),
        ];
        for part in parts {
            assert!(strict_name(&distinguished_name(&[part])).is_err(), "{part:?}");
        }
        let mut followed = distinguished_name(&[(COMMON_NAME, "x")]);
        followed.extend([5, 0]);
        assert!(strict_name(&followed).is_err(), "behind it");
        followed[1] += 2;
        assert!(strict_name(&followed).is_err(), "in it");
    }

    #[test]
    fn alternative_names_are_of_known_kinds_and_name_nobody_here() {
        let good: [(u64, &[u8]); 6] = [
            (2, b"*.example.org"),
            (2, b"localhost"),
            (1, b"a.b@example.org"),
            (6, b"spiffe://example.org/x"),
            (7, &[127, 0, 0, 1]),
            (7, &[0; 16]),
        ];
        for (number, value) in good {
            let names = general(number, value);
            assert_eq!(strict_alternative_names(&names).unwrap(), names, "{number} {value:?}");
        }
        let bad: [(u64, &[u8]); 11] = [
            (2, b"bank.example\0.evil.example"),
            (2, b"a..b"),
            (2, b"-a.example"),
            (2, b"under_score"),
            (1, b"nobody"),
            (6, b"URN:Keyreeve:principal:1"),
            (6, b"no uri"),
            (7, &[1, 2, 3]),
            (0, b"other"),
            (9, b"unknown"),
            (8, &[42]),
        ];
        for (number, value) in bad {
            assert!(strict_alternative_names(&general(number, value)).is_err(), "{number} {value:?}");
        }
        assert!(strict_alternative_names(&[0x30, 0]).is_err(), "none at all");
    }

    #[test]
    fn usages_are_named_one_by_one() {
        let of = |usages: &[&[u64]]| {
            construct_der(|writer| {
                writer.write_sequence(|writer| {
                    let oid = |usage: &&[u64]| ObjectIdentifier::from_slice(usage);
                    usages.iter().for_each(|usage| writer.next().write_oid(&oid(usage)));
                });
            })
        };
        let server = of(&[&[1, 3, 6, 1, 5, 5, 7, 3, 1]]);
        assert_eq!(strict_extended_key_usage(&server).unwrap(), server);
        for usages in
            [of(&[]), of(&[ANY_EXTENDED_KEY_USAGE]), of(&[OCSP_SIGNING]), [&server[..], &[0]].concat()]
        {
            assert!(strict_extended_key_usage(&usages).is_err());
        }
    }
}
