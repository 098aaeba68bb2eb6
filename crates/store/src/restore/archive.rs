//! What a target holds of a store's history, and the way to one of its states: a full backup, then pieces.
//!
//! A timeline begins with a full backup of the state that it was restored to, the first one with an empty store. Nothing
//! is written here, and nothing is trusted that does not open under the store's keys. `detour` leads round damage.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
    sync::Arc,
};

use keyreeve_core::{
    model::{self, Time},
    ports::crypto::Crypto,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{
    detour::{Avoided, Damage},
    gap::Gap,
    load::{Loading, fill},
    timeline,
};
use crate::{
    ahead::in_order,
    backup::{
        BackupError, FullPoint,
        anchor::{ANCHOR_PATH, Anchor},
        catalogue::is_of_object,
        full::Fulls,
        piece::{ArchivedLink, HEADER_LEN, PieceHeader, PieceName, Pieces, store_of, verify_outside},
        sealed::ArchiveKeys,
        targets::Target,
    },
    engines::Engine,
    index::encoding::{self, RowChange},
    journal::{Digest, Lsn},
};

/// Bytes of a piece that are fetched at once, and with its header.
const FETCH_LEN: u64 = 1 << 20;
const FIRST_FETCH_LEN: u64 = 64 << 10;
/// Bytes of entries whose changes are handed over at once.
const BLOCK_BYTES: usize = 1 << 20;

/// Which state is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointInTime {
    /// The newest one.
    Latest,
    /// As it was once this entry was durable.
    Lsn(model::Lsn),
    /// As it was at this time, by the clock of the machine that wrote the journal.
    Time(Time),
}

/// A target's archive with what it takes to read it.
pub(super) struct Archive<'a> {
    pub(super) target: &'a dyn Target,
    pub(super) store: Uuid,
    crypto: Arc<dyn Crypto>,
    keys: Arc<dyn ArchiveKeys>,
    timelines: BTreeMap<u32, Timeline>,
    /// How far the store had come, as its anchor at the target tells. Who can write there can write another one.
    pub(super) anchor: Option<Anchor>,
    pub(super) avoided: Mutex<Avoided>,
}

#[derive(Default)]
struct Timeline {
    fulls: BTreeSet<Lsn>,
    /// Sorted.
    pieces: Vec<PieceName>,
}

/// A state in the archive, and how it is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) timeline: u32,
    /// The full backup that it begins with; `None` for the empty store.
    pub(super) full: Option<Lsn>,
    pieces: Vec<PieceName>,
    /// The last entry that is in it.
    pub(super) lsn: Lsn,
}

/// Where loading has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) lsn: Lsn,
    /// Hash of the frame that ends with that entry; of the last frame of its piece where the piece goes on.
    pub(super) hash: Digest,
    /// When it was written.
    pub(super) time: Time,
    /// Entries that were replayed: those that change the state.
    pub(super) replayed: u64,
    /// The piece that it lies in; none where it is a full backup's.
    piece: Option<PieceName>,
}

/// What a piece gives while it is replayed.
#[expect(clippy::large_enum_variant)] // The large one comes once a piece.
enum Replayed {
    /// First.
    Begin(PieceName, PieceHeader),
    /// Then the changes of so many entries, again and again.
    Entries(u64, Vec<RowChange>),
}

impl End {
    /// Goes on to the end of a piece, or to the entry that is wanted.
    fn go_on(&mut self, piece: &PieceName, header: &PieceHeader, until: Lsn) {
        (self.lsn, self.hash) = (piece.last.min(until), header.hash);
        (self.time, self.piece) = (time(header.last_time_ms), Some(*piece));
    }
}

/// Learns which entry was reached on the way to which.
pub(super) type Tell<'a> = &'a mut dyn FnMut(u64, u64);

impl<'a> Archive<'a> {
    /// Looks at what the target has; twice where something is missing, since the machine that ships there may have
    /// brought a piece after those behind it were listed.
    pub(super) fn read(
        target: &'a dyn Target,
        store: Uuid,
        crypto: Arc<dyn Crypto>,
        keys: Arc<dyn ArchiveKeys>,
    ) -> Result<Self, BackupError> {
        let archive = Self::look(target, store, crypto.clone(), keys.clone())?;
        match archive.head().is_ok_and(|head| archive.missing_behind(&head).is_some()) {
            true => Self::look(target, store, crypto, keys),
            false => Ok(archive),
        }
    }

    fn look(
        target: &'a dyn Target,
        store: Uuid,
        crypto: Arc<dyn Crypto>,
        keys: Arc<dyn ArchiveKeys>,
    ) -> Result<Self, BackupError> {
        // INVARIANT: before the pieces, which come to a target before the anchor that tells of them.
        let anchor = match Anchor::read(target, &*crypto) {
            Ok(Some((anchor, _))) if anchor.store == store => Ok(Some(anchor)),
            Ok(Some((anchor, _))) => Err(format!("it anchors another store, {}", anchor.store)),
            Ok(None) => Ok(None),
            Err(error) => Err(is_of_object(error)?),
        };
        let mut avoided = Avoided::default();
        if let Err(error) = &anchor {
            let what = format!("{error}: whether the newest entries are here is not known by it");
            avoided.note(Damage { object: ANCHOR_PATH.into(), what });
        }
        let mut timelines = BTreeMap::<u32, Timeline>::new();
        for listed in target.list("t")? {
            if let Some(piece) = PieceName::parse(&listed.path) {
                timelines.entry(piece.timeline).or_default().pieces.push(piece);
            } else if let Some((timeline, lsn)) = full_name(&listed.path) {
                timelines.entry(timeline).or_default().fulls.insert(lsn);
            }
        }
        timelines.values_mut().for_each(|timeline| timeline.pieces.sort_unstable());
        let (anchor, avoided) = (anchor.unwrap_or_default(), Mutex::new(avoided));
        let mut archive = Self { target, store, crypto, keys, timelines, anchor, avoided };
        archive.drop_absurd_anchor();
        Ok(archive)
    }

    /// An anchor of a timeline that this store cannot have come to is somebody else's word, and refuses nothing.
    fn drop_absurd_anchor(&mut self) {
        let here = self.timeline_max();
        if let Some(anchor) = self.anchor.take_if(|anchor| timeline::is_absurd(anchor.timeline, here)) {
            let what = format!(
                "it tells of timeline {}, and no store comes from {here} to there: who has written that? Whether the newest \
                 entries are here is not known by it",
                anchor.timeline
            );
            self.avoided.lock().note(Damage { object: ANCHOR_PATH.into(), what });
        }
    }

    /// The highest timeline that has left anything here.
    pub(super) fn timeline_max(&self) -> u32 {
        self.timelines.keys().next_back().copied().unwrap_or(0)
    }

    /// The way to the newest state.
    pub(super) fn head(&self) -> Result<Way, BackupError> {
        let mut begun = self.timelines.iter().rev().filter(|(number, line)| line.begin(**number).is_some());
        let (number, line) =
            begun.next().ok_or_else(|| self.mismatch("it holds no backup of a store".into()))?;
        Ok(line.way(*number, None))
    }

    /// A way to the same entry that avoids what is known to be damaged: from the newest full backup that has one.
    pub(super) fn around(&self, wanted: &Way) -> Option<Way> {
        self.timelines.get(&wanted.timeline)?.around(wanted, &self.avoided.lock())
    }

    /// The way to the state of then, which is one of the head's own history.
    pub(super) fn at(&self, head: &Way, to: PointInTime) -> Result<Way, BackupError> {
        let missing = || self.missing_behind(head);
        match to {
            PointInTime::Latest => match missing() {
                Some(gap) => Err(gap.refusal(self.target)),
                None => Ok(head.clone()),
            },
            PointInTime::Lsn(lsn) if lsn.0 > head.lsn.0 => Err(match missing() {
                Some(gap) => gap.refusal(self.target),
                None => self.mismatch(format!("its last entry is {}, there is no entry {lsn}", head.lsn)),
            }),
            PointInTime::Lsn(lsn) => {
                let mut end = head.clone();
                while let Some(begin) = self.begin(&end).filter(|begin| begin.0 > lsn.0) {
                    end = self.parent(end.timeline, begin)?;
                }
                self.before(&end, Lsn(lsn.0))
            }
            PointInTime::Time(time) => {
                let mut end = head.clone();
                while let Some(begin) = self.begin(&end)
                    && self.begins_after(&end, time)?
                {
                    end = self.parent(end.timeline, begin)?;
                }
                match (self.last_before(&end, time)?, missing()) {
                    // What is missing may be as old.
                    (lsn, Some(gap)) if end == *head && lsn == head.lsn => Err(gap.refusal(self.target)),
                    (lsn, _) => self.before(&end, lsn),
                }
            }
        }
    }

    /// Loads the state at the end of a way into an engine; only records, no index rows.
    /// Also how many records it has, at most.
    pub(super) fn load(
        &self,
        way: &Way,
        engine: &dyn Engine,
        tell: Tell<'_>,
    ) -> Result<(End, u64), BackupError> {
        fill(engine, |loading| {
            let end = self.give(way, loading, tell)?;
            Ok((end, loading.records()))
        })
    }

    /// Gives the records of the state at the end of a way.
    pub(super) fn give(&self, way: &Way, loading: &mut Loading, tell: Tell<'_>) -> Result<End, BackupError> {
        tell(0, way.lsn.0);
        let mut end = End { lsn: Lsn(0), hash: [0; 32], time: Time(0), replayed: 0, piece: None };
        if let Some(lsn) = way.full {
            let fulls = self.fulls();
            let path = full_path(way.timeline, lsn);
            let manifest = fulls.read(&path, |_, rows| {
                Ok(rows.into_iter().try_for_each(|(key, record)| loading.put(key, Some(record)))?)
            });
            let manifest = manifest.map_err(|error| self.unreadable(&path, error))?;
            self.check_store(manifest.point.store)?;
            let FullPoint { hash, time, .. } = manifest.point;
            end = End { lsn, hash, time, ..end };
        }
        // What each piece goes on behind.
        let behind = std::iter::once(end.lsn).chain(way.pieces.iter().map(|piece| piece.last));
        let pieces = behind.zip(&way.pieces);
        let replay = |(behind, piece), give: &mut dyn FnMut(Replayed) -> bool| {
            self.replay(piece, behind, way.lsn, give)
        };
        in_order(pieces, replay, |replayed| match replayed {
            Replayed::Begin(piece, header) => {
                tell(end.lsn.0, way.lsn.0);
                self.check_link(&end, &piece, &header)?;
                end.go_on(&piece, &header, way.lsn);
                Ok(())
            }
            Replayed::Entries(count, changes) => {
                end.replayed += count;
                Ok(changes.into_iter().try_for_each(|change| loading.change(change))?)
            }
        })?;
        tell(end.lsn.0, way.lsn.0);
        Ok(end)
    }

    /// Checks that a piece continues what was loaded.
    fn check_link(&self, end: &End, piece: &PieceName, header: &PieceHeader) -> Result<(), BackupError> {
        if end.lsn == Lsn(0) {
            return Ok(());
        }
        let hash = match piece.first == end.lsn.plus(1) {
            true => Some(header.previous),
            // It holds entries that are loaded already. A restore needs nothing else of its frames.
            false => match self.hash_in(piece, end.lsn) {
                Err(BackupError::Damaged { object, what }) => {
                    let what = format!("whether it continues what lies before cannot be told: {what}");
                    self.avoided.lock().note(Damage { object, what });
                    return Ok(());
                }
                hash => hash?,
            },
        };
        if hash == Some(end.hash) {
            return Ok(());
        }
        if let Some(before) = end.piece {
            self.avoided.lock().suspect(before, *piece);
        }
        let what = format!("its entries do not continue those before, up to entry {}", end.lsn);
        Err(BackupError::damaged(&piece.path(), what))
    }

    /// The hash of the frame in a piece that ends with an entry.
    fn hash_in(&self, piece: &PieceName, lsn: Lsn) -> Result<Option<Digest>, BackupError> {
        let path = piece.path();
        let (bytes, _) =
            self.target.get(&path)?.ok_or_else(|| BackupError::damaged(&path, "it is not there"))?;
        let header = verify_outside(&path, &bytes, &self.pieces().sha256())?;
        let (changes, rest) = bytes[HEADER_LEN..].split_at(header.changes.bytes as usize);
        for link in self.pieces().links(&path, &header, changes, rest)? {
            match link? {
                ArchivedLink::Frame(_, facts) if facts.first.plus(facts.count.into()) == lsn.plus(1) => {
                    return Ok(Some(facts.hash));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads the entries of a piece from `behind` one to another.
    fn replay(
        &self,
        piece: &PieceName,
        behind: Lsn,
        until: Lsn,
        give: &mut dyn FnMut(Replayed) -> bool,
    ) -> Result<(), BackupError> {
        let path = piece.path();
        let (header, sealed) = self.open(piece, &path)?;
        if !give(Replayed::Begin(*piece, header)) {
            return Ok(());
        }
        let (mut count, mut bytes, mut changes) = (0, 0, Vec::new());
        for entry in self.pieces().changes(&path, &header, sealed)? {
            let entry = entry?;
            if entry.lsn <= behind || entry.lsn > until {
                continue;
            }
            let rows = encoding::decode_rows(model::Lsn(entry.lsn.0), &entry.bytes);
            changes.extend(rows.map_err(|error| BackupError::damaged(&path, error))?);
            (count, bytes) = (count + 1, bytes + entry.bytes.len());
            if bytes >= BLOCK_BYTES {
                if !give(Replayed::Entries(count, std::mem::take(&mut changes))) {
                    return Ok(());
                }
                (count, bytes) = (0, 0);
            }
        }
        give(Replayed::Entries(count, changes));
        Ok(())
    }

    /// The way to an entry that lies on another one.
    fn before(&self, way: &Way, lsn: Lsn) -> Result<Way, BackupError> {
        let wanted = lsn.min(way.lsn);
        let pruned =
            || self.mismatch(format!("entry {lsn} lies before the oldest full backup: it was pruned"));
        let line = self.timelines.get(&way.timeline).ok_or_else(pruned)?;
        let found = line.way(way.timeline, Some(wanted));
        let is_behind = |begin: Option<Lsn>| begin.is_none_or(|begin| begin <= wanted);
        match line.begin(way.timeline) {
            // The empty store before the first entry is a state too.
            _ if found.lsn >= wanted => Ok(found),
            Some(begin) if is_behind(begin) => Err(self.missing_after(&found).refusal(self.target)),
            _ => Err(pruned()),
        }
    }

    /// What is missing behind a way that ends too early, up to the next piece or full backup.
    fn missing_after(&self, way: &Way) -> Gap {
        let line = self.timelines.get(&way.timeline);
        let piece = self.piece_behind(way.timeline, way.lsn).map(|piece| (piece.first, piece.path()));
        let full = line.and_then(|line| line.fulls.range(way.lsn.plus(1)..).next());
        let full = full.map(|lsn| (lsn.plus(1), full_path(way.timeline, *lsn)));
        let behind = piece.into_iter().chain(full).min();
        let (next, known) = behind.unwrap_or((way.lsn.plus(2), String::new()));
        let known = match line.is_some_and(|line| line.pieces.is_empty()) {
            true => format!("full backups alone are here, and {known} is the next one"),
            false => format!("{known} lies behind them"),
        };
        Gap::between(way.timeline, (way.lsn.plus(1), Lsn(next.0 - 1)), &known)
    }

    /// The first piece that lies behind an entry with others between.
    pub(super) fn piece_behind(&self, timeline: u32, lsn: Lsn) -> Option<&PieceName> {
        let line = self.timelines.get(&timeline)?;
        line.pieces.iter().find(|piece| piece.first > lsn.plus(1))
    }

    /// The entry of the full backup that a way's timeline began with; `None` for the first one.
    fn begin(&self, way: &Way) -> Option<Lsn> {
        self.timelines.get(&way.timeline).and_then(|line| line.begin(way.timeline)).flatten()
    }

    /// Whether a way's timeline began after this time. Where the full backup that it began with is damaged, one behind it
    /// may tell that it did not.
    fn begins_after(&self, way: &Way, at: Time) -> Result<bool, BackupError> {
        let fulls = self.timelines.get(&way.timeline).map(|line| &line.fulls);
        let time = |lsn: &Lsn| {
            let manifest = self.fulls().manifest(&full_path(way.timeline, *lsn));
            manifest.map(|(manifest, _)| manifest.point.time)
        };
        let avoided = |lsn: &Lsn| self.avoided.lock().has_full(way.timeline, Some(*lsn));
        let mut fulls = fulls.into_iter().flatten();
        let Some(first) = fulls.next() else { return Ok(false) };
        if avoided(first)
            && let Some(later) = fulls.find(|lsn| **lsn <= way.lsn && !avoided(lsn))
            && time(later)? <= at
        {
            return Ok(false);
        }
        Ok(time(first)? > at)
    }

    /// The way to where another timeline branched off: on the newest earlier one that came so far.
    fn parent(&self, timeline: u32, begin: Lsn) -> Result<Way, BackupError> {
        let first = self.timelines.get(&timeline).and_then(|line| line.pieces.first());
        if first.is_some_and(|piece| piece.first <= begin) {
            let what = format!("the full backup that timeline {timeline} begins with is gone");
            return Err(self.mismatch(format!("{what}, and so is the way to what was before")));
        }
        let mut earlier = self.timelines.range(..timeline).rev();
        let way = earlier.find_map(|(number, line)| {
            let way = line.way(*number, Some(begin));
            (way.lsn == begin).then_some(way)
        });
        way.ok_or_else(|| {
            self.mismatch(format!("what lies before timeline {timeline} is not kept here any more"))
        })
    }

    /// The last entry with changes on the way that was written no later than this.
    fn last_before(&self, way: &Way, at: Time) -> Result<Lsn, BackupError> {
        let too_old = || self.mismatch("it holds nothing that old".into());
        let line = self.timelines.get(&way.timeline).ok_or_else(too_old)?;
        let stretches = {
            let whole = line.stretches(way, &Avoided::default());
            let around = line.stretches(way, &self.avoided.lock());
            // Damage that nothing leads round is met again below, and told.
            if around.len() > whole.len() { whole } else { around }
        };
        for (at_stretch, stretch) in stretches.iter().enumerate().rev() {
            let Some(lsn) = self.last_on(stretch, at)? else { continue };
            // Where what is missing behind it may be as old, nobody knows.
            return match at_stretch + 1 < stretches.len() && lsn == stretch.lsn {
                true => Err(self.missing_after(stretch).refusal(self.target)),
                false => Ok(lsn),
            };
        }
        Err(too_old())
    }

    /// The last entry with changes on a way without a gap that was written no later than this; none where all are later.
    fn last_on(&self, way: &Way, at: Time) -> Result<Option<Lsn>, BackupError> {
        for piece in way.pieces.iter().rev() {
            let header = self.header(piece)?;
            if time(header.first_time_ms) > at {
                continue;
            }
            if time(header.last_time_ms) <= at {
                return Ok(Some(piece.last.min(way.lsn)));
            }
            let path = piece.path();
            let (header, sealed) = self.open(piece, &path)?;
            let mut last = Lsn(piece.first.0 - 1);
            for entry in self.pieces().changes(&path, &header, sealed)? {
                let entry = entry?;
                if time(entry.time_ms) <= at && entry.lsn <= way.lsn {
                    last = entry.lsn;
                }
            }
            return Ok(Some(last));
        }
        let Some(full) = way.full else { return Ok(None) };
        let (manifest, _) = self.fulls().manifest(&full_path(way.timeline, full))?;
        Ok((manifest.point.time <= at).then_some(full))
    }

    fn header(&self, piece: &PieceName) -> Result<PieceHeader, BackupError> {
        Ok(self.fetch(piece, &piece.path(), HEADER_LEN as u64)?.0)
    }

    /// A piece's header, and its CHANGES section, sealed: one fetch where it is short.
    fn open<'p>(
        &'p self,
        piece: &PieceName,
        path: &'p str,
    ) -> Result<(PieceHeader, Fetching<'p>), BackupError> {
        let (header, mut begin) = self.fetch(piece, path, FIRST_FETCH_LEN)?;
        begin.truncate(usize::try_from(header.changes.bytes).unwrap_or(usize::MAX));
        let (at, left) = (HEADER_LEN as u64 + begin.len() as u64, header.changes.bytes - begin.len() as u64);
        Ok((header, Fetching { target: self.target, path, at, left, fetched: io::Cursor::new(begin) }))
    }

    /// A piece's header, and what lies behind it in its first `len` bytes.
    fn fetch(&self, piece: &PieceName, path: &str, len: u64) -> Result<(PieceHeader, Vec<u8>), BackupError> {
        let missing = || BackupError::damaged(path, "it is not there");
        let bytes =
            self.target.get_range(path, 0, len).map_err(|error| self.unreadable(path, error.into()))?;
        let mut bytes = bytes.ok_or_else(missing)?;
        let header = PieceHeader::decode(&bytes, &self.pieces().sha256())
            .map_err(|what| BackupError::damaged(path, what))?;
        self.check_store(store_of(&header))?;
        let named = (header.identity.timeline, header.first, header.last);
        match named == (piece.timeline, piece.first, piece.last) {
            true => Ok((header, bytes.split_off(HEADER_LEN))),
            false => Err(BackupError::damaged(path, "its header and its name differ")),
        }
    }

    fn check_store(&self, store: Uuid) -> Result<(), BackupError> {
        match store == self.store {
            true => Ok(()),
            false => Err(self.mismatch(format!("it is of store {store}, not of {}", self.store))),
        }
    }

    fn fulls(&self) -> Fulls<'_> {
        Fulls { target: self.target, crypto: self.crypto.clone(), keys: &*self.keys }
    }

    fn pieces(&self) -> Pieces {
        Pieces { crypto: self.crypto.clone(), keys: self.keys.clone() }
    }

    fn mismatch(&self, what: String) -> BackupError {
        BackupError::Mismatch { target: self.target.address().to_owned(), what }
    }
}

impl Way {
    /// The state of a full backup alone.
    pub(super) fn full(timeline: u32, lsn: Lsn) -> Self {
        Self { timeline, full: Some(lsn), pieces: Vec::new(), lsn }
    }

    /// What it begins with: the path of a full backup, or words for the empty store.
    pub(super) fn begin(&self) -> String {
        match self.full {
            Some(lsn) => full_path(self.timeline, lsn),
            None => format!("t{}, from its first entry on", self.timeline),
        }
    }
}

impl Timeline {
    /// What it begins with: the empty store (`Some(None)`), or its first full backup. `None`: it has not begun.
    fn begin(&self, number: u32) -> Option<Option<Lsn>> {
        let from_nothing = number == 1 && self.pieces.iter().any(|piece| piece.first == Lsn::FIRST);
        if from_nothing { Some(None) } else { self.fulls.first().map(|lsn| Some(*lsn)) }
    }

    /// The ways without a gap to all entries that lie on another way, and that can be reached, in order.
    fn stretches(&self, way: &Way, avoided: &Avoided) -> Vec<Way> {
        let (number, mut stretches) = (way.timeline, Vec::<Way>::new());
        let from_nothing = (self.begin(number) == Some(None)).then_some(None);
        let fulls = self.fulls.range(..=way.lsn).map(|lsn| Some(*lsn));
        for full in from_nothing.into_iter().chain(fulls).filter(|full| !avoided.has_full(number, *full)) {
            if stretches.last().is_none_or(|last| full.is_some_and(|full| full > last.lsn)) {
                stretches.push(self.way_behind(number, full, way.lsn, avoided));
            }
        }
        stretches
    }

    /// The way to the newest state that is no newer than `until`.
    fn way(&self, number: u32, until: Option<Lsn>) -> Way {
        let until = until.unwrap_or(Lsn(u64::MAX));
        let full = self.fulls.range(..=until).next_back().copied();
        self.way_behind(number, full, until, &Avoided::default())
    }

    /// See [`Archive::around`].
    fn around(&self, wanted: &Way, avoided: &Avoided) -> Option<Way> {
        let number = wanted.timeline;
        let from_nothing = wanted.full.is_none() || self.begin(number) == Some(None);
        let fulls = self.fulls.range(..=wanted.lsn).rev().map(|lsn| Some(*lsn));
        let begins = fulls.chain(from_nothing.then_some(None));
        let ways = begins
            .filter(|full| !avoided.has_full(number, *full))
            .map(|full| self.way_behind(number, full, wanted.lsn, avoided));
        ways.into_iter().find(|way| way.lsn == wanted.lsn)
    }

    fn way_behind(&self, timeline: u32, full: Option<Lsn>, until: Lsn, avoided: &Avoided) -> Way {
        let begin = full.unwrap_or(Lsn(0));
        let pieces = self.cover(begin, until, avoided);
        let reached = pieces.last().map_or(begin, |piece| piece.last);
        Way { timeline, full, pieces, lsn: reached.min(until) }
    }

    /// The fewest pieces that go on behind an entry without a gap, as far as they go or are wanted.
    fn cover(&self, behind: Lsn, until: Lsn, avoided: &Avoided) -> Vec<PieceName> {
        let mut cover = Vec::<PieceName>::new();
        let mut reached = behind;
        let mut pieces = self.pieces.iter().filter(|piece| !avoided.has_piece(piece)).peekable();
        while reached < until {
            // Those that begin no later than what is wanted next; they are sorted by where they begin.
            let mut next = None;
            while let Some(piece) = pieces.next_if(|piece| piece.first <= reached.plus(1)) {
                next = next.max(Some((piece.last, piece)));
            }
            let Some((last, piece)) = next.filter(|(last, _)| *last > reached) else { break };
            reached = last;
            cover.push(*piece);
        }
        cover
    }
}

/// Reads a range of an object as it is wanted.
struct Fetching<'a> {
    target: &'a dyn Target,
    path: &'a str,
    at: u64,
    left: u64,
    fetched: io::Cursor<Vec<u8>>,
}

impl Read for Fetching<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.fetched.read(bytes)?;
        if read > 0 || self.left == 0 || bytes.is_empty() {
            return Ok(read);
        }
        let wanted = self.left.min(FETCH_LEN);
        let fetched = self.target.get_range(self.path, self.at, wanted).map_err(io::Error::other)?;
        let fetched = fetched.filter(|bytes| bytes.len() as u64 == wanted);
        let fetched = fetched.ok_or_else(|| io::Error::other("the object is cut short or gone"))?;
        self.at += wanted;
        self.left -= wanted;
        self.fetched = io::Cursor::new(fetched);
        self.fetched.read(bytes)
    }
}

pub(super) fn full_path(timeline: u32, lsn: Lsn) -> String {
    crate::backup::manifest::manifest_path(timeline, lsn)
}

/// The timeline and LSN of a full backup's manifest, by its path.
pub(super) fn full_name(path: &str) -> Option<(u32, Lsn)> {
    let (timeline, file) = path.strip_prefix('t')?.split_once("/full/")?;
    let (timeline, lsn) = (timeline.parse().ok()?, Lsn(file.strip_suffix(".krm")?.parse().ok()?));
    (full_path(timeline, lsn) == path).then_some((timeline, lsn))
}

fn time(ms: u64) -> Time {
    Time(i64::try_from(ms).unwrap_or(i64::MAX))
}
