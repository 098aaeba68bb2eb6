//! PKCS#12 files (PFX): a key, its certificate and those above it, under a password. Not here: reading them
//! (`pkcs12_reader`).

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, DERWriterSeq, Tag, construct_der};
use zeroize::{Zeroize, Zeroizing};

use crate::PkiError;
use crate::pkcs12_reader::mac_key;

/// PBKDF2 and MAC rounds: dear for a guesser, and well under what importers refuse.
// INVARIANT: it is not 0, or this does not compile.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

const DATA: &[u64] = &[1, 2, 840, 113549, 1, 7, 1];
const ENCRYPTED_DATA: &[u64] = &[1, 2, 840, 113549, 1, 7, 6];
const SHROUDED_KEY_BAG: &[u64] = &[1, 2, 840, 113549, 1, 12, 10, 1, 2];
const CERTIFICATE_BAG: &[u64] = &[1, 2, 840, 113549, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: &[u64] = &[1, 2, 840, 113549, 1, 9, 22, 1];
const FRIENDLY_NAME: &[u64] = &[1, 2, 840, 113549, 1, 9, 20];
const LOCAL_KEY_ID: &[u64] = &[1, 2, 840, 113549, 1, 9, 21];
const PBES2: &[u64] = &[1, 2, 840, 113549, 1, 5, 13];
const PBKDF2: &[u64] = &[1, 2, 840, 113549, 1, 5, 12];
const HMAC_SHA256: &[u64] = &[1, 2, 840, 113549, 2, 9];
const AES_256_CBC: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 1, 42];
const SHA256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];

/// Packs a key (PKCS#8, DER) and its certificates (DER), its own first and then those above it, under a password, with a
/// name that importers show. The key is copied into buffers that are wiped.
///
/// PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, MAC with HMAC-SHA-256. The password protects the result.
///
/// # Errors
/// [`PkiError::EmptyPassword`]; [`PkiError::Crypto`] without memory or entropy.
///
/// # Standard
/// RFC 7292 section 4 and appendix B, RFC 8018 section 6.2.
pub fn pkcs12_bundle(
    key: &[u8],
    certificates: &[&[u8]],
    name: &str,
    password: &str,
) -> Result<Vec<u8>, PkiError> {
    bundle(key, certificates, name, (password, ITERATIONS))
}

/// As [`pkcs12_bundle`], under a password that is stretched in so many rounds.
pub(crate) fn bundle(
    key: &[u8],
    certificates: &[&[u8]],
    name: &str,
    (password, rounds): (&str, NonZeroU32),
) -> Result<Vec<u8>, PkiError> {
    if password.is_empty() {
        return Err(PkiError::EmptyPassword);
    }
    let fingerprint = digest::digest(&digest::SHA256, certificates.first().copied().unwrap_or(key));
    let attributes = Attributes { name, key_id: &fingerprint.as_ref()[..20] };
    let shrouded = Encrypted::seal(key, password, rounds)?;
    let key_contents = sequence(|writer| {
        write_bag(writer.next(), SHROUDED_KEY_BAG, Some(&attributes), |writer| {
            writer.write_sequence(|writer| {
                shrouded.write_algorithm(writer.next());
                writer.next().write_bytes(&shrouded.ciphertext);
            });
        });
    });
    let certificate_contents = sequence(|writer| {
        for (index, certificate) in certificates.iter().enumerate() {
            write_certificate(writer.next(), certificate, (index == 0).then_some(&attributes));
        }
    });
    let certificates = Encrypted::seal(&certificate_contents, password, rounds)?;
    let safe = sequence(|writer| {
        write_encrypted_content(writer.next(), &certificates);
        write_content(writer.next(), DATA, |writer| writer.write_bytes(&key_contents));
    });
    let salt: [u8; 16] = random()?;
    let mac = mac(&safe, password, &salt, rounds);
    Ok(sequence(|writer| {
        writer.next().write_u8(3);
        write_content(writer.next(), DATA, |writer| writer.write_bytes(&safe));
        writer.next().write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                write_algorithm(writer.next(), SHA256, |writer| writer.write_null());
                writer.next().write_bytes(mac.as_ref());
            });
            writer.next().write_bytes(&salt);
            writer.next().write_u32(rounds.get());
        });
    }))
}

struct Attributes<'a> {
    name: &'a str,
    key_id: &'a [u8],
}

/// Bytes under PBES2, with what a reader needs to open them.
struct Encrypted {
    salt: [u8; 16],
    iv: [u8; 16],
    rounds: NonZeroU32,
    ciphertext: Vec<u8>,
}

impl Encrypted {
    fn seal(plaintext: &[u8], password: &str, rounds: NonZeroU32) -> Result<Self, PkiError> {
        let failed = |_| PkiError::Crypto("encrypting a PKCS#12 file");
        let salt = random()?;
        let mut key = Zeroizing::new([0; 32]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut *key);
        let cipher = UnboundCipherKey::new(&AES_256, &*key).map_err(failed)?;
        let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).map_err(failed)?;
        // INVARIANT: the padding fits the capacity, so that growing leaves no copy of the plaintext behind.
        let mut buffer = Vec::with_capacity(plaintext.len() + 16);
        buffer.extend_from_slice(plaintext);
        let context = match cipher.encrypt(&mut buffer) {
            Ok(context) => context,
            Err(error) => {
                buffer.zeroize();
                return Err(failed(error));
            }
        };
        let DecryptionContext::Iv128(iv) = context else {
            return Err(PkiError::Crypto("drawing an initialization vector"));
        };
        Ok(Self { salt, iv: *iv.as_ref(), rounds, ciphertext: buffer })
    }

    fn write_algorithm(&self, writer: DERWriter<'_>) {
        write_algorithm(writer, PBES2, |writer| {
            writer.write_sequence(|writer| {
                write_algorithm(writer.next(), PBKDF2, |writer| {
                    writer.write_sequence(|writer| {
                        writer.next().write_bytes(&self.salt);
                        writer.next().write_u32(self.rounds.get());
                        write_algorithm(writer.next(), HMAC_SHA256, |writer| writer.write_null());
                    });
                });
                write_algorithm(writer.next(), AES_256_CBC, |writer| writer.write_bytes(&self.iv));
            });
        });
    }
}

/// HMAC-SHA-256 under a key from the password.
fn mac(content: &[u8], password: &str, salt: &[u8], rounds: NonZeroU32) -> hmac::Tag {
    let key = mac_key(&digest::SHA256, password, salt, rounds.get());
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), content)
}

fn write_certificate(writer: DERWriter<'_>, certificate: &[u8], attributes: Option<&Attributes<'_>>) {
    write_bag(writer, CERTIFICATE_BAG, attributes, |writer| {
        writer.write_sequence(|writer| {
            write_oid(writer.next(), X509_CERTIFICATE);
            writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(certificate));
        });
    });
}

fn write_bag(
    writer: DERWriter<'_>,
    kind: &[u64],
    attributes: Option<&Attributes<'_>>,
    value: impl FnOnce(DERWriter<'_>),
) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), kind);
        writer.next().write_tagged(Tag::context(0), value);
        let Some(attributes) = attributes else { return };
        writer.next().write_set_of(|writer| {
            writer.next().write_sequence(|writer| {
                write_oid(writer.next(), FRIENDLY_NAME);
                writer.next().write_set_of(|writer| writer.next().write_bmp_string(attributes.name));
            });
            writer.next().write_sequence(|writer| {
                write_oid(writer.next(), LOCAL_KEY_ID);
                writer.next().write_set_of(|writer| writer.next().write_bytes(attributes.key_id));
            });
        });
    });
}

fn write_encrypted_content(writer: DERWriter<'_>, encrypted: &Encrypted) {
    write_content(writer, ENCRYPTED_DATA, |writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(0);
            writer.next().write_sequence(|writer| {
                write_oid(writer.next(), DATA);
                encrypted.write_algorithm(writer.next());
                let tag = Tag::context(0);
                writer.next().write_tagged_implicit(tag, |writer| writer.write_bytes(&encrypted.ciphertext));
            });
        });
    });
}

fn write_content(writer: DERWriter<'_>, kind: &[u64], content: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), kind);
        writer.next().write_tagged(Tag::context(0), content);
    });
}

fn write_algorithm(writer: DERWriter<'_>, oid: &[u64], parameters: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|writer| {
        write_oid(writer.next(), oid);
        parameters(writer.next());
    });
}

fn write_oid(writer: DERWriter<'_>, oid: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(oid));
}

fn sequence(content: impl FnOnce(&mut DERWriterSeq<'_>)) -> Vec<u8> {
    construct_der(|writer| writer.write_sequence(content))
}

fn random<const N: usize>() -> Result<[u8; N], PkiError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| PkiError::Crypto("drawing a salt"))?;
    Ok(bytes)
}
