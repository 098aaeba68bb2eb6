//! What the entries of a journal say, checked as a whole: states move as the one table allows, and what is destroyed has its
//! erasure, which ends in a certificate. Whether the entries are the ones that were written is not told here.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use keyreeve_core::{
    lifecycle,
    model::{ErasureId, ObjectId, State},
    ports::crypto::Crypto,
    record::{Change, Record, RecordKey},
};

use crate::{index::encoding, journal::Lsn, signed};

/// What is known after the entries that were seen.
pub(crate) struct History {
    crypto: Arc<dyn Crypto>,
    /// Who must have signed certificates, as SubjectPublicKeyInfo; none: nobody says.
    signer: Option<Vec<u8>>,
    states: HashMap<ObjectId, State>,
    pending: HashSet<ErasureId>,
    /// Certificates that were seen.
    pub(crate) certificates: u64,
}

impl History {
    pub(crate) fn new(crypto: Arc<dyn Crypto>, signer: Option<Vec<u8>>) -> Self {
        let (states, pending) = (HashMap::new(), HashSet::new());
        Self { crypto, signer, states, pending, certificates: 0 }
    }

    /// Destructions that are not complete.
    pub(crate) fn pending(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Takes in the next entry, and tells what is wrong with it.
    pub(crate) fn take(&mut self, lsn: Lsn, entry: &[u8], wrong: &mut dyn FnMut(String)) {
        let changes = match encoding::decode_changes(keyreeve_core::model::Lsn(lsn.0), entry) {
            Ok(changes) => changes,
            Err(error) => return wrong(error.cause().unwrap_or_else(|| error.public()).to_owned()),
        };
        let erased: HashSet<ErasureId> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Put(Record::Erasure(erasure)) => Some(erasure.id),
                _ => None,
            })
            .collect();
        let certified: HashSet<ErasureId> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Put(Record::Certificate(certificate)) => Some(certificate.id),
                _ => None,
            })
            .collect();
        for change in &changes {
            match change {
                Change::Put(Record::Object(object)) => {
                    let before = self.states.insert(object.id, object.state);
                    let Some(before) = before else { continue };
                    if !lifecycle::can_become(before, object.state) {
                        let (from, to) = (before.word(), object.state.word());
                        wrong(format!(
                            "object {} goes from {from} to {to}, which is no legal move",
                            object.id
                        ));
                    }
                    let is_new = !before.is_destroyed() && object.state.is_destroyed();
                    if is_new && !object.erasure.is_some_and(|erasure| erased.contains(&erasure)) {
                        wrong(format!("object {} is destroyed without an erasure on record", object.id));
                    }
                }
                Change::Delete(RecordKey::Object(object)) => drop(self.states.remove(object)),
                Change::Put(Record::Erasure(erasure)) => drop(self.pending.insert(erasure.id)),
                Change::Delete(RecordKey::Erasure(erasure)) => {
                    self.pending.remove(erasure);
                    if !certified.contains(erasure) {
                        wrong(format!("erasure {erasure} ends without a certificate"));
                    }
                }
                Change::Put(Record::Certificate(certificate)) => {
                    self.certificates += 1;
                    if let Some(what) = self.misfit(certificate.text.as_bytes(), certificate.id) {
                        wrong(format!("certificate {}: {what}", certificate.id));
                    }
                }
                _ => {}
            }
        }
    }

    /// Why a certificate is not good for an erasure.
    fn misfit(&self, text: &[u8], id: ErasureId) -> Option<String> {
        let verified = match signed::verify("certificate", text, &*self.crypto) {
            Ok(verified) => verified,
            Err(error) => return Some(error.public().to_owned()),
        };
        if self.signer.as_ref().is_some_and(|signer| *signer != verified.signer) {
            return Some("another key signed it than the one that signs for this store".into());
        }
        let names = verified.value.get("id").and_then(serde_json::Value::as_str);
        (names != Some(&id.to_string())).then(|| "it is that of another erasure".into())
    }
}
