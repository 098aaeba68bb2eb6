//! The solver: whoever holds every byte ever written, the root key and some cells, and opens whatever that opens. It reads
//! the formats by itself, from their description alone; what it is set upon is the business of `solver`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io::Read,
    path::Path,
    sync::Arc,
};

use keyreeve_core::{
    model::{ManagedObject, ObjectId},
    ports::{crypto::Crypto, seal::SealedMaterial},
};
use keyreeve_testkit::recorder::Written;
use uuid::Uuid;

const NODE_LEN: usize = 8310;
const SLOT_LEN: usize = 4096;
const CHUNK_LEN: usize = (1 << 20) + 16;

/// Whether a path is a cell's: the only place whose bytes the solver is not given.
pub(crate) fn is_cell(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "cell")
}

/// The epoch keys in the bytes of a cell, whole or not.
pub(crate) fn epoch_keys(cell: &[u8]) -> Vec<[u8; 32]> {
    let slots = cell.chunks_exact(SLOT_LEN).filter(|slot| slot.starts_with(b"KRVCELL\n"));
    slots.map(|slot| slot[40..72].try_into().expect("32 bytes")).collect()
}

/// All root keys of a root.json that this key file opens, by version.
pub(crate) fn root_keys(
    crypto: &dyn Crypto,
    store: Uuid,
    file: &[u8],
    key: [u8; 32],
) -> BTreeMap<u32, Vec<u8>> {
    let file: serde_json::Value = serde_json::from_slice(file).expect("is JSON");
    let bytes = |value: &serde_json::Value| hex::decode(value.as_str().expect("hexadecimal")).expect("is so");
    let unwrap = |key: &[u8], version: u32, wrapped: &serde_json::Value| {
        let nonce = bytes(&wrapped["nonce"]).try_into().expect("12 bytes");
        let aad = [b"keyreeve/root/v1".as_slice(), store.as_bytes(), &version.to_be_bytes()].concat();
        let root = crypto.aead_open(key, &nonce, &aad, &bytes(&wrapped["wrapped"])).expect("opens");
        root.expose().to_vec()
    };
    let version = |value: &serde_json::Value| value["version"].as_u64().expect("a number") as u32;
    let content = &file["content"];
    let lock = &content["locks"][0];
    let info: [&[u8]; 2] = [b"keyreeve/unlock/v1", store.as_bytes()];
    let unlocking = crypto.hkdf_sha256(&bytes(&lock["lock"]["salt"]), &key, &info);
    let root = unwrap(unlocking.expose(), version(content), &lock["root"]);
    let retiring = crypto.hkdf_sha256(&[], &root, &[b"keyreeve/retired/v1", store.as_bytes()]);
    let retired = content["retired"].as_array().expect("a list").iter();
    let retired = retired.map(|retired| {
        let version = version(retired);
        (version, unwrap(retiring.expose(), version, &retired["root"]))
    });
    retired.chain([(version(content), root.clone())]).collect()
}

/// Sealed material, with the attributes that it is bound to.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) object: Arc<ManagedObject>,
    pub(crate) material: Arc<SealedMaterial>,
}

/// In how many of these files a sealed node was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) frames: usize,
    pub(crate) pieces: usize,
    pub(crate) chunks: usize,
}

/// What one core found.
#[derive(Default)]
struct Found {
    nodes: Vec<Vec<u8>>,
    seen: Seen,
}

/// What somebody holds who copied everything, all the time.
pub(crate) struct Solver {
    crypto: Arc<dyn Crypto>,
    store: Uuid,
    roots: BTreeMap<u32, Vec<u8>>,
    /// Every sealed node ever written, by its id: there may be several with one.
    nodes: HashMap<[u8; 16], HashSet<Vec<u8>>>,
    /// By leaf index.
    sealed: BTreeMap<u64, Vec<Sealed>>,
    pub(crate) seen: Seen,
}

impl Solver {
    pub(crate) fn new(crypto: Arc<dyn Crypto>, store: Uuid, roots: BTreeMap<u32, Vec<u8>>) -> Self {
        let (nodes, sealed, seen) = (HashMap::new(), BTreeMap::new(), Seen::default());
        Self { crypto, store, roots, nodes, sealed, seen }
    }

    pub(crate) fn hold(&mut self, sealed: Sealed) {
        self.sealed.entry(sealed.material.leaf_index).or_default().push(sealed);
    }

    /// Takes all that was written outside of cells, on all cores.
    pub(crate) fn read(&mut self, written: impl Iterator<Item = Written>) {
        let written: Vec<_> = written.filter(|written| !is_cell(&written.path)).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Neighbours are alike: dealt out one by one, all have as much to do.
        let read = |worker: usize| {
            let mut found = Found::default();
            for written in written.iter().skip(worker).step_by(cores) {
                self.look_into(written, &mut found);
            }
            found
        };
        let all: Vec<Found> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|worker| scope.spawn(move || read(worker))).collect();
            workers.into_iter().map(|worker| worker.join().expect("reads")).collect()
        });
        for Found { nodes, seen } in all {
            for node in nodes {
                let id = node[42..58].try_into().expect("16 bytes");
                self.nodes.entry(id).or_default().insert(node);
            }
            self.seen.frames += seen.frames;
            self.seen.pieces += seen.pieces;
            self.seen.chunks += seen.chunks;
        }
    }

    fn look_into(&self, Written { path, bytes }: &Written, found: &mut Found) {
        found.seen.frames += usize::from(self.scan(bytes, &mut found.nodes));
        let opened = match bytes.get(..8) {
            Some(b"KRVPIECE") => self.open_piece(bytes),
            Some(b"KRVCHUNK") => {
                vec![self.open_stream(bytes, &bytes[..64], 28, &bytes[32..64], 1, &bytes[64..])]
            }
            _ => return,
        };
        assert!(!opened.is_empty(), "{} holds nothing", path.display());
        let held = opened.iter().map(|plain| usize::from(self.scan(plain, &mut found.nodes))).sum::<usize>();
        match bytes.starts_with(b"KRVPIECE") {
            true => found.seen.pieces += held,
            false => found.seen.chunks += held,
        }
    }

    fn open_piece(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let len = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes")) as usize;
        let (changes, rest) = bytes[284..].split_at(len(172));
        assert_eq!(rest.len(), len(212), "two sections and nothing behind");
        let open =
            |section, sealed| self.open_stream(bytes, &bytes[..172], 128, &bytes[140..172], section, sealed);
        vec![open(1, changes), open(2, rest)]
    }

    fn open_stream(
        &self,
        bytes: &[u8],
        owner: &[u8],
        root_at: usize,
        salt: &[u8],
        section: u8,
        sealed: &[u8],
    ) -> Vec<u8> {
        let version = u32::from_be_bytes(bytes[root_at..root_at + 4].try_into().expect("4 bytes"));
        let info: [&[u8]; 3] = [b"keyreeve/archive/v1", self.store.as_bytes(), &version.to_be_bytes()];
        let key = self.crypto.hkdf_sha256(&[], &self.roots[&version], &info);
        let key = self.crypto.hkdf_sha256(salt, key.expose(), &[b"keyreeve/archive-stream/v1", &[section]]);
        let owner = self.crypto.sha256(&[owner]);
        let last = sealed.len().div_ceil(CHUNK_LEN) - 1;
        let mut packed = Vec::new();
        for (number, chunk) in sealed.chunks(CHUNK_LEN).enumerate() {
            let mut nonce = [0; 12];
            nonce[7] = u8::from(number == last);
            nonce[8..].copy_from_slice(&(number as u32).to_be_bytes());
            let plain = self.crypto.aead_open(key.expose(), &nonce, &owner, chunk).expect("a chunk opens");
            packed.extend_from_slice(plain.expose());
        }
        let mut plain = Vec::new();
        let mut decoder = zstd::stream::read::Decoder::new(packed.as_slice()).expect("memory");
        decoder.read_to_end(&mut plain).expect("is one zstd stream");
        plain
    }

    /// Takes every sealed node that lies anywhere in these bytes; whether there was one.
    fn scan(&self, bytes: &[u8], nodes: &mut Vec<Vec<u8>>) -> bool {
        let mut found = false;
        for at in 0..bytes.len().saturating_sub(NODE_LEN - 1) {
            if bytes[at..].starts_with(b"KRND\x01") && bytes[at + 5..at + 21] == *self.store.as_bytes() {
                nodes.push(bytes[at..at + NODE_LEN].to_vec());
                found = true;
            }
        }
        found
    }

    /// Opens whatever these keys open, and what that opens in turn: the objects whose material comes to light.
    pub(crate) fn solve(&self, keys: impl IntoIterator<Item = [u8; 32]>) -> BTreeSet<ObjectId> {
        let mut recovered = BTreeSet::new();
        let mut tried: HashSet<[u8; 32]> = HashSet::new();
        let mut left: Vec<[u8; 32]> = keys.into_iter().collect();
        while let Some(key) = left.pop() {
            if !tried.insert(key) {
                continue;
            }
            let id = self.crypto.hkdf_sha256(&[], &key, &[b"keyreeve/node-id/v1"]);
            for sealed in self.nodes.get(&id.expose()[..16]).into_iter().flatten() {
                let (level, number) =
                    (sealed[25], u64::from_be_bytes(sealed[26..34].try_into().expect("8 bytes")));
                let sealing = self.crypto.hkdf_sha256(&[], &key, &[b"keyreeve/node/v1"]);
                let nonce = sealed[58..70].try_into().expect("12 bytes");
                let opened = self.crypto.aead_open(sealing.expose(), nonce, &sealed[..58], &sealed[70..]);
                // One that was torn as it was written.
                let Ok(content) = opened else { continue };
                let children = content.expose()[..8192].chunks_exact(32).enumerate();
                for (slot, child) in children.filter(|(_, child)| child.iter().any(|byte| *byte != 0)) {
                    match level {
                        0 => self.try_leaf(number * 256 + slot as u64, child, &mut recovered),
                        _ => left.push(child.try_into().expect("32 bytes")),
                    }
                }
            }
        }
        recovered
    }

    fn try_leaf(&self, index: u64, leaf: &[u8], recovered: &mut BTreeSet<ObjectId>) {
        for sealed in self.sealed.get(&index).into_iter().flatten() {
            if !recovered.contains(&sealed.object.id) && self.opens(sealed, index, leaf) {
                recovered.insert(sealed.object.id);
            }
        }
    }

    fn opens(&self, Sealed { object, material }: &Sealed, index: u64, leaf: &[u8]) -> bool {
        let (version, root_version) = (object.version.to_be_bytes(), material.root_version.to_be_bytes());
        let info: [&[u8]; 6] = [
            b"keyreeve/kek/v1",
            self.store.as_bytes(),
            object.id.0.as_bytes(),
            &version,
            &index.to_be_bytes(),
            &root_version,
        ];
        let kek = self.crypto.hkdf_sha256(&self.roots[&material.root_version], leaf, &info);
        let flags = u8::from(material.sensitive) | u8::from(material.extractable) << 1;
        // A symmetric key, AES, 256 bits, raw: the solver is set upon no others.
        let aad: [&[u8]; 12] = [
            &[1, 1],
            self.store.as_bytes(),
            object.realm.as_bytes(),
            object.id.0.as_bytes(),
            &version,
            &[2],
            &3u32.to_be_bytes(),
            &256u32.to_be_bytes(),
            &1u32.to_be_bytes(),
            &index.to_be_bytes(),
            &root_version,
            &[flags],
        ];
        let opened =
            self.crypto.aead_open(kek.expose(), &material.nonce, &aad.concat(), &material.ciphertext);
        opened.is_ok_and(|secret| secret.len() == 32)
    }
}
