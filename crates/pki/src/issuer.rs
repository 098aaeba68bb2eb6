//! Authorities whose key lies behind the crypto port: what their certificates say, and what nobody gets. Not here: who may
//! ask, where keys and certificates lie, and the house's own authority, which proves clients and never issues these.

use aws_lc_rs::digest;
use keyreeve_core::model::{Algorithm, CryptoParameters, Curve, HashAlgorithm, KeySpec, PaddingMethod};
use keyreeve_core::ports::crypto::{ParsedKey, ToSign};
use time::OffsetDateTime;
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, DERWriterSeq, Tag, construct_der};

use crate::PkiError;
use crate::chain::{is_signed_by, leads_to};
use crate::name::{strict_alternative_names, strict_extended_key_usage, strict_name};

const SUBJECT_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 14];
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const ALTERNATIVE_NAMES: &[u64] = &[2, 5, 29, 17];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const AUTHORITY_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 35];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];

/// Key usages that a certificate here may state: digitalSignature, contentCommitment, keyEncipherment, dataEncipherment and keyAgreement.
const KEY_USAGES: u16 = 0b1_1111;

/// Names and extensions that a certificate takes from outside, in bytes at most.
const CONTENTS_BYTES_MAX: usize = 8 * 1024;

/// Extensions that are looked at in one request or certificate.
const EXTENSIONS_MAX: usize = 64;

/// What the holder of a key wants its certificate to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The distinguished name, DER.
    pub subject: Vec<u8>,
    /// The value of the extension Subject Alternative Name, DER.
    pub alternative_names: Option<Vec<u8>>,
    /// The value of the extension Extended Key Usage, DER.
    pub extended_key_usage: Option<Vec<u8>>,
    /// Its key usages, as bits of RFC 5280 section 4.2.1.3, the first the lowest; `None`: as the key is used.
    pub key_usage: Option<u16>,
}

/// What a certificate says.
pub struct Contents<'a> {
    /// Names, and what it is for.
    pub wanted: &'a Wanted,
    /// Key usages, as in [`Wanted`], one at least.
    pub key_usage: u16,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: &'a [u8],
    /// Random bytes of the serial number.
    pub serial: [u8; 16],
    /// First and last moment, in Unix seconds.
    pub validity_seconds: (i64, i64),
    /// The time now, in Unix seconds.
    pub now_seconds: i64,
}

/// An authority: its certificate, and its key behind the crypto port.
pub struct Issuer<'a> {
    der: &'a [u8],
    certificate: X509Certificate<'a>,
    key: &'a dyn ParsedKey,
}

impl<'a> Issuer<'a> {
    /// Takes up an authority from its certificate (DER) and its private key.
    ///
    /// # Errors
    /// [`PkiError::Malformed`]; [`PkiError::Issuer`] where the certificate is no authority's; [`PkiError::KeyMismatch`]
    /// where the key is not its own.
    pub fn new(der: &'a [u8], key: &'a dyn ParsedKey) -> Result<Self, PkiError> {
        let certificate = parse(der)?;
        let usage = certificate.key_usage().map_err(|error| PkiError::malformed("certificate", error))?;
        if !certificate.is_ca() || usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
            let said =
                "says that it signs no certificates: name one with CA:TRUE and the key usage keyCertSign";
            return Err(PkiError::Issuer(said.to_owned()));
        }
        if certificate.public_key().raw != key.public_key()? {
            return Err(PkiError::KeyMismatch);
        }
        Ok(Self { der, certificate, key })
    }

    /// Whether a certificate (DER) is by this authority.
    pub fn issued(&self, certificate: &[u8]) -> bool {
        parse(certificate).is_ok_and(|parsed| parsed.issuer().as_raw() == self.certificate.subject().as_raw())
            && is_signed_by(certificate, self.der)
    }

    /// Issues a certificate, which never ends after the authority's own. Gives it in DER, and its last second.
    ///
    /// # Errors
    /// [`PkiError::Issuer`] where the authority's own certificate is not valid then; [`PkiError::NotCertified`] for names
    /// that no certificate can bear, or too many; [`PkiError::UnsupportedKey`]; [`PkiError::Key`].
    ///
    /// # Standard
    /// RFC 5280 sections 4.1 and 4.2.1.
    pub fn issue(&self, contents: &Contents<'_>) -> Result<(Vec<u8>, i64), PkiError> {
        let own = self.certificate.validity();
        let (begin, end) = contents.validity_seconds;
        let end = end.min(own.not_after.timestamp());
        if begin < own.not_before.timestamp() || begin >= end {
            let (from, to) = (own.not_before, own.not_after);
            return Err(PkiError::Issuer(format!("is valid from {from} to {to}, and this one would not be")));
        }
        if !(own.not_before.timestamp()..own.not_after.timestamp()).contains(&contents.now_seconds)
            || end <= contents.now_seconds
        {
            return Err(PkiError::Issuer(
                "is not valid now, or this one would have expired already".to_owned(),
            ));
        }
        let wanted = &strict(contents.wanted)?;
        if wanted.subject == self.certificate.subject().as_raw()
            || contents.public_key == self.certificate.public_key().raw
        {
            let said = "the issuer's own name and its own key are certified for nobody";
            return Err(PkiError::NotCertified(said.to_owned()));
        }
        let key_usage = fitting(contents.public_key, contents.key_usage)?;
        let contents = &Contents { wanted, key_usage, ..*contents };
        check_key(contents.public_key)?;
        let (parameters, algorithm) = signature(self.key.spec())
            .ok_or_else(|| PkiError::Issuer("is of a key that signs no certificates here".to_owned()))?;
        let algorithm = algorithm_identifier(algorithm);
        let tbs = self.tbs(contents, &algorithm, (begin, end))?;
        let signature = self.key.sign(&parameters, ToSign::Data(&tbs))?;
        let certificate = sequence(|writer| {
            writer.next().write_der(&tbs);
            writer.next().write_der(&algorithm);
            writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
        // What came from outside stands in it as it came: it is read once more before it leaves.
        let read = parse(&certificate)?;
        let names = read.subject_alternative_name().is_ok() && read.extended_key_usage().is_ok();
        let meant = read.subject().as_raw() == wanted.subject && read.public_key().raw == contents.public_key;
        if !names || !meant || read.is_ca() || !self.issued(&certificate) {
            let said = "the names or usages that are asked for cannot stand in a certificate";
            return Err(PkiError::NotCertified(said.to_owned()));
        }
        self.check_constraints(&certificate, begin.max(contents.now_seconds))?;
        Ok((certificate, end))
    }

    /// Holds a certificate against what the authority's own allows of names.
    fn check_constraints(&self, certificate: &[u8], at_seconds: i64) -> Result<(), PkiError> {
        let is_constraint = |extension: &X509Extension<'_>| {
            matches!(extension.parsed_extension(), ParsedExtension::NameConstraints(_))
        };
        if self.certificate.extensions().iter().any(is_constraint)
            && !leads_to(certificate, self.der, at_seconds)
        {
            let said = "the name constraints of the issuer's certificate do not allow these names";
            return Err(PkiError::NotCertified(said.to_owned()));
        }
        Ok(())
    }

    fn tbs(
        &self,
        contents: &Contents<'_>,
        algorithm: &[u8],
        (begin, end): (i64, i64),
    ) -> Result<Vec<u8>, PkiError> {
        let validity = [date(begin)?, date(end)?];
        let extensions = self.extensions(contents)?;
        Ok(sequence(|writer| {
            writer.next().write_tagged(Tag::context(0), |writer| writer.write_u8(2));
            // RFC 5280 section 4.1.2.2: a positive number.
            writer.next().write_bigint_bytes(&contents.serial, true);
            writer.next().write_der(algorithm);
            writer.next().write_der(self.certificate.subject().as_raw());
            writer
                .next()
                .write_sequence(|writer| validity.iter().for_each(|date| writer.next().write_der(date)));
            writer.next().write_der(&contents.wanted.subject);
            writer.next().write_der(contents.public_key);
            writer.next().write_tagged(Tag::context(3), |writer| writer.write_der(&extensions));
        }))
    }

    fn extensions(&self, contents: &Contents<'_>) -> Result<Vec<u8>, PkiError> {
        let wanted = contents.wanted;
        let own =
            self.certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
                _ => None,
            });
        let subject = key_identifier(contents.public_key)?;
        let own = match own {
            Some(id) => id.to_vec(),
            None => key_identifier(self.certificate.public_key().raw)?,
        };
        let authority = sequence(|writer| {
            writer.next().write_tagged_implicit(Tag::context(0), |writer| writer.write_bytes(&own));
        });
        let usage = construct_der(|writer| {
            let bits = contents.key_usage & KEY_USAGES;
            let length = u16::BITS - bits.leading_zeros();
            writer.write_bitvec_bytes(&[(bits as u8).reverse_bits()], length as usize);
        });
        let nameless = wanted.subject == EMPTY_NAME;
        Ok(sequence(|writer| {
            extension(writer, BASIC_CONSTRAINTS, true, &sequence(|_| {}));
            extension(writer, KEY_USAGE, true, &usage);
            let identifier = construct_der(|writer| writer.write_bytes(&subject));
            extension(writer, SUBJECT_KEY_IDENTIFIER, false, &identifier);
            extension(writer, AUTHORITY_KEY_IDENTIFIER, false, &authority);
            if let Some(names) = &wanted.alternative_names {
                extension(writer, ALTERNATIVE_NAMES, nameless, names);
            }
            if let Some(usages) = &wanted.extended_key_usage {
                extension(writer, EXTENDED_KEY_USAGE, false, usages);
            }
        }))
    }
}

/// SubjectPublicKeyInfo of a certificate (DER), in DER.
///
/// # Errors
/// [`PkiError::Malformed`].
pub fn subject_key(certificate: &[u8]) -> Result<Vec<u8>, PkiError> {
    Ok(parse(certificate)?.public_key().raw.to_vec())
}

/// What a certificate (DER) says, for one that takes its place.
///
/// # Errors
/// [`PkiError::Malformed`]; [`PkiError::NotCertified`] where it says more than a new one may.
pub fn wanted_of(certificate: &[u8]) -> Result<Wanted, PkiError> {
    let parsed = parse(certificate)?;
    wanted(parsed.subject().as_raw(), parsed.extensions())
}

/// What is wanted by a name and by extensions. What adds no power and is not critical is left out, unless it is known.
///
/// # Errors
/// [`PkiError::NotCertified`] for what would make the holder more than a holder of a key.
pub(crate) fn wanted(subject: &[u8], extensions: &[X509Extension<'_>]) -> Result<Wanted, PkiError> {
    let refuse = |what: &str| Err(PkiError::NotCertified(format!("{what}, which nobody gets here")));
    if extensions.len() > EXTENSIONS_MAX {
        return refuse(&format!(
            "{} extensions are asked for, of {EXTENSIONS_MAX} at most",
            extensions.len()
        ));
    }
    let mut wanted = Wanted { subject: subject.to_vec(), ..Wanted::default() };
    let mut seen = Vec::new();
    for extension in extensions {
        if seen.contains(&&extension.oid) {
            return refuse("an extension is asked for twice");
        }
        seen.push(&extension.oid);
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(basic) if basic.ca => {
                return refuse("a certificate of an authority (CA:TRUE) is asked for");
            }
            ParsedExtension::KeyUsage(usage) if usage.key_cert_sign() || usage.crl_sign() => {
                return refuse("the key usage keyCertSign or cRLSign is asked for");
            }
            ParsedExtension::KeyUsage(usage) => wanted.key_usage = Some(usage.flags & KEY_USAGES),
            ParsedExtension::ExtendedKeyUsage(usage) if usage.ocsp_signing => {
                return refuse("the extended key usage OCSPSigning is asked for");
            }
            ParsedExtension::ExtendedKeyUsage(_) => {
                wanted.extended_key_usage = Some(extension.value.to_vec())
            }
            ParsedExtension::SubjectAlternativeName(_) => {
                wanted.alternative_names = Some(extension.value.to_vec());
            }
            ParsedExtension::BasicConstraints(_)
            | ParsedExtension::SubjectKeyIdentifier(_)
            | ParsedExtension::AuthorityKeyIdentifier(_) => {}
            _ if extension.critical => {
                return refuse(&format!("the critical extension {} is asked for", extension.oid));
            }
            _ => {}
        }
    }
    Ok(wanted)
}

/// A name without parts: the certificate's alternative names say whose it is.
const EMPTY_NAME: &[u8] = &[0x30, 0];

/// What is wanted, with names and usages written anew from what was understood of them.
fn strict(wanted: &Wanted) -> Result<Wanted, PkiError> {
    let refuse = |what: String| Err(PkiError::NotCertified(what));
    let optional = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
    let bytes =
        wanted.subject.len() + optional(&wanted.alternative_names) + optional(&wanted.extended_key_usage);
    if bytes > CONTENTS_BYTES_MAX {
        return refuse(format!("names and usages have {bytes} bytes: at most {CONTENTS_BYTES_MAX}"));
    }
    if wanted.subject == EMPTY_NAME && wanted.alternative_names.is_none() {
        let missing = "a certificate needs a subject or an alternative name: give one, or a certificate request that does";
        return refuse(missing.to_owned());
    }
    let names = wanted.alternative_names.as_deref().map(strict_alternative_names).transpose()?;
    let usages = wanted.extended_key_usage.as_deref().map(strict_extended_key_usage).transpose()?;
    Ok(Wanted {
        subject: strict_name(&wanted.subject)?,
        alternative_names: names,
        extended_key_usage: usages,
        key_usage: wanted.key_usage,
    })
}

/// The key usages that a key of its kind can have.
///
/// # Standard
/// RFC 8813 section 3 (elliptic curve keys), RFC 9295 section 3 (Ed25519, X25519).
fn fitting(public_key: &[u8], key_usage: u16) -> Result<u16, PkiError> {
    const DIGITAL_SIGNATURE: u16 = 1;
    const NON_REPUDIATION: u16 = 1 << 1;
    const KEY_AGREEMENT: u16 = 1 << 4;
    let (_, key) = SubjectPublicKeyInfo::from_der(public_key)
        .map_err(|error| PkiError::malformed("public key", error))?;
    let fits = match key.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.10045.2.1" => DIGITAL_SIGNATURE | NON_REPUDIATION | KEY_AGREEMENT,
        "1.3.101.112" => DIGITAL_SIGNATURE | NON_REPUDIATION,
        "1.3.101.110" => KEY_AGREEMENT,
        _ => KEY_USAGES,
    };
    match key_usage & fits {
        0 => Err(PkiError::NotCertified("no key usage is left that a key of this kind can have".to_owned())),
        usages => Ok(usages),
    }
}

/// RSA keys have 2048 bits at least, as in requests.
fn check_key(public_key: &[u8]) -> Result<(), PkiError> {
    let (_, key) = SubjectPublicKeyInfo::from_der(public_key)
        .map_err(|error| PkiError::malformed("public key", error))?;
    match key.parsed() {
        Ok(PublicKey::RSA(key)) if !(2048..=8192).contains(&key.key_size()) => {
            Err(PkiError::UnsupportedKey(format!("an RSA key of {} bits", key.key_size())))
        }
        _ => Ok(()),
    }
}

/// How a kind of key signs certificates, and the object identifier of that.
///
/// # Standard
/// RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3.
fn signature(spec: &KeySpec) -> Option<(CryptoParameters, &'static [u64])> {
    let usual = CryptoParameters::default();
    match (spec.algorithm, spec.curve) {
        (Algorithm::Rsa, _) => {
            let pkcs1 = CryptoParameters {
                padding: Some(PaddingMethod::Pkcs1v15),
                hash: Some(HashAlgorithm::Sha256),
                ..usual
            };
            Some((pkcs1, RSA_SHA256))
        }
        (Algorithm::Ec, Some(Curve::P256)) => Some((usual, &[1, 2, 840, 10045, 4, 3, 2])),
        (Algorithm::Ec, Some(Curve::P384)) => Some((usual, &[1, 2, 840, 10045, 4, 3, 3])),
        (Algorithm::Ec, Some(Curve::P521)) => Some((usual, &[1, 2, 840, 10045, 4, 3, 4])),
        (Algorithm::Ed25519, _) => Some((usual, &[1, 3, 101, 112])),
        _ => None,
    }
}

const RSA_SHA256: &[u64] = &[1, 2, 840, 113549, 1, 1, 11];

fn algorithm_identifier(algorithm: &'static [u64]) -> Vec<u8> {
    sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(algorithm));
        if algorithm == RSA_SHA256 {
            writer.next().write_null();
        }
    })
}

/// A date as certificates have it.
///
/// # Standard
/// RFC 5280 section 4.1.2.5.
fn date(seconds: i64) -> Result<Vec<u8>, PkiError> {
    let wrong = || PkiError::NotCertified(format!("Unix second {seconds} cannot stand in a certificate"));
    let date = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| wrong())?;
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = date.to_hms();
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    let (tag, text) = match year {
        1950..=2049 => (0x17, format!("{:02}{rest}", year % 100)),
        0..=9999 => (0x18, format!("{year:04}{rest}")),
        _ => return Err(wrong()),
    };
    Ok([&[tag, text.len() as u8], text.as_bytes()].concat())
}

/// The first 160 bits of SHA-256 over the key's bits.
///
/// # Standard
/// RFC 7093 section 2.
fn key_identifier(public_key: &[u8]) -> Result<Vec<u8>, PkiError> {
    let (_, key) = SubjectPublicKeyInfo::from_der(public_key)
        .map_err(|error| PkiError::malformed("public key", error))?;
    Ok(digest::digest(&digest::SHA256, &key.subject_public_key.data).as_ref()[..20].to_vec())
}

fn extension(writer: &mut DERWriterSeq<'_>, id: &[u64], critical: bool, value: &[u8]) {
    writer.next().write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(id));
        if critical {
            writer.next().write_bool(true);
        }
        writer.next().write_bytes(value);
    });
}

fn sequence(content: impl FnOnce(&mut DERWriterSeq<'_>)) -> Vec<u8> {
    construct_der(|writer: DERWriter<'_>| writer.write_sequence(content))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, PkiError> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) => Ok(parsed),
        Ok((rest, _)) => Err(PkiError::malformed("certificate", format!("{} bytes follow it", rest.len()))),
        Err(error) => Err(PkiError::malformed("certificate", error)),
    }
}
