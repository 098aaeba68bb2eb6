//! Erasure: what is left to do, and to prove, once an object counts as destroyed. Data only; the store does the work.

use serde::{Deserialize, Serialize};

use super::{KeyId, Lsn, ObjectId, ObjectType, PrincipalId, RealmId, Time};

/// What was asked to be destroyed in one request: its material must still be erased everywhere.
///
/// Its record is made in the entry that destroys the objects, and goes with the entry that holds the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Identifier, also of the certificate.
    pub id: ErasureId,
    /// Realm of the objects.
    pub realm: RealmId,
    /// When it was asked for.
    pub asked: Time,
    /// Who asked; the server itself where a waiting period ended.
    pub principal: PrincipalId,
    /// The name that the principal had.
    pub principal_name: String,
    /// What was asked for, for people: `key NAME`, `tag NAME=VALUE`, `realm NAME`, `root key 1`.
    pub scope: String,
    /// The objects; at most [`ERASED_OBJECTS_MAX`].
    pub objects: Vec<ErasedObject>,
    /// The generation of the epoch key that no longer reaches them, once the store has switched to it.
    pub switched: Option<u64>,
    /// When it has switched.
    pub switched_at: Option<Time>,
}

/// Objects of one erasure at most; larger requests make several.
pub const ERASED_OBJECTS_MAX: usize = 4096;

/// One object whose material is to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedObject {
    /// The object.
    pub object: ObjectId,
    /// Its key.
    pub key: KeyId,
    /// Its version.
    pub version: u32,
    /// What it was.
    pub object_type: ObjectType,
    /// The leaf of the key tree that its material was sealed under.
    pub leaf_index: u64,
}

/// Identifies an erasure and its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErasureId(pub uuid::Uuid);

impl std::fmt::Display for ErasureId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for ErasureId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::Uuid::parse_str(text).map(Self)
    }
}

/// Somewhere that an epoch key is or was: this machine, an earlier one, or a backup target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name, unique: `machine-1` (by timeline), or the address of a target.
    pub name: String,
    /// What it is.
    pub kind: PlaceKind,
    /// Whether it has, or had, a cell. A place without one never holds an epoch key.
    pub has_cell: bool,
    /// Which share of a split epoch key its cell holds, from 1: no other place that is in use has the same.
    pub share: u8,
    /// How many shares give the epoch keys that its cell may hold, the fewest of them; 1: it holds whole ones.
    pub threshold: u8,
    /// The newest generation that its cell was read back holding exactly; 0 before the first.
    pub confirmed: u64,
    /// When.
    pub confirmed_at: Option<Time>,
    /// Out of reach for good: lost, stolen, fenced or removed. Pending until it is attested.
    pub lost: Option<Time>,
    /// The word of a person that its epoch keys are gone.
    pub attested: Option<Attestation>,
    /// Identifies the file system or bucket that it shares with others, where that is known.
    pub domain: Option<String>,
    /// The newest generation that was about to be put into its cell for the first time; 0 before that.
    #[serde(default)]
    pub put: u64,
}

impl Place {
    /// Whether no epoch key older than this generation can be there any more: read back, or on somebody's word.
    pub fn is_clear_of_older_than(&self, generation: u64) -> bool {
        // Nothing is ever written again to a place that is lost: the word for it covers all that comes.
        let vouched_for =
            |attestation: &Attestation| self.lost.is_some() || attestation.generation >= generation;
        !self.has_cell || self.confirmed >= generation || self.attested.as_ref().is_some_and(vouched_for)
    }
}

/// Kinds of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceKind {
    /// The cell beside a data folder.
    Machine,
    /// A backup target.
    Target,
}

/// A statement in the place of a proof; certificates print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// Who said so.
    pub by: String,
    /// What was said, at most 1,024 bytes: "disk shredded, ticket 17".
    pub statement: String,
    /// When.
    pub at: Time,
    /// The generation that was current then: later ones are not covered.
    pub generation: u64,
}

/// Identifies a node of the key tree: made from the node's key, so that only who can open it can find it.
///
/// # Standard
/// shared/destruction.md, Parts: the first 16 bytes of HKDF-SHA-256(node key, "keyreeve/node-id/v1").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(#[serde(with = "serde_bytes")] pub [u8; 16]);

/// A sealed node of the key tree, as journal, index and backups keep it. Holds no plain secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedNode {
    /// Its id.
    pub id: NodeId,
    /// Header, nonce, ciphertext and tag (docs/destruction.md).
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// The head of the key tree: the state of sealing, changed with every entry that makes nodes or switches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeHead {
    /// The generation of the epoch key in force.
    pub generation: u64,
    /// The highest generation that was ever begun. Numbers are burnt, never used again.
    pub generation_max: u64,
    /// The next leaf node that was never made: leaf indexes from `256 * leaf_nodes_next` on were never given out.
    pub leaf_nodes_next: u64,
    /// The epoch change under way, until it has switched or was taken back.
    pub epoch: Option<EpochChange>,
}

/// An epoch change whose nodes are written and whose generation is not in force yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochChange {
    /// Its generation.
    pub generation: u64,
    /// The erasures that it serves.
    pub erasures: Vec<ErasureId>,
    /// Nodes that it makes: gone again where it is taken back.
    pub made: Vec<NodeId>,
    /// Nodes that it replaces: kept until no place can still need them.
    pub replaced: Vec<NodeId>,
}

/// Nodes of an older tree, kept while a place may hold the epoch key that opens them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedNodes {
    /// The generation that replaced them.
    pub generation: u64,
    /// The entry with the first of its nodes: a place of an older generation is read back from here on.
    pub prepared: Lsn,
    /// The leaf nodes that it made anew, by number: what lives in them is looked for there.
    pub leaf_nodes: Vec<u64>,
    /// Ids of the nodes that are kept.
    pub nodes: Vec<NodeId>,
}

/// The leaf nodes that a realm fills at the moment, so that its keys lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealmLeaves {
    /// The realm.
    pub realm: RealmId,
    /// Leaf nodes made for it alone so far.
    pub leaf_nodes: u64,
    /// The leaf node that comes next, and how many more of its subtree lie behind it.
    pub next: u64,
    /// See `next`.
    pub left: u64,
}

/// A signed certificate of destruction, as it is given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCertificate {
    /// The erasure that it proves.
    pub id: ErasureId,
    /// The realm of what was destroyed.
    pub realm: RealmId,
    /// Canonical JSON with its signature.
    pub text: String,
}
