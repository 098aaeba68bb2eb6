//! Names of certificates, written in DER. Not here: reading them.

use yasna::models::{ObjectIdentifier, TaggedDerValue};
use yasna::{DERWriter, Tag, construct_der};

/// Parts of a name whose text is ASCII by definition, and the ASN.1 type of that: emailAddress and domainComponent are
/// IA5String, countryName, serialNumber and dnQualifier PrintableString. All others are UTF8String.
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
    let known = TYPES.iter().find(|(known, _)| *known == oid && text.is_ascii());
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
