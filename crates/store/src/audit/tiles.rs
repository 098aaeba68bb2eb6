//! The tree's hashes on disk, as tiles of 256, and the right edge that is not whole yet. The arithmetic is `merkle`'s.
//!
//! # Standard
//! C2SP tlog-tiles: `tile/LEVEL/INDEX` with 256 hashes, `tile/LEVEL/INDEX.p/WIDTH` with fewer.

use std::{
    cmp::Ordering,
    collections::HashMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::merkle::{self, Nodes, node_hash, root_of};
use crate::{
    disk::{Disk, OpenMode},
    journal::{Digest, Sha256},
};

/// Hashes in a whole tile.
pub(crate) const TILE_HASHES: usize = 256;
const TILE_HEIGHT: u32 = 8;
/// Levels of a tree with 64-bit size.
const LEVELS_MAX: u64 = 8;

/// A tile's path below `tile/`; `width` is 256 of a whole one.
pub(crate) fn tile_path(level: u64, index: u64, width: usize) -> String {
    let mut parts = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        parts.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    parts.reverse();
    let path = format!("{level}/{}", parts.join("/"));
    if width == TILE_HASHES { path } else { format!("{path}.p/{width}") }
}

/// The tiles of a tree's right edge that are not whole: level, index, and how many hashes each has.
pub(crate) fn tiles_of_edge(size: u64) -> impl Iterator<Item = (u64, u64, usize)> {
    (0..LEVELS_MAX).filter_map(move |level| {
        let count = size.checked_shr(TILE_HEIGHT * level as u32).unwrap_or(0);
        let width = (count % TILE_HASHES as u64) as usize;
        (width > 0).then_some((level, count / TILE_HASHES as u64, width))
    })
}

/// A tree that only grows: the hashes of its right edge, and what of the rest is not on disk yet.
#[derive(Clone)]
pub(crate) struct Edge {
    sha256: Sha256,
    size: u64,
    /// By level: the hashes of the last tile, fewer than 256.
    levels: Vec<Vec<Digest>>,
}

/// A tile that has become whole.
pub(crate) struct WholeTile {
    pub(crate) level: u64,
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Edge {
    /// A tree without leaves.
    pub(crate) fn new(sha256: Sha256) -> Self {
        Self { sha256, size: 0, levels: Vec::new() }
    }

    /// How many leaves it has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash, and gives the tiles that are whole by that.
    pub(crate) fn push(&mut self, leaf: Digest, whole: &mut Vec<WholeTile>) {
        let (mut hash, mut level) = (leaf, 0);
        self.size += 1;
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::with_capacity(TILE_HASHES));
            }
            self.levels[level].push(hash);
            if self.levels[level].len() < TILE_HASHES {
                return;
            }
            let hashes = std::mem::take(&mut self.levels[level]);
            let Some(root) = root_of(&self.sha256, &hashes) else { return };
            let index = (self.size >> (TILE_HEIGHT as usize * (level + 1))) - 1;
            whole.push(WholeTile { level: level as u64, index, bytes: hashes.concat() });
            (hash, level) = (root, level + 1);
        }
    }

    /// The root.
    pub(crate) fn root(&self) -> Digest {
        let mut right: Option<Digest> = None;
        for hashes in &self.levels {
            // What stands at a level is left of all that stands below it.
            let mut end = hashes.len();
            while end > 0 {
                let len = 1 << end.trailing_zeros();
                let left = root_of(&self.sha256, &hashes[end - len..end]);
                right = match (left, right) {
                    (Some(left), Some(right)) => Some(node_hash(&self.sha256, &left, &right)),
                    (left, right) => left.or(right),
                };
                end -= len;
            }
        }
        right.unwrap_or_else(|| merkle::empty_root(&self.sha256))
    }

    /// The tiles of the edge that have hashes: level, index, bytes.
    fn partial(&self) -> impl Iterator<Item = (u64, u64, Vec<u8>)> {
        let some = (0..).zip(&self.levels).filter(|(_, hashes)| !hashes.is_empty());
        some.map(|(level, hashes)| (level, self.tiles_at(level), hashes.concat()))
    }

    /// The hashes of the last tile of a level, where it is not whole.
    pub(crate) fn last_tile(&self, level: u64) -> Option<&[Digest]> {
        self.levels.get(usize::try_from(level).ok()?).map(Vec::as_slice)
    }

    /// How many hashes a tile has.
    pub(crate) fn width_at(&self, level: u64, index: u64) -> usize {
        match index.cmp(&self.tiles_at(level)) {
            Ordering::Less => TILE_HASHES,
            Ordering::Equal => self.last_tile(level).map_or(0, <[_]>::len),
            Ordering::Greater => 0,
        }
    }

    /// Whole tiles at a level.
    fn tiles_at(&self, level: u64) -> u64 {
        if level >= LEVELS_MAX {
            return 0;
        }
        self.size.checked_shr(TILE_HEIGHT * (level as u32 + 1)).unwrap_or(0)
    }
}

/// The folder of the tiles.
#[derive(Clone)]
pub(crate) struct Tiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Tiles {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self { disk, dir: dir.join("tile") }
    }

    /// Writes a whole tile. Not synced: what a crash takes of tiles is computed from the journal again.
    pub(crate) fn put(&self, tile: &WholeTile) -> io::Result<()> {
        self.write(&tile_path(tile.level, tile.index, TILE_HASHES), &tile.bytes)
    }

    /// Writes the tiles of the edge, and removes those of `before` that it replaces.
    pub(crate) fn put_edge(&self, edge: &Edge, before: Option<&Edge>) -> io::Result<()> {
        let paths = |edge: &Edge| -> Vec<String> {
            edge.partial().map(|(level, index, bytes)| tile_path(level, index, bytes.len() / 32)).collect()
        };
        let now = paths(edge);
        for (path, (_, _, bytes)) in now.iter().zip(edge.partial()) {
            self.write(path, &bytes)?;
        }
        for path in before.map(paths).unwrap_or_default().iter().filter(|path| !now.contains(path)) {
            match self.disk.remove(&self.dir.join(path)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The bytes of a tile; none where it is not there or has another length.
    pub(crate) fn get(&self, level: u64, index: u64, width: usize) -> io::Result<Option<Vec<u8>>> {
        let path = self.dir.join(tile_path(level, index, width));
        let file = match self.disk.open(&path, OpenMode::Read) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        // A byte more, to see that there is none.
        let mut bytes = vec![0; width * 32 + 1];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(Some(bytes).filter(|bytes| bytes.len() == width * 32))
    }

    /// The edge of a tree of this size; none where a tile of it is missing.
    pub(crate) fn edge(&self, sha256: Sha256, size: u64) -> io::Result<Option<Edge>> {
        let mut edge = Edge { sha256, size, levels: Vec::new() };
        for level in 0..LEVELS_MAX {
            let count = size.checked_shr(TILE_HEIGHT * level as u32).unwrap_or(0);
            if count == 0 {
                break;
            }
            let width = (count % TILE_HASHES as u64) as usize;
            let bytes = match width {
                0 => Vec::new(),
                width => match self.get(level, count / TILE_HASHES as u64, width)? {
                    Some(bytes) => bytes,
                    None => return Ok(None),
                },
            };
            edge.levels.push(bytes.as_chunks::<32>().0.to_vec());
        }
        Ok(Some(edge))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.dir.join(path);
        let mut missing: Vec<&Path> = Vec::new();
        let mut file = self.disk.open(&path, OpenMode::CreateNew);
        if file.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            missing.extend(path.ancestors().skip(1).take_while(|dir| dir.starts_with(&self.dir)));
            for dir in missing.iter().rev() {
                self.disk.create_dir(dir)?;
            }
            file = self.disk.open(&path, OpenMode::CreateNew);
        }
        let file = match file {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.disk.open(&path, OpenMode::Write)?
            }
            file => file?,
        };
        file.write_at(0, bytes)?;
        file.truncate(bytes.len() as u64)
    }
}

/// Hashes of whole subtrees, from tiles on disk and the edge in memory.
pub(crate) struct TileNodes<'a> {
    tiles: &'a Tiles,
    edge: &'a Edge,
    read: HashMap<(u64, u64), Vec<Digest>>,
}

impl<'a> TileNodes<'a> {
    pub(crate) fn new(tiles: &'a Tiles, edge: &'a Edge) -> Self {
        Self { tiles, edge, read: HashMap::new() }
    }
}

impl Nodes for TileNodes<'_> {
    type Error = io::Error;

    fn node(&mut self, height: u32, index: u64) -> io::Result<Digest> {
        let (level, height) = (u64::from(height / TILE_HEIGHT), height % TILE_HEIGHT);
        let first = index << height;
        let (tile, at) = (first / TILE_HASHES as u64, (first % TILE_HASHES as u64) as usize);
        let missing =
            || io::Error::new(ErrorKind::InvalidData, format!("tile {level}/{tile} is missing or cut"));
        let hashes = if tile == self.edge.tiles_at(level) {
            self.edge.levels.get(level as usize).ok_or_else(missing)?
        } else {
            if !self.read.contains_key(&(level, tile)) {
                let bytes = self.tiles.get(level, tile, TILE_HASHES)?.ok_or_else(missing)?;
                self.read.insert((level, tile), bytes.as_chunks::<32>().0.to_vec());
            }
            self.read.get(&(level, tile)).ok_or_else(missing)?
        };
        let hashes = hashes.get(at..at + (1 << height)).ok_or_else(missing)?;
        root_of(&self.edge.sha256, hashes).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::ports::crypto::Crypto as _;
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn paths_are_as_specified() {
        assert_eq!(tile_path(0, 0, 256), "0/000");
        assert_eq!(tile_path(3, 1_234_067, 256), "3/x001/x234/067");
        assert_eq!(tile_path(1, 5, 17), "1/005.p/17");
    }

    #[test]
    fn a_tree_of_several_levels_is_read_back_and_proves_every_leaf() {
        let crypto = SoftwareCrypto::new();
        let sha256: Sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
        let folder = tempfile::tempdir().unwrap();
        let tiles = Tiles::new(Arc::new(RealDisk), folder.path());
        let (mut edge, mut leaves, mut written) = (Edge::new(sha256.clone()), Vec::new(), None);
        for number in 0..66_000_u32 {
            let leaf = sha256(&[&[0], &number.to_be_bytes()]);
            leaves.push(leaf);
            let mut whole = Vec::new();
            edge.push(leaf, &mut whole);
            whole.iter().for_each(|tile| tiles.put(tile).unwrap());
            if number % 1001 == 0 || number > 65_990 || (250..260).contains(&number) {
                assert_eq!(Some(edge.root()), root_of(&sha256, &leaves), "{number}");
                tiles.put_edge(&edge, written.as_ref()).unwrap();
                written = Some(edge.clone());
                let read = tiles.edge(sha256.clone(), edge.size()).unwrap().unwrap();
                assert_eq!(read.root(), edge.root());
            }
        }
        let root = edge.root();
        for index in [0, 255, 256, 65_535, 65_536, 65_999] {
            let mut nodes = TileNodes::new(&tiles, &edge);
            let proof = merkle::inclusion(&sha256, &mut nodes, index, 66_000).unwrap();
            assert!(merkle::is_included(&sha256, (&leaves[index as usize], index), &proof, (66_000, &root)));
        }
        let old = root_of(&sha256, &leaves[..300]).unwrap();
        let proof = merkle::consistency(&sha256, &mut TileNodes::new(&tiles, &edge), 300, 66_000).unwrap();
        assert!(merkle::is_consistent(&sha256, (300, &old), (66_000, &root), &proof));
        assert_eq!(tiles.edge(sha256, 5).unwrap().map(|edge| edge.size()), None);
    }
}
