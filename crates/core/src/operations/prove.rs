//! What the Merkle tree over the journal shows. Not here: how it is kept, and how a proof is checked (keyreeve-store).

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    error::Result,
    ports::store::{TreeProof, TreeQuery},
    request::{Context, Resolved},
};

/// Asks the tree over the entries of the whole journal, for auditors: hashes tell nothing of entries of other realms.
pub struct Prove(pub TreeQuery);

impl Operation for Prove {
    type Reply = TreeProof;

    fn action(&self) -> Action {
        Action::VerifyJournal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<TreeProof> {
        let proof = context.store().prove(self.0)?;
        let what = match self.0 {
            TreeQuery::Checkpoint => "the newest checkpoint".to_owned(),
            TreeQuery::Witnessed => "the newest checkpoint that is witnessed".to_owned(),
            TreeQuery::Inclusion(lsn) => format!("proves entry {lsn}"),
            TreeQuery::Consistency(size) => format!("proves that the tree of {size} entries is a beginning"),
            TreeQuery::Tile { level, index, .. } => format!("tile {level}/{index} of the tree"),
        };
        context.note_detail(what);
        Ok(proof)
    }
}
