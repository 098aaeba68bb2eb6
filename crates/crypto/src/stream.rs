//! The stream format: data of any size in chunks, each authenticated by itself, under a data key of its own; byte by byte
//! in docs/envelope.md. Here are header and chunks; reading and writing them is the caller's work.
//!
//! # Standard
//! The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance, 2015); RFC 5869 (HKDF); SP 800-38D (GCM).

use aws_lc_rs::{aead, hkdf};
use keyreeve_core::Result;

use crate::{
    digest,
    error::{crypto_failed, invalid, library, unsupported},
};

/// Bytes of plaintext in every chunk but the last, which has fewer or as many.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes that a sealed chunk is longer by.
pub const TAG_BYTES: usize = 16;

/// Bytes of the header before the wrapped data key.
pub const FIXED_HEADER_BYTES: usize = 12;

/// Bytes of a data key.
pub const DATA_KEY_BYTES: usize = 32;

/// Bytes of a wrapped data key at most: more than any RSA key makes.
const WRAPPED_KEY_BYTES_MAX: usize = 4096;

/// What every stream begins with.
pub const MAGIC: &[u8; 4] = b"KRVS";

const VERSION: u8 = 1;
/// HKDF-SHA-256, AES-256-GCM, chunks of 64 KiB.
const SUITE: u8 = 1;
const SALT: &[u8] = b"keyreeve stream";

/// What stands before the chunks, in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the key that wraps the data key; 0: the wrapped data key says it itself.
    pub key_version: u32,
    /// The data key, wrapped by a key of the server: 1 to 4,096 bytes.
    pub wrapped_key: Vec<u8>,
}

/// The chunks of one stream, in order, on their way in. Holds a secret.
pub struct Sealing(Chunks);

/// The chunks of one stream, in order, on their way out. Holds a secret.
pub struct Opening(Chunks);

impl Header {
    /// As bytes.
    ///
    /// # Errors
    /// `InvalidField` where the wrapped key is empty or too long.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let length = check_length(self.wrapped_key.len())?;
        let mut bytes = Vec::with_capacity(FIXED_HEADER_BYTES + self.wrapped_key.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend([VERSION, SUITE]);
        bytes.extend(self.key_version.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend_from_slice(&self.wrapped_key);
        Ok(bytes)
    }

    /// Bytes of the wrapped data key that follow the fixed part, 1 to 4,096.
    ///
    /// # Errors
    /// `InvalidField` where this begins no stream; `Unsupported` for one of a later version.
    pub fn wrapped_bytes(fixed: &[u8; FIXED_HEADER_BYTES]) -> Result<usize> {
        let [a, b, c, d, version, suite, .., high, low] = *fixed;
        if [a, b, c, d] != *MAGIC {
            return Err(invalid("this is no Keyreeve stream"));
        }
        if (version, suite) != (VERSION, SUITE) {
            return Err(unsupported("this stream was made by a later version of Keyreeve"));
        }
        check_length(u16::from_be_bytes([high, low]).into()).map(usize::from)
    }

    /// From all its bytes.
    ///
    /// # Errors
    /// As `wrapped_bytes`; `InvalidField` where there are more or fewer bytes than it says.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let short = || invalid("this is not the whole header of a Keyreeve stream");
        let (fixed, wrapped_key) = bytes.split_first_chunk().ok_or_else(short)?;
        if Self::wrapped_bytes(fixed)? != wrapped_key.len() {
            return Err(short());
        }
        let [.., a, b, c, d, _, _] = *fixed;
        Ok(Self { key_version: u32::from_be_bytes([a, b, c, d]), wrapped_key: wrapped_key.to_vec() })
    }
}

impl Sealing {
    /// Under a data key that nothing else is sealed with, behind this encoded header.
    ///
    /// # Errors
    /// `InvalidField` for a data key of another length.
    pub fn new(header: &[u8], data_key: &[u8]) -> Result<Self> {
        Chunks::new(header, data_key).map(Self)
    }

    /// Seals the next chunk in place, which grows by its tag. A stream without data is one empty last chunk.
    ///
    /// # Errors
    /// `InvalidField` for a chunk whose length is not right in its place; `Unsupported` beyond 2^32 chunks.
    pub fn seal(&mut self, chunk: &mut Vec<u8>, is_last: bool) -> Result<()> {
        let Self(chunks) = self;
        let is_right = chunks.fits(chunk.len(), is_last);
        let nonce = chunks.next(is_last)?;
        if !is_right {
            return Err(invalid("a chunk of a stream has another length than it must have"));
        }
        chunks
            .key
            .seal_in_place_append_tag(nonce, aead::Aad::empty(), chunk)
            .map_err(|_| library("seal a chunk"))
    }
}

impl Opening {
    /// Of the stream behind this encoded header.
    ///
    /// # Errors
    /// `InvalidField` for a data key of another length.
    pub fn new(header: &[u8], data_key: &[u8]) -> Result<Self> {
        Chunks::new(header, data_key).map(Self)
    }

    /// Opens the next chunk in place, which shrinks by its tag. `is_last`: nothing follows it.
    ///
    /// # Errors
    /// `CryptoFailed` where it is altered, is not the next one, or the stream ends too early or goes on too long.
    pub fn open(&mut self, chunk: &mut Vec<u8>, is_last: bool) -> Result<()> {
        let Self(chunks) = self;
        let length = chunk.len().checked_sub(TAG_BYTES).ok_or_else(crypto_failed)?;
        let is_right = chunks.fits(length, is_last);
        let nonce = chunks.next(is_last).map_err(|_| crypto_failed())?;
        if !is_right {
            return Err(crypto_failed());
        }
        chunks.key.open_in_place(nonce, aead::Aad::empty(), chunk).map_err(|_| crypto_failed())?;
        chunk.truncate(length);
        Ok(())
    }
}

/// Where a stream is. Holds a secret.
struct Chunks {
    key: aead::LessSafeKey,
    /// Of the next chunk; none: the last one has passed.
    number: Option<u32>,
}

impl Chunks {
    /// INVARIANT: the key follows from the whole header as well, so a header that was changed opens nothing.
    fn new(header: &[u8], data_key: &[u8]) -> Result<Self> {
        if data_key.len() != DATA_KEY_BYTES {
            return Err(invalid("a data key of a stream has 32 bytes"));
        }
        let info = digest::sha256(&[header]);
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(data_key);
        let parts = [&info[..]];
        let expanded = extracted.expand(&parts, &aead::AES_256_GCM).map_err(|_| library("derive a key"))?;
        Ok(Self { key: aead::LessSafeKey::new(expanded.into()), number: Some(0) })
    }

    /// Every chunk but the last is full, and the last one is empty only where it is the only one: so there is one way to
    /// cut data into chunks.
    fn fits(&self, length: usize, is_last: bool) -> bool {
        match is_last {
            false => length == CHUNK_BYTES,
            true => length <= CHUNK_BYTES && (length > 0 || self.number == Some(0)),
        }
    }

    /// The nonce of the next chunk: 7 zero bytes, its number, and whether it is the last.
    fn next(&mut self, is_last: bool) -> Result<aead::Nonce> {
        let number = self.number.ok_or_else(|| unsupported("a stream goes on behind its last chunk"))?;
        self.number = if is_last { None } else { number.checked_add(1) };
        let mut nonce = [0; 12];
        nonce[7..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = is_last.into();
        Ok(aead::Nonce::assume_unique_for_key(nonce))
    }
}

fn check_length(bytes: usize) -> Result<u16> {
    match u16::try_from(bytes) {
        Ok(length) if (1..=WRAPPED_KEY_BYTES_MAX).contains(&bytes) => Ok(length),
        _ => Err(invalid(format!("a wrapped data key has 1 to {WRAPPED_KEY_BYTES_MAX} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA_KEY: [u8; 32] = [7; 32];

    fn header() -> Vec<u8> {
        Header { key_version: 3, wrapped_key: vec![9; 150] }.encode().unwrap()
    }

    /// The sealed chunks of `length` bytes.
    fn sealed(length: usize) -> Vec<Vec<u8>> {
        let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let mut chunks: Vec<Vec<u8>> = data.chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect();
        if chunks.is_empty() {
            chunks.push(Vec::new());
        }
        let mut sealing = Sealing::new(&header(), &DATA_KEY).unwrap();
        let last = chunks.len() - 1;
        for (at, chunk) in chunks.iter_mut().enumerate() {
            sealing.seal(chunk, at == last).unwrap();
        }
        assert!(sealing.seal(&mut Vec::new(), true).is_err());
        chunks
    }

    fn opened(header: &[u8], chunks: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut opening = Opening::new(header, &DATA_KEY)?;
        let mut data = Vec::new();
        for (at, chunk) in chunks.iter().enumerate() {
            let mut chunk = chunk.clone();
            opening.open(&mut chunk, at + 1 == chunks.len())?;
            data.extend(chunk);
        }
        Ok(data)
    }

    #[test]
    fn what_was_sealed_comes_back_at_every_length() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let chunks = sealed(length);
            assert_eq!(chunks.len(), length.div_ceil(CHUNK_BYTES).max(1));
            let data = opened(&header(), &chunks).unwrap();
            assert!(data.len() == length && data.iter().enumerate().all(|(at, byte)| *byte == at as u8));
        }
    }

    #[test]
    fn cut_reordered_extended_and_changed_streams_do_not_open() {
        let chunks = sealed(3 * CHUNK_BYTES + 5);
        let mut wrong: Vec<Vec<Vec<u8>>> =
            vec![chunks[..3].to_vec(), chunks[..1].to_vec(), chunks[1..].to_vec()];
        let mut swapped = chunks.clone();
        swapped.swap(0, 1);
        let mut doubled = chunks.clone();
        doubled.insert(1, chunks[0].clone());
        let mut extended = chunks.clone();
        extended.push(sealed(0).remove(0));
        let mut cut = chunks.clone();
        cut[3].pop();
        let mut flipped = chunks.clone();
        flipped[2][100] ^= 1;
        wrong.extend([swapped, doubled, extended, cut, flipped]);
        for chunks in wrong {
            assert!(opened(&header(), &chunks).is_err());
        }
        let mut other = header();
        other[9] ^= 1;
        assert!(opened(&other, &chunks).is_err());
        assert!(opened(&header(), &chunks).is_ok());
    }

    #[test]
    fn headers_come_back_and_odd_ones_are_refused() {
        let bytes = header();
        assert_eq!(Header::decode(&bytes).unwrap(), Header { key_version: 3, wrapped_key: vec![9; 150] });
        assert!(Header::decode(&bytes[..bytes.len() - 1]).is_err() && Header::decode(b"KRVS").is_err());
        for (at, value) in [(0, b'X'), (4, 2), (5, 2), (10, 0xff)] {
            let mut odd = bytes.clone();
            odd[at] = value;
            assert!(Header::decode(&odd).is_err(), "byte {at}");
        }
        assert!(Header { key_version: 1, wrapped_key: Vec::new() }.encode().is_err());
        assert!(Sealing::new(&bytes, &[0; 16]).is_err());
    }

    /// Made by tests/independent/stream.py, which shares no code with this.
    #[test]
    fn the_bytes_are_those_of_the_document() {
        let mut chunk = b"keyreeve".to_vec();
        let header = Header { key_version: 1, wrapped_key: b"wrapped".to_vec() }.encode().unwrap();
        Sealing::new(&header, &DATA_KEY).unwrap().seal(&mut chunk, true).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&header), "4b525653010100000001000777726170706564");
        assert_eq!(hex(&chunk), "d05fbabe5c5e1188f88429006f9b8dc8e85f397b4595bfca");
    }
}
