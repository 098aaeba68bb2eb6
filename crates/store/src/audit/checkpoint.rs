//! Checkpoints: how large the tree was and what its root was, signed. What signs them: `super::keys`.
//!
//! # Standard
//! C2SP tlog-checkpoint; the messages of signatures of type 0x04 and 0x06 are C2SP tlog-cosignature's.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyreeve_core::{Error, ErrorKind, Result, ports::crypto::Crypto};

use super::note::{Note, NoteKey, NoteSignature, SignatureType};
use crate::journal::Digest;

const LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `keyreeve/STORE/tTIMELINE` of a store's journal.
    pub origin: String,
    /// How many leaves the tree had.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// How signatures of a key stand to a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointVerdict {
    /// The key has signed it, at this time (Unix seconds) where the kind of signature says one.
    Signed(Option<u64>),
    /// The note has no line of this key.
    Unsigned,
    /// It has one that is wrong.
    Wrong,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text of a note. Lines behind the root are left to who knows them.
    ///
    /// # Errors
    /// `Invalid` where it is no checkpoint.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::Invalid, "this is no checkpoint of a log");
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(wrong());
        };
        let number: u64 = size.parse().map_err(|_| wrong())?;
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or_else(wrong)?;
        let is_plain = !origin.is_empty() && number.to_string() == size && text.ends_with('\n');
        if !is_plain {
            return Err(wrong());
        }
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }

    /// How the key has signed the note that holds this checkpoint.
    pub fn verdict(&self, note: &Note, key: &NoteKey, crypto: &dyn Crypto) -> CheckpointVerdict {
        let mut verdict = CheckpointVerdict::Unsigned;
        for line in note.signatures.iter().filter(|line| line.claims(key, crypto)) {
            match self.signed_at(note, key, line, crypto) {
                Some(time) => return CheckpointVerdict::Signed(time),
                None => verdict = CheckpointVerdict::Wrong,
            }
        }
        verdict
    }

    /// When the line's signature was made, where it is right.
    fn signed_at(
        &self,
        note: &Note,
        key: &NoteKey,
        line: &NoteSignature,
        crypto: &dyn Crypto,
    ) -> Option<Option<u64>> {
        if key.signs == SignatureType::Ed25519 {
            return key.verifies(crypto, note.text.as_bytes(), &line.bytes).then_some(None);
        }
        let (time, signature) = line.bytes.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        let message = cosigned_message(key.signs, &key.name, time, (self, &note.text))?;
        key.verifies(crypto, &message, signature).then_some(Some(time))
    }
}

/// What a cosignature with a time (Unix seconds) goes over; none where names are too long for it.
///
/// # Standard
/// C2SP tlog-cosignature: the message of cosignature/v1 for Ed25519, `cosigned_message` for ML-DSA-44.
pub fn cosigned_message(
    signs: SignatureType,
    name: &str,
    time: u64,
    (checkpoint, text): (&Checkpoint, &str),
) -> Option<Vec<u8>> {
    if signs != SignatureType::MlDsa44Cosignature {
        return Some(format!("cosignature/v1\ntime {time}\n{text}").into_bytes());
    }
    let mut message = LABEL.to_vec();
    let put = |text: &str, message: &mut Vec<u8>| {
        message.push(u8::try_from(text.len()).ok()?);
        message.extend_from_slice(text.as_bytes());
        Some(())
    };
    put(name, &mut message)?;
    message.extend_from_slice(&time.to_be_bytes());
    put(&checkpoint.origin, &mut message)?;
    message.extend_from_slice(&0_u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size.to_be_bytes());
    message.extend_from_slice(&checkpoint.root);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_and_what_is_none_is_refused() {
        let checkpoint = Checkpoint { origin: "keyreeve/x/t1".into(), size: 12, root: [7; 32] };
        let text = checkpoint.text();
        assert_eq!(Checkpoint::parse(&text).unwrap(), checkpoint);
        assert_eq!(Checkpoint::parse(&format!("{text}more\n")).unwrap(), checkpoint);
        for wrong in ["", "a\n1\n", "a\n01\nAAAA\n", &text.replace("12", "+12"), &text.replace("12", "012")] {
            assert!(Checkpoint::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn messages_of_cosignatures_are_laid_out_as_specified() {
        let checkpoint = Checkpoint { origin: "log".into(), size: 3, root: [9; 32] };
        let text = checkpoint.text();
        let message = |signs| cosigned_message(signs, "wit", 5, (&checkpoint, &text)).unwrap();
        let ed25519 = message(SignatureType::Ed25519Cosignature);
        assert_eq!(ed25519, format!("cosignature/v1\ntime 5\n{text}").into_bytes());
        let expected = [
            b"subtree/v1\n\0\x03wit".as_slice(),
            &[0, 0, 0, 0, 0, 0, 0, 5],
            b"\x03log",
            &[0; 8],
            &[0, 0, 0, 0, 0, 0, 0, 3],
            &[9; 32],
        ];
        assert_eq!(message(SignatureType::MlDsa44Cosignature), expected.concat());
    }
}
