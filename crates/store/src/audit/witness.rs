//! Witnesses: whoever has seen that a log only ever grew, and says so by a cosignature. Both ends of the protocol without a
//! network: what a log asks, and what a witness answers and keeps. Not here: connections, and which logs and witnesses there
//! are.
//!
//! # Standard
//! C2SP tlog-witness (`add-checkpoint`) and tlog-cosignature (cosignature/v1, Ed25519).

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyreeve_core::{
    Error, Result, SecretBytes,
    ports::crypto::{Crypto, ParsedKey},
};
use parking_lot::Mutex;

use super::{
    checkpoint::{Checkpoint, CheckpointVerdict, cosigned_message},
    keys::ed25519_of_seed,
    merkle::{PROOF_HASHES_MAX, is_consistent},
    note::{self, NOTE_BYTES_MAX, Note, NoteKey, NoteSignature, SignatureType},
};
use crate::{
    disk::{Disk, read_file, replace_file},
    journal::{Digest, Sha256},
};

/// Bytes of a request to a witness at most: the note with its signatures, and the proof.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;
/// Bytes of an answer of a witness at most.
pub const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Bytes of a witness' seed.
pub const SEED_BYTES: usize = 32;

/// What a log asks a witness: to cosign this checkpoint, which follows from the one that it cosigned before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Leaves of the tree that the witness is thought to have cosigned last; 0: none.
    pub old: u64,
    /// That this tree is a beginning of the checkpoint's.
    pub proof: Vec<Digest>,
    /// The checkpoint, signed by its log.
    pub note: Note,
}

impl AddCheckpoint {
    /// As it is sent.
    pub fn to_text(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        format!("old {}\n{proof}\n{}", self.old, self.note.to_text())
    }

    /// Reads it; nothing is verified.
    ///
    /// # Errors
    /// `Invalid` with what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: &str| Error::new(keyreeve_core::ErrorKind::Invalid, what.to_owned());
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= REQUEST_BYTES_MAX);
        let text = text.ok_or_else(|| wrong("a request is text of at most 64 KiB"))?;
        let (head, note) =
            text.split_once("\n\n").ok_or_else(|| wrong("an empty line stands before the note"))?;
        let mut lines = head.split('\n');
        let size = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = size.and_then(number).ok_or_else(|| wrong("the first line is \"old SIZE\""))?;
        let mut proof = Vec::new();
        for line in lines {
            let hash = STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok());
            let hash = hash.filter(|_| proof.len() < PROOF_HASHES_MAX);
            proof.push(hash.ok_or_else(|| wrong("a proof is 64 hashes at most, each 32 bytes in base64"))?);
        }
        Ok(Self { old, proof, note: Note::parse(note.as_bytes())? })
    }
}

/// Reads a number without sign and leading zeros.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request cannot be read, or contradicts itself.
    Malformed(String),
    /// No log of this name is witnessed here.
    UnknownLog,
    /// The log has not signed it, with each of its keys that are known here.
    Unsigned,
    /// Another tree was cosigned last: of so many leaves.
    Stale(u64),
    /// The tree that was cosigned last is no beginning of this one.
    Inconsistent,
}

impl Refusal {
    /// The status over HTTP.
    ///
    /// # Standard
    /// C2SP tlog-witness, `add-checkpoint`.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unsigned => 403,
            Self::UnknownLog => 404,
            Self::Stale(_) => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// What cosigns. Holds a secret.
pub struct WitnessKey {
    key: Arc<dyn ParsedKey>,
    verifier: NoteKey,
}

impl WitnessKey {
    /// The key of a seed of [`SEED_BYTES`] bytes, under the witness' name.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot stand in a note, or a seed of another length.
    pub fn from_seed(crypto: &dyn Crypto, name: &str, seed: &SecretBytes) -> Result<Self> {
        let key = ed25519_of_seed(crypto, seed)?;
        let verifier = NoteKey::from_spki(name, SignatureType::Ed25519Cosignature, &key.public_key()?)?;
        Ok(Self { key, verifier })
    }

    /// Who it is, for those who check.
    pub fn verifier(&self) -> &NoteKey {
        &self.verifier
    }

    /// Cosigns a checkpoint at a time in Unix seconds.
    fn cosign(
        &self,
        crypto: &dyn Crypto,
        checkpoint: &Checkpoint,
        text: &str,
        time: u64,
    ) -> Result<NoteSignature> {
        let message = cosigned_message(self.verifier.signs, &self.verifier.name, time, (checkpoint, text));
        let message = message.ok_or_else(|| Error::internal("a name is too long to be cosigned"))?;
        let timed = [&time.to_be_bytes()[..], &note::sign(&*self.key, &message)?].concat();
        Ok(NoteSignature::by(&self.verifier, crypto, timed))
    }
}

/// A witness of logs. Keeps the newest checkpoint that it has cosigned of each in a folder.
pub struct Witness {
    key: WitnessKey,
    crypto: Arc<dyn Crypto>,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// INVARIANT: one request after the other, so that none cosigns what another has gone beyond.
    turn: Mutex<()>,
}

impl Witness {
    /// A witness that keeps what it knows in a folder, which must be there.
    pub fn new(key: WitnessKey, crypto: &Arc<dyn Crypto>, (disk, dir): (Arc<dyn Disk>, &Path)) -> Self {
        let turn = Mutex::new(());
        Self { key, crypto: crypto.clone(), disk, dir: dir.to_owned(), turn }
    }

    /// Answers `add-checkpoint` at a time in Unix seconds: the line of the cosignature, once what it stands for is durable.
    /// `logs` are the keys of the logs that are witnessed here; the name of a key is its log's.
    ///
    /// # Errors
    /// Inner: why it does not cosign. Outer: where what was cosigned last cannot be read or written; nothing is cosigned then.
    pub fn add_checkpoint(
        &self,
        logs: &[NoteKey],
        request: &[u8],
        time: u64,
    ) -> Result<Result<String, Refusal>> {
        let malformed = |error: &Error| Refusal::Malformed(error.public().to_owned());
        let read =
            AddCheckpoint::parse(request).and_then(|asked| Ok((Checkpoint::parse(&asked.note.text)?, asked)));
        let (checkpoint, asked) = match read {
            Ok(read) => read,
            Err(error) => return Ok(Err(malformed(&error))),
        };
        let mut keys = logs.iter().filter(|key| key.name == checkpoint.origin).peekable();
        if keys.peek().is_none() {
            return Ok(Err(Refusal::UnknownLog));
        }
        let signed =
            |key| matches!(self.verdict(&checkpoint, &asked.note, key), CheckpointVerdict::Signed(_));
        if !keys.all(signed) {
            return Ok(Err(Refusal::Unsigned));
        }
        let _turn = self.turn.lock();
        let last = self.last(&checkpoint.origin)?;
        if let Err(refusal) = self.follows(last.as_ref(), &checkpoint, &asked) {
            return Ok(Err(refusal));
        }
        if last.is_none() {
            tracing::warn!(
                log = checkpoint.origin,
                size = checkpoint.size,
                "a log is witnessed for the first time"
            );
        }
        let cosignature = self.key.cosign(&*self.crypto, &checkpoint, &asked.note.text, time)?;
        let kept = Note { text: asked.note.text, signatures: vec![cosignature.clone()] };
        let path = self.path(&checkpoint.origin);
        replace_file(&*self.disk, &path, kept.to_text().as_bytes()).map_err(Error::internal)?;
        Ok(Ok(cosignature.line()))
    }

    fn verdict(&self, checkpoint: &Checkpoint, note: &Note, key: &NoteKey) -> CheckpointVerdict {
        checkpoint.verdict(note, key, &*self.crypto)
    }

    /// Whether a checkpoint follows from the one that was cosigned last.
    fn follows(
        &self,
        last: Option<&Checkpoint>,
        new: &Checkpoint,
        asked: &AddCheckpoint,
    ) -> Result<(), Refusal> {
        let size = last.map_or(0, |last| last.size);
        if asked.old > new.size || new.size == 0 {
            return Err(Refusal::Malformed(
                "the old tree is larger than the new one, or the new one is empty".into(),
            ));
        }
        let is_other = |last: &Checkpoint| last.size == new.size && last.root != new.root;
        if asked.old != size || last.is_some_and(is_other) {
            return Err(Refusal::Stale(size));
        }
        let Some(last) = last else {
            return if asked.proof.is_empty() { Ok(()) } else { Err(Refusal::Inconsistent) };
        };
        let crypto = self.crypto.clone();
        let sha256: Sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
        let follows = is_consistent(&sha256, (last.size, &last.root), (new.size, &new.root), &asked.proof);
        if follows { Ok(()) } else { Err(Refusal::Inconsistent) }
    }

    /// The checkpoint of a log that was cosigned last.
    fn last(&self, origin: &str) -> Result<Option<Checkpoint>> {
        let path = self.path(origin);
        let bytes = match read_file(&*self.disk, &path, NOTE_BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Error::internal)?,
        };
        let note = Note::parse(&bytes)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        let own =
            matches!(self.verdict(&checkpoint, &note, self.key.verifier()), CheckpointVerdict::Signed(_));
        if !own || checkpoint.origin != origin {
            let what = format!("{} is not what this witness has cosigned last", path.display());
            return Err(Error::internal(what));
        }
        Ok(Some(checkpoint))
    }

    /// Names of logs may hold anything: the file has its hash for a name.
    fn path(&self, origin: &str) -> PathBuf {
        self.dir.join(hex::encode(self.crypto.sha256(&[origin.as_bytes()])))
    }
}

/// The cosignature of a witness in its answer to what it was asked.
///
/// # Errors
/// What is wrong with the answer.
pub fn cosignature(
    answer: &[u8],
    note: &Note,
    key: &NoteKey,
    crypto: &dyn Crypto,
) -> Result<NoteSignature, String> {
    let text = std::str::from_utf8(answer).ok().filter(|text| text.len() <= ANSWER_BYTES_MAX);
    let lines = text.ok_or("the answer is no text of a witness")?.lines();
    let line = lines.filter_map(NoteSignature::parse).find(|line| line.claims(key, crypto));
    let line = line.ok_or("the answer holds no cosignature by the key that the configuration names")?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(|error| error.public().to_owned())?;
    let cosigned = Note { text: note.text.clone(), signatures: vec![line.clone()] };
    match checkpoint.verdict(&cosigned, key, crypto) {
        CheckpointVerdict::Signed(_) => Ok(line),
        _ => Err("the witness' signature is wrong".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;
    use crate::{
        audit::{LogKeys, merkle},
        disk::RealDisk,
    };

    /// A log of leaves, and a witness of it in a folder that goes with the test.
    struct Scene {
        crypto: Arc<dyn Crypto>,
        keys: LogKeys,
        folder: tempfile::TempDir,
        leaves: Vec<Digest>,
    }

    impl Scene {
        fn new() -> Self {
            let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
            let secret = SecretBytes::copy_from(&[7; 32]);
            let signer = ed25519_of_seed(&*crypto, &secret).unwrap();
            let keys = LogKeys::derive(&*crypto, uuid::Uuid::from_u128(1), &*signer, &secret).unwrap();
            let leaves = (0..40_u8).map(|leaf| [leaf; 32]).collect();
            Self { crypto, keys, folder: tempfile::tempdir().unwrap(), leaves }
        }

        fn origin(&self) -> String {
            super::super::keys::origin(uuid::Uuid::from_u128(1), 1)
        }

        fn witness(&self) -> Witness {
            let key =
                WitnessKey::from_seed(&*self.crypto, "w.example", &SecretBytes::copy_from(&[9; 32])).unwrap();
            Witness::new(key, &self.crypto, (Arc::new(RealDisk), self.folder.path()))
        }

        fn logs(&self) -> [NoteKey; 2] {
            self.keys.public().unwrap().note_keys(&self.origin()).unwrap()
        }

        fn note(&self, size: usize) -> Note {
            let crypto = self.crypto.clone();
            let sha256: Sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
            let root = merkle::root_of(&sha256, &self.leaves[..size]).unwrap();
            let checkpoint = Checkpoint { origin: self.origin(), size: size as u64, root };
            self.keys.sign(&*self.crypto, &checkpoint, 5).unwrap()
        }

        fn proof(&self, old: usize, new: usize) -> Vec<Digest> {
            /// Leaves alone: nodes above are computed.
            struct Leaves<'a>(&'a Sha256, &'a [Digest]);
            impl merkle::Nodes for Leaves<'_> {
                type Error = std::convert::Infallible;
                fn node(&mut self, height: u32, index: u64) -> Result<Digest, Self::Error> {
                    let (from, count) = ((index << height) as usize, 1_usize << height);
                    Ok(merkle::root_of(self.0, &self.1[from..from + count]).unwrap())
                }
            }
            let crypto = self.crypto.clone();
            let sha256: Sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
            let mut nodes = Leaves(&sha256, &self.leaves[..new]);
            let Ok(proof) = merkle::consistency(&sha256, &mut nodes, old as u64, new as u64);
            proof
        }

        fn ask(&self, old: usize, new: usize) -> AddCheckpoint {
            AddCheckpoint { old: old as u64, proof: self.proof(old, new), note: self.note(new) }
        }
    }

    fn answer((scene, witness): (&Scene, &Witness), asked: &AddCheckpoint) -> Result<String, Refusal> {
        witness.add_checkpoint(&scene.logs(), asked.to_text().as_bytes(), 1_700_000_000).unwrap()
    }

    #[test]
    fn a_log_that_only_grows_is_cosigned_and_that_is_remembered() {
        let scene = Scene::new();
        let mut witness = scene.witness();
        for (old, new) in [(0, 3), (3, 3), (3, 8), (8, 21), (21, 40)] {
            let asked = scene.ask(old, new);
            let line = answer((&scene, &witness), &asked).unwrap();
            let found =
                cosignature(line.as_bytes(), &asked.note, witness.key.verifier(), &*scene.crypto).unwrap();
            assert_eq!(found.line(), line);
            // What it knows outlives it.
            witness = scene.witness();
        }
        assert_eq!(answer((&scene, &witness), &scene.ask(21, 40)), Err(Refusal::Stale(40)));
    }

    #[test]
    fn a_fork_a_roll_back_and_what_is_not_signed_are_refused() {
        let mut scene = Scene::new();
        let witness = scene.witness();
        answer((&scene, &witness), &scene.ask(0, 21)).unwrap();
        assert_eq!(answer((&scene, &witness), &scene.ask(0, 8)), Err(Refusal::Stale(21)));
        assert_eq!(answer((&scene, &witness), &scene.ask(3, 21)), Err(Refusal::Stale(21)));
        // The same keys sign another history.
        scene.leaves[5] = [200; 32];
        assert_eq!(answer((&scene, &witness), &scene.ask(21, 21)), Err(Refusal::Stale(21)));
        assert_eq!(answer((&scene, &witness), &scene.ask(21, 40)), Err(Refusal::Inconsistent));
        scene.leaves[5] = [5; 32];
        let good = scene.ask(21, 40);
        assert_eq!(
            answer((&scene, &witness), &AddCheckpoint { proof: Vec::new(), ..good.clone() }),
            Err(Refusal::Inconsistent)
        );
        for line in 0..2 {
            let mut asked = good.clone();
            asked.note.signatures.remove(line);
            assert_eq!(answer((&scene, &witness), &asked), Err(Refusal::Unsigned));
        }
        let mut asked = good.clone();
        asked.note.text = asked.note.text.replace("/t1\n", "/t2\n");
        assert_eq!(answer((&scene, &witness), &asked), Err(Refusal::UnknownLog));
        let backwards = AddCheckpoint { old: 41, ..good.clone() };
        assert!(matches!(answer((&scene, &witness), &backwards), Err(Refusal::Malformed(_))));
        answer((&scene, &witness), &good).unwrap();
    }

    #[test]
    fn what_it_has_cosigned_last_is_believed_only_by_its_own_signature() {
        let scene = Scene::new();
        let witness = scene.witness();
        answer((&scene, &witness), &scene.ask(0, 21)).unwrap();
        let path = witness.path(&scene.origin());
        std::fs::write(&path, scene.note(8).to_text()).unwrap();
        assert!(witness.add_checkpoint(&scene.logs(), scene.ask(8, 40).to_text().as_bytes(), 5).is_err());
    }

    #[test]
    fn requests_come_back_and_what_is_none_is_refused() {
        let scene = Scene::new();
        let asked = scene.ask(8, 21);
        let text = asked.to_text();
        assert_eq!(AddCheckpoint::parse(text.as_bytes()).unwrap(), asked);
        for wrong in [
            text.replacen("old 8", "old 08", 1),
            text.replacen("old 8", "old", 1),
            text.replacen("old 8", "old -8", 1),
            text.replacen("old 8\n", &format!("old 8\n{}", "AAAA\n"), 1),
            text.replacen("old 8\n", &format!("old 8\n{}", (STANDARD.encode([0; 32]) + "\n").repeat(65)), 1),
            text.replace("\n\n", "\n"),
            String::new(),
            "old 0\n\n".to_owned(),
        ] {
            assert!(AddCheckpoint::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        let long = format!("{text}{}", "x".repeat(REQUEST_BYTES_MAX));
        assert!(AddCheckpoint::parse(long.as_bytes()).is_err());
    }

    #[test]
    fn an_answer_is_taken_by_the_named_key_alone() {
        let scene = Scene::new();
        let (witness, asked) = (scene.witness(), scene.ask(0, 3));
        let line = answer((&scene, &witness), &asked).unwrap();
        let other =
            WitnessKey::from_seed(&*scene.crypto, "w.example", &SecretBytes::copy_from(&[1; 32])).unwrap();
        let check = |answer: &str, note: &Note, key: &WitnessKey| {
            cosignature(answer.as_bytes(), note, key.verifier(), &*scene.crypto)
        };
        assert!(check(&line, &asked.note, &other).is_err());
        assert!(check(&line, &scene.note(4), &witness.key).is_err(), "of another checkpoint");
        assert!(check("", &asked.note, &witness.key).is_err());
        assert!(check(&format!("unknown line\n{line}"), &asked.note, &witness.key).is_ok());
    }
}
