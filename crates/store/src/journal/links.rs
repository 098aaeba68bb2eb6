//! The links of the hash chain as they are written, for archives: segment headers and all frames, byte for byte. And the
//! checks with which links from elsewhere are told to continue a chain.

use super::frame::{self, Digest, HEADER_LEN};
use super::read::{Step, Walk};
use super::{Identity, Journal, JournalError, Lsn, Position, Sha256, segment};

/// The length of a segment's header in bytes.
pub const SEGMENT_HEADER_LEN: usize = segment::HEADER_LEN;
/// The length of a frame's header in bytes.
pub const FRAME_HEADER_LEN: usize = HEADER_LEN;

/// One link of the chain.
pub enum Link<'a> {
    /// The header of a segment: the chain goes on from one segment to the next through it.
    Segment(&'a [u8]),
    /// A frame.
    Frame(LinkedFrame<'a>),
}

/// A whole frame, verified.
pub struct LinkedFrame<'a> {
    /// All its bytes.
    pub bytes: &'a [u8],
    /// What it says of itself.
    pub facts: FrameFacts,
}

impl<'a> LinkedFrame<'a> {
    /// The frame's header: [`FRAME_HEADER_LEN`] bytes.
    pub fn header(&self) -> &'a [u8] {
        &self.bytes[..HEADER_LEN]
    }

    /// The entries, in order, from `facts.first` on.
    pub fn entries(&self) -> impl Iterator<Item = (Lsn, &'a [u8])> + use<'a> {
        (self.facts.first.0..).map(Lsn).zip(frame::entries(self.bytes))
    }
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameFacts {
    /// The LSN of its first entry; of the next one where it holds none.
    pub first: Lsn,
    /// How many entries it holds.
    pub count: u32,
    /// When it was written, Unix time in milliseconds.
    pub time_ms: u64,
    /// The hash of the link before.
    pub previous: Digest,
    /// Its own hash.
    pub hash: Digest,
}

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Whose journal.
    pub identity: Identity,
    /// The first entry of the segment.
    pub first: Lsn,
    /// The hash of the last frame of the segment before; zeros where there never was one.
    pub previous: Digest,
    /// Its own hash.
    pub hash: Digest,
}

/// Reads a segment's header by itself; none where it is wrong.
pub fn segment_facts(bytes: &[u8], sha256: &Sha256) -> Option<SegmentFacts> {
    let (header, hash) = segment::parse(bytes.try_into().ok()?, sha256)?;
    Some(SegmentFacts { identity: header.identity, first: header.first, previous: header.previous, hash })
}

/// Puts a frame together from its header and its entries.
///
/// # Errors
/// Says what is wrong with them.
pub fn rebuild_frame(
    header: &[u8],
    entries: &[Vec<u8>],
    sha256: &Sha256,
) -> Result<(Vec<u8>, FrameFacts), &'static str> {
    let mut bytes = header.to_vec();
    for entry in entries {
        bytes.extend_from_slice(
            &u32::try_from(entry.len()).map_err(|_| "an entry is too long")?.to_le_bytes(),
        );
        bytes.extend_from_slice(entry);
    }
    let hash = sha256(&[&bytes]);
    bytes.extend_from_slice(&hash);
    bytes.extend_from_slice(&frame::END_MARK);
    let (header, hash) = frame::parse(&bytes, sha256)?;
    Ok((bytes, facts(&header, hash)))
}

/// How many entries a frame with this header holds; none where it is no header.
pub fn claimed_count(header: &[u8]) -> Option<u32> {
    frame::claimed_len(header)?;
    frame::u32_at(header, 24)
}

fn facts(header: &frame::Header, hash: Digest) -> FrameFacts {
    FrameFacts {
        first: header.first,
        count: header.count,
        time_ms: header.time_ms,
        previous: header.previous,
        hash,
    }
}

/// Streams the links from right behind one entry to the frame that ends with another.
pub struct Links {
    walk: Walk,
    until: Lsn,
    previous: Digest,
    /// The header of the walk's segment is still to be given.
    at_header: bool,
}

impl Links {
    /// From the frame that begins with `from`, and what stands in the chain between the frame before and it. `near`, where
    /// one is known: a position at an earlier entry, or right behind the frame before. Behind a marker at `from` the marker
    /// would be left out, and its hash taken for that of the frame before.
    pub(super) fn begin(
        journal: &Journal,
        from: Lsn,
        until: Lsn,
        near: Option<Position>,
    ) -> Result<Self, JournalError> {
        let from = from.max(Lsn::FIRST);
        let near = near.filter(|near| near.next <= from && near.next > near.segment);
        let mut walk = match near {
            Some(near) => Walk::from_position(journal, near)?,
            None => {
                let segments = segment::list(journal)?;
                let first =
                    *segments.first().ok_or_else(|| JournalError::Missing { dir: journal.dir.clone() })?;
                if from == first {
                    let mut walk = Walk::from_segment(journal, first)?;
                    let header = header(&mut walk)?;
                    let previous = segment_facts(&header, &journal.sha256)
                        .ok_or_else(|| walk.damaged("the segment's header is wrong"))?
                        .previous;
                    return Ok(Self { walk, until, previous, at_header: true });
                }
                // Where the entry before lies, since links without entries may stand between the two.
                let holder = segments.iter().rev().find(|segment| **segment < from);
                Walk::from_segment(journal, *holder.ok_or(JournalError::Pruned { lsn: from, first })?)?
            }
        };
        while walk.position.next < from {
            match walk.step()? {
                Step::Frame(_) => {}
                Step::End if walk.next_segment()? => {}
                Step::End => {
                    return Err(walk.damaged("the journal ends before an entry that was durable"));
                }
                Step::Unreadable(what) => return Err(walk.damaged(what)),
            }
        }
        if walk.position.next > from {
            return Err(JournalError::NoFrame { file: walk.path.clone(), lsn: from });
        }
        Ok(Self { previous: walk.position.hash, walk, until, at_header: false })
    }

    /// The hash of the link before the next one.
    pub fn previous(&self) -> Digest {
        self.previous
    }

    /// Behind the last link that was given.
    pub fn position(&self) -> Position {
        self.walk.position
    }

    /// The next link, or none once the entry `until` was given.
    ///
    /// # Errors
    /// I/O errors, and [`JournalError::Damaged`] where the journal is wrong or ends before the range does.
    pub fn next_link(&mut self) -> Result<Option<Link<'_>>, JournalError> {
        if self.walk.position.next > self.until {
            return Ok(None);
        }
        if !self.at_header {
            match self.walk.step()? {
                Step::Frame(read) => {
                    self.previous = self.walk.position.hash;
                    let facts = facts(&read.header, self.previous);
                    let bytes = self.walk.bytes(read.start, read.len)?;
                    return Ok(Some(Link::Frame(LinkedFrame { bytes, facts })));
                }
                Step::End if self.walk.next_segment()? => {}
                Step::End => {
                    return Err(self.walk.damaged("the journal ends before an entry that was durable"));
                }
                Step::Unreadable(what) => return Err(self.walk.damaged(what)),
            }
        }
        self.at_header = false;
        self.previous = self.walk.position.hash;
        self.walk.bytes(0, segment::HEADER_LEN).map(|header| Some(Link::Segment(header)))
    }
}

fn header(walk: &mut Walk) -> Result<Vec<u8>, JournalError> {
    walk.bytes(0, segment::HEADER_LEN).map(<[u8]>::to_vec)
}
