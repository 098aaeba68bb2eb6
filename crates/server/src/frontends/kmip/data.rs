//! The data that items of a batch put out: what becomes of it where it is not to be told, and what later items refer to.
//! Not here: what puts it out.
//!
//! # Standard
//! KMIP 2.1 sections 7.9 (Data), 8.3 (Ephemeral) and 11.13 (Data Enumeration).

use keyreeve_kmip::SecretBytes;
use keyreeve_kmip::enums::{DataReference, Operation, ResultReason};
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::Data;

use super::errors::{Failure, missing, not_supported};

/// What the items of one batch have put out, the latest last. Holds secrets.
pub(super) struct Outputs {
    /// Whether any item refers to it: else nothing is kept.
    is_wanted: bool,
    kept: Vec<(DataReference, SecretBytes)>,
    /// Bytes that references may still stand for.
    left: usize,
}

impl Outputs {
    /// Of a batch of these items. All references in it together may stand for `bytes_max`, what a message may have: few bytes
    /// that are sent must not make more work than that.
    pub(super) fn of<'a>(mut payloads: impl Iterator<Item = &'a Request>, bytes_max: usize) -> Self {
        Self { is_wanted: payloads.any(refers), kept: Vec::new(), left: bytes_max }
    }

    /// Keeps the data of an answer where an item refers to some, and takes it out of the answer where that is not to tell it. The
    /// bytes that are kept and not told.
    pub(super) fn note(&mut self, answer: &mut Response, is_ephemeral: bool) -> usize {
        let Some((reference, data)) = taken(answer, is_ephemeral, self.is_wanted) else { return 0 };
        if !self.is_wanted {
            return 0;
        }
        let bytes = data.len();
        self.kept.push((reference, data));
        if is_ephemeral { bytes } else { 0 }
    }

    /// The bytes that this stands for.
    pub(super) fn resolved(&mut self, data: Data) -> Result<SecretBytes, Failure> {
        let found = match data {
            Data::Bytes(bytes) => return Ok(bytes),
            Data::Reference(wanted) => self.kept.iter().rev().find(|(reference, _)| *reference == wanted),
            Data::Index(index) => match usize::try_from(index) {
                Ok(index) => self.kept.get(index),
                Err(_) => {
                    let from_end = index.unsigned_abs() as usize;
                    self.kept.len().checked_sub(from_end).and_then(|index| self.kept.get(index))
                }
            },
        };
        let (_, found) =
            found.ok_or_else(|| missing("Data, or an item before this one that put such data out,"))?;
        self.left = self.left.checked_sub(found.len()).ok_or_else(|| {
            let message = "the references of one batch stand for more bytes than a message may have";
            Failure::new(ResultReason::ServerLimitExceeded, message)
        })?;
        Ok(found.expose().to_vec().into())
    }
}

/// Refuses Ephemeral where an operation puts no data out: what it does answer would be told nevertheless.
pub(super) fn check_ephemeral(operation: Operation, is_ephemeral: bool) -> Result<(), Failure> {
    use Operation::{Decrypt, Encrypt, Hash, Mac, RngRetrieve, Sign, SignatureVerify};
    let puts_out = matches!(operation, Decrypt | Encrypt | Hash | Mac | RngRetrieve | Sign | SignatureVerify);
    match is_ephemeral && !puts_out {
        true => Err(not_supported(&format!("an Ephemeral answer of {operation}, which puts no Data out,"))),
        false => Ok(()),
    }
}

fn refers(payload: &Request) -> bool {
    let data = match payload {
        Request::Encrypt(request) => request.data.as_ref(),
        Request::Decrypt(request) => request.data.as_ref(),
        Request::Sign(request) => request.data.as_ref(),
        Request::SignatureVerify(request) => request.data.as_ref(),
        Request::Mac(request) => request.data.as_ref(),
        Request::MacVerify(request) => request.data.as_ref(),
        Request::Hash(request) => request.data.as_ref(),
        Request::RngSeed(request) => Some(&request.data),
        _ => None,
    };
    data.is_some_and(|data| data.bytes().is_none())
}

/// The data of an answer, moved out of it or copied.
fn taken(answer: &mut Response, moved: bool, copied: bool) -> Option<(DataReference, SecretBytes)> {
    let open = |data: &mut Option<Vec<u8>>| {
        if moved { data.take() } else { data.clone().filter(|_| copied) }.map(SecretBytes::from)
    };
    let secret = |data: &mut Option<SecretBytes>| match moved {
        true => data.take(),
        false => data.as_ref().filter(|_| copied).map(|data| data.expose().to_vec().into()),
    };
    let (reference, data) = match answer {
        Response::Encrypt(answer) => (DataReference::Encrypt, open(&mut answer.data)),
        Response::Decrypt(answer) => (DataReference::Decrypt, secret(&mut answer.data)),
        Response::Sign(answer) => (DataReference::SignatureData, open(&mut answer.signature_data)),
        Response::SignatureVerify(answer) => (DataReference::SignatureVerify, secret(&mut answer.data)),
        Response::Mac(answer) => (DataReference::MacData, open(&mut answer.mac_data)),
        Response::Hash(answer) => (DataReference::Hash, open(&mut answer.data)),
        Response::RngRetrieve(answer) => (DataReference::RngRetrieve, secret(&mut answer.data)),
        _ => return None,
    };
    data.map(|data| (reference, data))
}
