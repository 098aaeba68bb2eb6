//! Signed notes: a text and lines of signatures under it, as they are exchanged between logs, witnesses and those who check.
//! Which text it is does not live here: `super::checkpoint`.
//!
//! # Standard
//! C2SP signed-note; the signature types 0x01 (Ed25519), 0x04 (Ed25519 cosignature) and 0x06 (ML-DSA-44 cosignature) of C2SP
//! signed-note and tlog-cosignature.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    model::{Algorithm, CryptoParameters, KeyFormat, KeyMaterial, ObjectType},
    ports::crypto::{Crypto, ParsedKey, ToSign},
};

/// Bytes of a note at most; bounds what is read.
pub const NOTE_BYTES_MAX: usize = 1 << 20;
/// Lines of signatures in a note at most.
const SIGNATURES_MAX: usize = 64;
/// Begins a line of a signature: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// What SubjectPublicKeyInfo puts before the 32 bytes of an Ed25519 key (RFC 8410) and the 1,312 of an ML-DSA-44 key (RFC 9881).
const ED25519_SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const ML_DSA_44_SPKI: &[u8] =
    b"\x30\x82\x05\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11\x03\x82\x05\x21\x00";
const ED25519_BYTES: usize = 32;
const ML_DSA_44_BYTES: usize = 1312;

/// What a line of a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureType {
    /// By Ed25519, over the text.
    Ed25519 = 0x01,
    /// By Ed25519 with a time, of who saw the checkpoint.
    Ed25519Cosignature = 0x04,
    /// By ML-DSA-44 with a time.
    MlDsa44Cosignature = 0x06,
}

impl SignatureType {
    fn of(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::Ed25519Cosignature, Self::MlDsa44Cosignature]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    fn key_bytes(self) -> (usize, &'static [u8]) {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => (ED25519_BYTES, ED25519_SPKI),
            Self::MlDsa44Cosignature => (ML_DSA_44_BYTES, ML_DSA_44_SPKI),
        }
    }
}

/// Who may sign notes, under which name: a verifier key. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    /// The signer's name, without spaces and `+`.
    pub name: String,
    /// How it signs.
    pub signs: SignatureType,
    public: Vec<u8>,
}

impl NoteKey {
    /// Whether both are one key, whatever it is called.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.public == other.public
    }

    /// The verifier key of a public key, given as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot stand in a note, or another kind of key.
    pub fn from_spki(name: &str, signs: SignatureType, spki: &[u8]) -> Result<Self> {
        let (bytes, prefix) = signs.key_bytes();
        let public = spki.strip_prefix(prefix).filter(|public| public.len() == bytes);
        let public = public.ok_or_else(|| invalid("this kind of key signs no notes"))?;
        if !is_name(name) {
            return Err(invalid("a signer's name has no spaces and no plus sign, and is not empty"));
        }
        Ok(Self { name: name.to_owned(), signs, public: public.to_vec() })
    }

    /// Reads `NAME+ID+KEY`: ID of 8 hexadecimal digits, KEY in base64.
    ///
    /// # Errors
    /// `Invalid` where it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || invalid("a verifier key is NAME+ID+KEY, as its owner prints it");
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let key = STANDARD.decode(key).map_err(|_| wrong())?;
        let (kind, public) = key.split_first().ok_or_else(wrong)?;
        let signs = SignatureType::of(*kind).ok_or_else(wrong)?;
        let read = Self { name: name.to_owned(), signs, public: public.to_vec() };
        let fits = is_name(name) && public.len() == signs.key_bytes().0 && id.len() == 8;
        if fits { Ok(read) } else { Err(wrong()) }
    }

    /// As [`NoteKey::parse`] reads it.
    pub fn text(&self, crypto: &dyn Crypto) -> String {
        let key = [&[self.signs as u8], &self.public[..]].concat();
        format!("{}+{}+{}", self.name, hex::encode(self.id(crypto)), STANDARD.encode(key))
    }

    /// What tells the key in a line of a signature.
    pub(crate) fn id(&self, crypto: &dyn Crypto) -> [u8; 4] {
        let hash = crypto.sha256(&[self.name.as_bytes(), b"\n", &[self.signs as u8], &self.public]);
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Whether the key made this signature over these bytes.
    pub(crate) fn verifies(&self, crypto: &dyn Crypto, message: &[u8], signature: &[u8]) -> bool {
        let spki = [self.signs.key_bytes().1, &self.public].concat();
        let material = KeyMaterial { format: KeyFormat::Spki, bytes: SecretBytes::copy_from(&spki) };
        let expected = match self.signs {
            SignatureType::MlDsa44Cosignature => Algorithm::MlDsa44,
            _ => Algorithm::Ed25519,
        };
        let key = crypto.parse(ObjectType::PublicKey, None, &material).ok();
        key.filter(|key| key.spec().algorithm == expected)
            .and_then(|key| key.verify(&CryptoParameters::default(), ToSign::Data(message), signature).ok())
            .unwrap_or(false)
    }
}

/// A note that was read: nothing is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text, with the line end of its last line.
    pub text: String,
    /// Who is said to have signed, and with what.
    pub signatures: Vec<NoteSignature>,
}

/// A line of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The signer's name.
    pub name: String,
    /// What tells the key.
    pub(crate) id: [u8; 4],
    pub(crate) bytes: Vec<u8>,
}

impl NoteSignature {
    /// A signature by this key.
    pub(crate) fn by(key: &NoteKey, crypto: &dyn Crypto, bytes: Vec<u8>) -> Self {
        Self { name: key.name.clone(), id: key.id(crypto), bytes }
    }

    /// Whether it says that this key made it.
    pub(crate) fn claims(&self, key: &NoteKey, crypto: &dyn Crypto) -> bool {
        self.name == key.name && self.id == key.id(crypto)
    }

    /// The line, with its end.
    pub(crate) fn line(&self) -> String {
        let bytes = [&self.id, &self.bytes[..]].concat();
        format!("{DASH}{} {}\n", self.name, STANDARD.encode(bytes))
    }

    /// Reads a line, without its end.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(bytes).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        (is_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// `Invalid` where it is none, or has too many signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let wrong = || invalid("this is no signed note");
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= NOTE_BYTES_MAX);
        let text = text.ok_or_else(wrong)?;
        let has_controls = |text: &str| text.chars().any(|char| char != '\n' && char < ' ');
        let at = text.rfind("\n\n").ok_or_else(wrong)?;
        let (text, lines) = (&text[..at + 1], &text[at + 2..]);
        let lines = lines.strip_suffix('\n').ok_or_else(wrong)?;
        if has_controls(text) || lines.split('\n').count() > SIGNATURES_MAX {
            return Err(wrong());
        }
        let signatures: Option<Vec<_>> = lines.split('\n').map(NoteSignature::parse).collect();
        Ok(Self { text: text.to_owned(), signatures: signatures.ok_or_else(wrong)? })
    }

    /// The note's bytes.
    pub fn to_text(&self) -> String {
        let lines: String = self.signatures.iter().map(NoteSignature::line).collect();
        format!("{}\n{lines}", self.text)
    }
}

/// Signs bytes as notes are signed: pure Ed25519, or pure ML-DSA without a context.
pub(crate) fn sign(key: &dyn ParsedKey, message: &[u8]) -> Result<Vec<u8>> {
    key.sign(&CryptoParameters::default(), ToSign::Data(message))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.contains('+') && !name.contains(char::is_whitespace)
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::Invalid, what.to_owned())
}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;

    /// The example of C2SP's signed-note specification.
    const KEY: &str = "example.com/foo+530d903c+AekzzHxWzQLXEdlr+NY4GKrlzLwF6kFkKwFfJEU+Xc5S";

    #[test]
    fn a_verifier_key_comes_back_and_its_id_is_its_hash() {
        let crypto = SoftwareCrypto::new();
        let spki = [ED25519_SPKI, &[7; 32]].concat();
        let key = NoteKey::from_spki("example.com/foo", SignatureType::Ed25519, &spki).unwrap();
        let id = crypto.sha256(&[b"example.com/foo\n\x01", &[7; 32]]);
        assert_eq!(key.id(&crypto), id[..4]);
        assert_eq!(NoteKey::parse(&key.text(&crypto)).unwrap(), key);
        assert!(NoteKey::parse("example.com/foo+00000000+").is_err());
        assert!(NoteKey::parse(KEY.trim_end_matches('S')).is_err());
        assert!(NoteKey::from_spki("a b", SignatureType::Ed25519, &spki).is_err());
        assert!(NoteKey::from_spki("a", SignatureType::MlDsa44Cosignature, &spki).is_err());
    }

    #[test]
    fn a_note_comes_back_and_what_is_none_is_refused() {
        let line = NoteSignature { name: "example.com/foo".into(), id: [1, 2, 3, 4], bytes: vec![5; 64] };
        let note = Note { text: "a\n\nb\n".into(), signatures: vec![line] };
        assert_eq!(Note::parse(note.to_text().as_bytes()).unwrap(), note);
        let text = note.to_text();
        for wrong in [
            String::new(),
            text.trim_end().to_owned(),
            text.replace("\u{2014}", "-"),
            text.replace("a\n", "a\t\n"),
            "a\n".to_owned(),
            "a\n\n".to_owned(),
        ] {
            assert!(Note::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
