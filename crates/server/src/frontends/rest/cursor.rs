//! Cursors: where a page of a list ended, sealed. The row that a page ended with may be that of a key which the caller may
//! not know of, so nobody but this process reads it. Not here: what a page holds (the families' `list`).

use std::fmt::Debug;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyreeve_core::SecretBytes;
use keyreeve_core::access::Caller;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::ports::store::IndexHit;
use serde_json::Value;
use uuid::Uuid;

use super::Api;
use super::errors::{Problem, Result};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const ID_BYTES: usize = 16;

/// The key of all cursors, drawn with the first: it lives as long as the process. Holds a secret.
#[derive(Default)]
pub struct Cursors(OnceLock<SecretBytes>);

/// What a cursor is bound to: who searches, and for what.
pub(super) struct Search<'a> {
    api: &'a Api,
    bound: Vec<u8>,
}

impl<'a> Search<'a> {
    /// A list of this name with these arguments, but for `after` and `limit`.
    pub(super) fn new(api: &'a Api, caller: &Caller, list: &str, arguments: &impl Debug) -> Self {
        Self { api, bound: format!("{} {list} {arguments:?}", caller.id()).into_bytes() }
    }

    /// What the answer gives as `next`; null where the list has ended.
    pub(super) fn next(&self, hit: Option<&IndexHit>) -> Result<Option<Value>> {
        let Some(hit) = hit else { return Ok(None) };
        let crypto = &**self.api.engine.crypto();
        let plain = [hit.id.as_bytes(), &hit.value[..]].concat();
        let mut nonce = [0; NONCE_BYTES];
        crypto.fill(&mut nonce)?;
        let key = self.api.cursors.key(crypto)?;
        let sealed = crypto.aead_seal(key.expose(), &nonce, &self.bound, &plain)?;
        Ok(Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()).into()))
    }

    /// Where the page before ended.
    pub(super) fn after(&self, text: Option<&str>) -> Result<Option<IndexHit>> {
        text.map(|text| self.open(text)).transpose()
    }

    fn open(&self, text: &str) -> Result<IndexHit> {
        let wrong = || {
            Problem::invalid(
                "after is not what this server gave you as next since it started, for the same search: begin anew, without \
                 after",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(wrong)?;
        let crypto = &**self.api.engine.crypto();
        let key = self.api.cursors.key(crypto)?;
        let plain = crypto.aead_open(key.expose(), nonce, &self.bound, sealed).map_err(|_| wrong())?;
        let (id, value) = plain.expose().split_at_checked(ID_BYTES).ok_or_else(wrong)?;
        Ok(IndexHit { id: Uuid::from_slice(id).map_err(|_| wrong())?, value: value.to_vec() })
    }
}

impl Cursors {
    fn key(&self, crypto: &dyn Crypto) -> Result<&SecretBytes> {
        if let Some(key) = self.0.get() {
            return Ok(key);
        }
        let mut drawn = [0; KEY_BYTES];
        crypto.fill(&mut drawn)?;
        Ok(self.0.get_or_init(|| SecretBytes::take_from(&mut drawn)))
    }
}
