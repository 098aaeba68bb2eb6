//! Pieces against real journals: what goes in comes out byte for byte, and nothing altered passes.

use keyreeve_core::{Result, SecretBytes};
use keyreeve_crypto::SoftwareCrypto;
use uuid::Uuid;

use super::*;
use crate::{
    backup::sealed::ArchiveKey,
    disk::RealDisk,
    journal::{CommitOptions, Committed, Committer, Demand, Journal, Options, Position, Stage},
};

const IDENTITY: Identity = Identity { store: [3; 16], timeline: 2 };

struct Keys(Arc<dyn Crypto>, u32);

impl ArchiveKeys for Keys {
    fn current(&self) -> Result<ArchiveKey> {
        self.get(self.1)
    }

    fn get(&self, root_version: u32) -> Result<ArchiveKey> {
        let root = SecretBytes::new(vec![root_version as u8; 32]);
        Ok(ArchiveKey::derive(&*self.0, &root, Uuid::from_bytes(IDENTITY.store), root_version))
    }
}

fn pieces(root_version: u32) -> Pieces {
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    Pieces { keys: Arc::new(Keys(crypto.clone(), root_version)), crypto }
}

/// Writes what it is given, one time unit after the other.
struct Plain(u64);

impl Stage for Plain {
    type Request = Vec<u8>;
    type Reply = ();

    fn demand(request: &Vec<u8>) -> Demand {
        Demand { bytes: request.len(), urgent: false }
    }

    fn now_ms(&self) -> u64 {
        self.0
    }

    fn stage(
        &mut self,
        _: Lsn,
        _: u64,
        request: Vec<u8>,
        entry: &mut Vec<u8>,
    ) -> std::result::Result<(), ()> {
        self.0 += 5;
        entry.extend_from_slice(&request);
        Ok(())
    }

    fn publish(&mut self, _: &Committed) {}

    fn discard(&mut self) {}
}

/// Entry `number`: every third one without changes, of growing length.
fn entry(number: u64) -> Vec<u8> {
    let format = if number.is_multiple_of(3) { 2 } else { 1 };
    [&[format], number.to_string().repeat(number as usize % 40 + 1).as_bytes()].concat()
}

/// A journal of `count` entries in small segments, one frame each, with stops between them.
struct Bench {
    _dir: tempfile::TempDir,
    journal: Journal,
}

impl Bench {
    fn new(count: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(Arc::new(RealDisk), dir.path().join("journal"), pieces(1).sha256());
        journal.create(IDENTITY, 1).unwrap();
        let bench = Self { _dir: dir, journal };
        (1..=count).collect::<Vec<_>>().chunks(7).for_each(|part| bench.write(part));
        bench
    }

    fn write(&self, numbers: &[u64]) {
        let options = Options { segment_bytes_max: 2048, preallocate_bytes: 1024, reserve_bytes: 1024 };
        let opened = self.journal.open(options, None, Lsn(0)).unwrap();
        let committer =
            Committer::start(opened.writer, Plain(numbers[0] * 100), CommitOptions::default(), |_| {})
                .unwrap();
        for number in numbers {
            let (sender, receiver) = std::sync::mpsc::channel();
            committer.submit(entry(*number), move |result| sender.send(result).unwrap());
            receiver.recv().unwrap().unwrap();
        }
        committer.stop().unwrap();
    }

    fn piece(&self, from: u64, until: u64, near: Option<Position>) -> Piece {
        let mut links = self.journal.links(Lsn(from), Lsn(until), near).unwrap();
        pieces(1).build(IDENTITY, &mut links, usize::MAX).unwrap().expect("there are entries")
    }
}

fn sections(piece: &Piece) -> (&[u8], &[u8]) {
    piece.bytes[HEADER_LEN..].split_at(piece.header.changes.bytes as usize)
}

#[test]
fn a_piece_gives_back_its_changes_and_every_byte_of_its_frames() {
    let bench = Bench::new(60);
    let piece = bench.piece(1, 60, None);
    let path = piece.name.path();
    assert_eq!(PieceName::parse(&path), Some(piece.name));
    assert_eq!(pieces(1).verify(&path, &piece.bytes).unwrap(), piece.header);
    let (changes, rest) = sections(&piece);
    let read: Vec<_> =
        pieces(1).changes(&path, &piece.header, changes).unwrap().map(|e| e.unwrap()).collect();
    let expected: Vec<u64> = (1..=60).filter(|number| number % 3 != 0).collect();
    assert_eq!(read.iter().map(|entry| entry.lsn.0).collect::<Vec<_>>(), expected);
    assert!(read.iter().all(|found| found.bytes == entry(found.lsn.0) && found.time_ms >= 100));

    let links: Vec<_> =
        pieces(1).links(&path, &piece.header, changes, rest).unwrap().map(|link| link.unwrap()).collect();
    let segments = links.iter().filter(|link| matches!(link, ArchivedLink::Segment(_))).count();
    assert!(segments > 2, "several segments are in it");
    let mut whole = Vec::new();
    let mut walk = bench.journal.links(Lsn(1), Lsn(60), None).unwrap();
    while let Some(link) = walk.next_link().unwrap() {
        whole.push(match link {
            Link::Segment(header) => ArchivedLink::Segment(header.to_vec()),
            Link::Frame(frame) => ArchivedLink::Frame(frame.bytes.to_vec(), frame.facts),
        });
    }
    assert!(links == whole, "byte for byte");
}

#[test]
fn pieces_continue_each_other_however_they_are_cut() {
    let bench = Bench::new(60);
    let whole = bench.piece(1, 60, None).header;
    for cuts in [vec![7, 14, 60], vec![1, 2, 3, 30, 31, 60], (1..=60).collect()] {
        let (mut from, mut hash, mut near) = (1, whole.previous, None);
        for until in cuts {
            let mut links = bench.journal.links(Lsn(from), Lsn(until), near).unwrap();
            let piece = pieces(1).build(IDENTITY, &mut links, usize::MAX).unwrap().unwrap();
            pieces(1).verify(&piece.name.path(), &piece.bytes).unwrap();
            assert_eq!((piece.header.first.0, piece.header.last.0), (from, until));
            assert_eq!(piece.header.previous, hash, "from {from}");
            assert_eq!(bench.piece(from, until, None).header.previous, hash, "also without a position");
            (from, hash, near) = (until + 1, piece.header.hash, Some(links.position()));
        }
        assert_eq!(hash, whole.hash);
    }
}

#[test]
fn a_piece_ends_with_the_frame_that_fills_it() {
    let bench = Bench::new(30);
    let mut links = bench.journal.links(Lsn(1), Lsn(30), None).unwrap();
    let mut next = Lsn(1);
    while let Some(piece) = pieces(1).build(IDENTITY, &mut links, 500).unwrap() {
        assert_eq!(piece.header.first, next);
        next = piece.header.last.plus(1);
        assert!(piece.header.last.0 < 30 || next.0 == 31);
    }
    assert_eq!(next, Lsn(31));
}

#[test]
fn any_altered_byte_is_noticed_with_and_without_the_key() {
    let bench = Bench::new(9);
    let piece = bench.piece(1, 9, None);
    let path = piece.name.path();
    let sha256 = pieces(1).sha256();
    for at in 0..piece.bytes.len() {
        let mut bytes = piece.bytes.clone();
        bytes[at] ^= 1;
        assert!(verify_outside(&path, &bytes, &sha256).is_err(), "byte {at}");
        // Who has no key can make names, lengths and hashes fit again, but nothing that opens.
        if !(172..284).contains(&at) {
            let forged = forge(bytes, &sha256);
            assert!(pieces(1).verify(&forged.0, &forged.1).is_err(), "byte {at}, forged");
        }
    }
    for len in [0, 100, HEADER_LEN, piece.bytes.len() - 1] {
        assert!(verify_outside(&path, &piece.bytes[..len], &sha256).is_err());
    }
}

/// Makes all checksums of an altered piece fit.
fn forge(mut bytes: Vec<u8>, sha256: &Sha256) -> (String, Vec<u8>) {
    let changes = u64::from_be_bytes(bytes[172..180].try_into().unwrap()) as usize;
    let (first, second) = (sha256(&[&bytes[284..284 + changes]]), sha256(&[&bytes[284 + changes..]]));
    bytes[180..212].copy_from_slice(&first);
    bytes[220..252].copy_from_slice(&second);
    let sum = sha256(&[&bytes[..252]]);
    bytes[252..284].copy_from_slice(&sum);
    let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    let timeline = u32::from_be_bytes(bytes[28..32].try_into().unwrap());
    let name =
        PieceName { timeline, first: Lsn(number(32)), last: Lsn(number(40)), sha256: sha256(&[&bytes]) };
    (name.path(), bytes)
}

#[test]
fn a_piece_opens_under_its_own_root_version_alone() {
    let bench = Bench::new(9);
    let mut links = bench.journal.links(Lsn(1), Lsn(9), None).unwrap();
    let piece = pieces(2).build(IDENTITY, &mut links, usize::MAX).unwrap().unwrap();
    assert_eq!(piece.header.root_version, 2);
    assert!(pieces(1).verify(&piece.name.path(), &piece.bytes).is_ok(), "the keys are asked for version 2");
}

#[test]
fn names_have_one_form() {
    let bench = Bench::new(2);
    let path = bench.piece(1, 2, None).name.path();
    assert!(PieceName::parse(&path).is_some());
    for wrong in [
        path.replace("t2/", "t02/"),
        path.replace("t2/", "t+2/"),
        path.to_uppercase(),
        path.replace(".krp", ".krc"),
        path.replace("00001-", "1-"),
        path.replace("00000000000000000001-", "00000000000000000009-"),
    ] {
        assert_eq!(PieceName::parse(&wrong), None, "{wrong}");
    }
}
