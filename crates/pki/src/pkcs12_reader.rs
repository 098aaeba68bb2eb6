//! Reading PKCS#12 files (PFX) that come from elsewhere: keys, certificates and names, under a password. Not here: writing them
//! (`pkcs12`), and what was common before PBES2 (RC2, Triple DES), which is refused.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac, pbkdf2};
use keyreeve_core::SecretBytes;
use std::num::NonZeroU32;
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Result, BERReader, BERReaderSeq, Tag, parse_ber};
use zeroize::Zeroizing;

use crate::PkiError;

/// Rounds that are gone through for one file in all: it says how many, and each costs.
const ITERATIONS_MAX: u32 = 4_000_000;
/// Keys and certificates in one file.
const BAGS_MAX: usize = 64;
/// Longest file in bytes.
const FILE_BYTES_MAX: usize = 1 << 20;

const DATA: &[u64] = &[1, 2, 840, 113549, 1, 7, 1];
const ENCRYPTED_DATA: &[u64] = &[1, 2, 840, 113549, 1, 7, 6];
const KEY_BAG: &[u64] = &[1, 2, 840, 113549, 1, 12, 10, 1, 1];
const SHROUDED_KEY_BAG: &[u64] = &[1, 2, 840, 113549, 1, 12, 10, 1, 2];
const CERTIFICATE_BAG: &[u64] = &[1, 2, 840, 113549, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: &[u64] = &[1, 2, 840, 113549, 1, 9, 22, 1];
const FRIENDLY_NAME: &[u64] = &[1, 2, 840, 113549, 1, 9, 20];
const LOCAL_KEY_ID: &[u64] = &[1, 2, 840, 113549, 1, 9, 21];
const PBES2: &[u64] = &[1, 2, 840, 113549, 1, 5, 13];
const PBKDF2: &[u64] = &[1, 2, 840, 113549, 1, 5, 12];

/// What a PKCS#12 file holds. Holds secrets.
pub struct Pkcs12 {
    /// The private keys, in the order of the file.
    pub keys: Vec<Pkcs12Key>,
    /// The certificates in DER, in the order of the file.
    pub certificates: Vec<Pkcs12Certificate>,
}

/// A private key of a PKCS#12 file. Holds secrets.
pub struct Pkcs12Key {
    /// PKCS#8 in DER.
    pub pkcs8: SecretBytes,
    /// The name that the file gives it.
    pub name: Option<String>,
    /// What leads to its certificate.
    pub local_id: Option<Vec<u8>>,
}

/// A certificate of a PKCS#12 file.
pub struct Pkcs12Certificate {
    /// DER.
    pub der: Vec<u8>,
    /// What leads to its key.
    pub local_id: Option<Vec<u8>>,
}

/// Opens a PKCS#12 file. Takes as long as the file says, at most some seconds.
///
/// # Errors
/// [`PkiError::Pkcs12Password`] where the password does not fit; [`PkiError::Pkcs12Scheme`] for a protection other than a MAC
/// by SHA-1 or SHA-2 and PBES2 with AES; [`PkiError::Malformed`].
///
/// # Standard
/// RFC 7292 sections 4 and 5.1, RFC 8018 section 6.2.
pub fn open_pkcs12(file: &[u8], password: &str) -> Result<Pkcs12, PkiError> {
    if file.len() > FILE_BYTES_MAX {
        return Err(malformed("longer than 1 MiB"));
    }
    let (safes, mac) = outer(file)?;
    let mac =
        mac.ok_or(PkiError::Pkcs12Scheme("signed instead of under a password, or not protected at all"))?;
    let mut password = Password { text: password, rounds_left: ITERATIONS_MAX };
    mac.check(&safes, &mut password)?;
    opened(&safes, &mut password)
}

/// The AuthenticatedSafe of a file, and what proves it.
pub(crate) fn outer(file: &[u8]) -> Result<(Vec<u8>, Option<Mac>), PkiError> {
    parsed(file, |reader| {
        reader.read_sequence(|reader| {
            reader.next().read_u8()?;
            let safes = content(reader.next(), |kind, reader| match is(kind, DATA) {
                true => reader.read_bytes(),
                false => Ok(Vec::new()),
            })?;
            Ok((safes, reader.read_optional(mac_data)?))
        })
    })
}

/// What an AuthenticatedSafe holds.
pub(crate) fn opened(safes: &[u8], password: &mut Password<'_>) -> Result<Pkcs12, PkiError> {
    let mut found = Pkcs12 { keys: Vec::new(), certificates: Vec::new() };
    for safe in contents(safes)? {
        found.add(&safe.open(password)?, password)?;
    }
    Ok(found)
}

pub(crate) fn contents(safes: &[u8]) -> Result<Vec<Safe>, PkiError> {
    parsed(safes, |reader| {
        reader.collect_sequence_of(|reader| {
            content(reader, |kind, reader| match kind {
                kind if is(kind, DATA) => reader.read_bytes().map(|bytes| Safe::Plain(Zeroizing::new(bytes))),
                kind if is(kind, ENCRYPTED_DATA) => encrypted_data(reader).map(Safe::Encrypted),
                _ => reader.read_der().map(|_| Safe::Other),
            })
        })
    })
}

impl Pkcs12 {
    /// Takes in SafeContents.
    pub(crate) fn add(&mut self, bags: &[u8], password: &mut Password<'_>) -> Result<(), PkiError> {
        for bag in parsed(bags, |reader| reader.collect_sequence_of(bag))? {
            self.take(bag, password)?;
        }
        Ok(())
    }

    fn take(&mut self, bag: Bag, password: &mut Password<'_>) -> Result<(), PkiError> {
        if self.keys.len() + self.certificates.len() >= BAGS_MAX {
            return Err(malformed("more than 64 keys and certificates"));
        }
        let Bag { value, name, local_id } = bag;
        match value {
            BagValue::Key(pkcs8) => self.keys.push(Pkcs12Key { pkcs8, name, local_id }),
            BagValue::Shrouded(sealed) => {
                let pkcs8 = SecretBytes::new(sealed.open(password)?);
                self.keys.push(Pkcs12Key { pkcs8, name, local_id });
            }
            BagValue::Certificate(der) => self.certificates.push(Pkcs12Certificate { der, local_id }),
            BagValue::Other => {}
        }
        Ok(())
    }
}

/// One of the contents of an AuthenticatedSafe. Holds secrets.
pub(crate) enum Safe {
    Plain(Zeroizing<Vec<u8>>),
    Encrypted(Sealed),
    Other,
}

impl Safe {
    /// The SafeContents.
    pub(crate) fn open(self, password: &mut Password<'_>) -> Result<Zeroizing<Vec<u8>>, PkiError> {
        match self {
            Self::Plain(bags) => Ok(bags),
            Self::Encrypted(sealed) => Ok(Zeroizing::new(sealed.open(password)?)),
            Self::Other => Err(PkiError::Pkcs12Scheme("encrypted to a public key")),
        }
    }
}

struct Bag {
    value: BagValue,
    name: Option<String>,
    local_id: Option<Vec<u8>>,
}

enum BagValue {
    Key(SecretBytes),
    Shrouded(Sealed),
    Certificate(Vec<u8>),
    Other,
}

fn bag(reader: BERReader<'_, '_>) -> ASN1Result<Bag> {
    reader.read_sequence(|reader| {
        let kind = reader.next().read_oid()?;
        let value = reader.next().read_tagged(Tag::context(0), |reader| match &kind {
            kind if is(kind, KEY_BAG) => reader.read_der().map(|der| BagValue::Key(SecretBytes::new(der))),
            kind if is(kind, SHROUDED_KEY_BAG) => reader.read_sequence(|reader| {
                let scheme = scheme(reader.next())?;
                Ok(BagValue::Shrouded(Sealed { scheme, ciphertext: reader.next().read_bytes()? }))
            }),
            kind if is(kind, CERTIFICATE_BAG) => reader.read_sequence(|reader| {
                let is_x509 = is(&reader.next().read_oid()?, X509_CERTIFICATE);
                let der = reader.next().read_tagged(Tag::context(0), |reader| reader.read_bytes())?;
                Ok(if is_x509 { BagValue::Certificate(der) } else { BagValue::Other })
            }),
            _ => reader.read_der().map(|_| BagValue::Other),
        })?;
        let attributes = reader.read_optional(|reader| reader.collect_set_of(attribute))?;
        let (mut name, mut local_id) = (None, None);
        for (its_name, its_id) in attributes.unwrap_or_default() {
            (name, local_id) = (name.or(its_name), local_id.or(its_id));
        }
        Ok(Bag { value, name, local_id })
    })
}

/// Friendly name and local key id, whichever it is.
fn attribute(reader: BERReader<'_, '_>) -> ASN1Result<(Option<String>, Option<Vec<u8>>)> {
    reader.read_sequence(|reader| {
        let kind = reader.next().read_oid()?;
        if is(&kind, FRIENDLY_NAME) {
            let names = reader.next().collect_set_of(|reader| reader.read_bmp_string())?;
            return Ok((names.into_iter().next(), None));
        }
        if is(&kind, LOCAL_KEY_ID) {
            let ids = reader.next().collect_set_of(|reader| reader.read_bytes())?;
            return Ok((None, ids.into_iter().next()));
        }
        reader.next().read_der()?;
        Ok((None, None))
    })
}

/// A ContentInfo, whose content is explicitly tagged.
fn content<T>(
    reader: BERReader<'_, '_>,
    read: impl FnOnce(&ObjectIdentifier, BERReader<'_, '_>) -> ASN1Result<T>,
) -> ASN1Result<T> {
    reader.read_sequence(|reader| {
        let kind = reader.next().read_oid()?;
        reader.next().read_tagged(Tag::context(0), |reader| read(&kind, reader))
    })
}

fn encrypted_data(reader: BERReader<'_, '_>) -> ASN1Result<Sealed> {
    reader.read_sequence(|reader| {
        reader.next().read_u8()?;
        reader.next().read_sequence(|reader| {
            reader.next().read_oid()?;
            let scheme = scheme(reader.next())?;
            let tag = Tag::context(0);
            let ciphertext = reader.next().read_tagged_implicit(tag, |reader| reader.read_bytes())?;
            Ok(Sealed { scheme, ciphertext })
        })
    })
}

/// Bytes under a password.
pub(crate) struct Sealed {
    /// `None` for one that is not known here.
    scheme: Option<Scheme>,
    ciphertext: Vec<u8>,
}

/// PBES2 with AES in CBC.
struct Scheme {
    salt: Vec<u8>,
    iterations: u32,
    function: pbkdf2::Algorithm,
    cipher: &'static Algorithm,
    key_bytes: usize,
    iv: [u8; 16],
}

fn scheme(reader: BERReader<'_, '_>) -> ASN1Result<Option<Scheme>> {
    reader.read_sequence(|reader| {
        if !is(&reader.next().read_oid()?, PBES2) {
            reader.read_optional(|reader| reader.read_der())?;
            return Ok(None);
        }
        reader.next().read_sequence(|reader| {
            let derivation = reader.next().read_sequence(derivation)?;
            let cipher = reader.next().read_sequence(|reader| {
                let kind = reader.next().read_oid()?;
                Ok(cipher(&kind).zip(reader.next().read_bytes().ok().and_then(|iv| iv.try_into().ok())))
            })?;
            Ok(derivation.zip(cipher).map(|((salt, iterations, function), ((cipher, key_bytes), iv))| {
                Scheme { salt, iterations, function, cipher, key_bytes, iv }
            }))
        })
    })
}

type Derivation = (Vec<u8>, u32, pbkdf2::Algorithm);

fn derivation(reader: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Option<Derivation>> {
    if !is(&reader.next().read_oid()?, PBKDF2) {
        reader.next().read_der()?;
        return Ok(None);
    }
    reader.next().read_sequence(|reader| {
        let salt = reader.next().read_bytes()?;
        let iterations = reader.next().read_u32()?;
        // The length of the key follows from the cipher.
        reader.read_optional(|reader| reader.read_u32())?;
        let function = reader.read_optional(|reader| {
            reader.read_sequence(|reader| {
                let kind = reader.next().read_oid()?;
                reader.read_optional(|reader| reader.read_null())?;
                Ok(kind)
            })
        })?;
        let function = match function.as_ref().map(|kind| kind.components().as_slice()) {
            None | Some([1, 2, 840, 113549, 2, 7]) => Some(pbkdf2::PBKDF2_HMAC_SHA1),
            Some([1, 2, 840, 113549, 2, 9]) => Some(pbkdf2::PBKDF2_HMAC_SHA256),
            Some([1, 2, 840, 113549, 2, 10]) => Some(pbkdf2::PBKDF2_HMAC_SHA384),
            Some([1, 2, 840, 113549, 2, 11]) => Some(pbkdf2::PBKDF2_HMAC_SHA512),
            Some(_) => None,
        };
        Ok(function.map(|function| (salt, iterations, function)))
    })
}

/// An AES in CBC, and its key's length.
fn cipher(kind: &ObjectIdentifier) -> Option<(&'static Algorithm, usize)> {
    match kind.components().as_slice() {
        [2, 16, 840, 1, 101, 3, 4, 1, 2] => Some((&AES_128, 16)),
        [2, 16, 840, 1, 101, 3, 4, 1, 22] => Some((&AES_192, 24)),
        [2, 16, 840, 1, 101, 3, 4, 1, 42] => Some((&AES_256, 32)),
        _ => None,
    }
}

impl Sealed {
    fn open(mut self, password: &mut Password<'_>) -> Result<Vec<u8>, PkiError> {
        let unknown = PkiError::Pkcs12Scheme("encrypted otherwise than by PBES2 with PBKDF2 and AES in CBC");
        let scheme = self.scheme.ok_or(unknown)?;
        let failed = |_| PkiError::Pkcs12Password;
        let mut key = Zeroizing::new([0; 32]);
        let key = key.get_mut(..scheme.key_bytes).ok_or(PkiError::Pkcs12Password)?;
        pbkdf2::derive(
            scheme.function,
            password.rounds(scheme.iterations)?,
            &scheme.salt,
            password.text.as_bytes(),
            key,
        );
        let cipher = UnboundCipherKey::new(scheme.cipher, key).map_err(failed)?;
        let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).map_err(failed)?;
        let context = DecryptionContext::Iv128(FixedLength::from(scheme.iv));
        let length = cipher.decrypt(&mut self.ciphertext, context).map_err(failed)?.len();
        self.ciphertext.truncate(length);
        Ok(self.ciphertext)
    }
}

/// A password, and the rounds by which it may still be stretched.
pub(crate) struct Password<'a> {
    pub(crate) text: &'a str,
    pub(crate) rounds_left: u32,
}

impl Password<'_> {
    fn rounds(&mut self, iterations: u32) -> Result<NonZeroU32, PkiError> {
        let refused =
            PkiError::Pkcs12Scheme("under a password stretched in no round, or in more than 4,000,000");
        let left = self.rounds_left.checked_sub(iterations);
        let (Some(left), Some(rounds)) = (left, NonZeroU32::new(iterations)) else { return Err(refused) };
        self.rounds_left = left;
        Ok(rounds)
    }
}

/// What proves the whole, and that the password fits.
pub(crate) struct Mac {
    /// `None` for a hash that is not known here.
    hash: Option<(&'static digest::Algorithm, hmac::Algorithm)>,
    value: Vec<u8>,
    salt: Vec<u8>,
    iterations: u32,
}

fn mac_data(reader: BERReader<'_, '_>) -> ASN1Result<Mac> {
    reader.read_sequence(|reader| {
        let (hash, value) = reader.next().read_sequence(|reader| {
            let kind = reader.next().read_sequence(|reader| {
                let kind = reader.next().read_oid()?;
                reader.read_optional(|reader| reader.read_null())?;
                Ok(kind)
            })?;
            Ok((kind, reader.next().read_bytes()?))
        })?;
        let hash: Option<(&'static digest::Algorithm, _)> = match hash.components().as_slice() {
            [1, 3, 14, 3, 2, 26] => {
                Some((&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY))
            }
            [2, 16, 840, 1, 101, 3, 4, 2, 1] => Some((&digest::SHA256, hmac::HMAC_SHA256)),
            [2, 16, 840, 1, 101, 3, 4, 2, 2] => Some((&digest::SHA384, hmac::HMAC_SHA384)),
            [2, 16, 840, 1, 101, 3, 4, 2, 3] => Some((&digest::SHA512, hmac::HMAC_SHA512)),
            _ => None,
        };
        let salt = reader.next().read_bytes()?;
        let iterations = reader.read_optional(|reader| reader.read_u32())?.unwrap_or(1);
        Ok(Mac { hash, value, salt, iterations })
    })
}

impl Mac {
    pub(crate) fn check(&self, content: &[u8], password: &mut Password<'_>) -> Result<(), PkiError> {
        let unknown = PkiError::Pkcs12Scheme("proven otherwise than by an HMAC of SHA-1 or SHA-2");
        let (hash, hmac) = self.hash.ok_or(unknown)?;
        let key = mac_key(hash, password.text, &self.salt, password.rounds(self.iterations)?.get());
        let key = hmac::Key::new(hmac, key.as_ref());
        hmac::verify(&key, content, &self.value).map_err(|_| PkiError::Pkcs12Password)
    }
}

/// The key of the MAC, of which one block of output is enough.
///
/// # Standard
/// RFC 7292 appendix B.2.
pub(crate) fn mac_key(
    hash: &'static digest::Algorithm,
    password: &str,
    salt: &[u8],
    iterations: u32,
) -> digest::Digest {
    const MAC_KEY_PURPOSE: u8 = 3;
    let block = hash.block_len();
    let characters = password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes);
    let encoded: Zeroizing<Vec<u8>> = Zeroizing::new(characters.collect());
    let repeat = |bytes: &[u8], context: &mut digest::Context| {
        let length = bytes.len().next_multiple_of(block);
        bytes.iter().cycle().take(length).for_each(|byte| context.update(&[*byte]));
    };
    let mut context = digest::Context::new(hash);
    context.update(&vec![MAC_KEY_PURPOSE; block]);
    repeat(salt, &mut context);
    repeat(&encoded, &mut context);
    let mut key = context.finish();
    for _ in 1..iterations {
        key = digest::digest(hash, key.as_ref());
    }
    key
}

fn parsed<T>(bytes: &[u8], read: impl FnOnce(BERReader<'_, '_>) -> ASN1Result<T>) -> Result<T, PkiError> {
    parse_ber(bytes, read).map_err(|error| malformed(&error.to_string()))
}

fn malformed(detail: &str) -> PkiError {
    PkiError::Malformed { what: "PKCS#12 file", detail: detail.to_owned() }
}

fn is(kind: &ObjectIdentifier, wanted: &[u64]) -> bool {
    kind.components() == wanted
}
