//! Sealed streams: how all that lies at a target is compressed and encrypted, piece sections and full backups alike.
//!
//! The plain bytes are one zstd stream, cut into chunks of 1 MiB; the last one may be shorter, and is there even where
//! it is empty. Each chunk is AES-256-GCM, ciphertext then 16-byte tag, one behind the other:
//!
//! | what | value |
//! |---|---|
//! | archive key | HKDF-SHA-256(no salt, IKM = root key, info = "keyreeve/archive/v1" ‖ store 16 ‖ root version u32) |
//! | stream key | HKDF-SHA-256(salt = the stream's random salt 32, IKM = archive key, info = "keyreeve/archive-stream/v1" ‖ section u8) |
//! | nonce | 0 × 7 ‖ last chunk 1, others 0 ‖ number of the chunk u32, from 0 |
//! | AAD | the hash of what the stream belongs to, 32 bytes |
//!
//! A stream has a key of its own, so no nonce is ever used twice, however many streams there are; a chunk that is moved,
//! cut off or taken from elsewhere does not open.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    sync::Arc,
};

use keyreeve_core::{Result, SecretBytes, ports::crypto::Crypto};
use uuid::Uuid;

use crate::journal::Digest;

/// Chunks have this many bytes before they are sealed, but for the last.
const CHUNK_LEN: usize = 1 << 20;
const TAG_LEN: usize = 16;
/// The cheapest that is worth it: archiving must not slow the store down.
const ZSTD_LEVEL: i32 = 1;

/// What archives are sealed under. Holds secrets.
pub(crate) struct ArchiveKey {
    /// The root key that it derives from.
    pub(crate) root_version: u32,
    key: SecretBytes,
}

impl ArchiveKey {
    /// Derives the archive key of a store from one of its root keys.
    pub(crate) fn derive(crypto: &dyn Crypto, root: &SecretBytes, store: Uuid, root_version: u32) -> Self {
        let info: [&[u8]; 3] = [b"keyreeve/archive/v1", store.as_bytes(), &root_version.to_be_bytes()];
        Self { root_version, key: crypto.hkdf_sha256(&[], root.expose(), &info) }
    }

    /// A key for another purpose, which `info` names: HKDF-SHA-256(no salt, IKM = archive key, info).
    pub(crate) fn subkey(&self, crypto: &dyn Crypto, info: &[u8]) -> SecretBytes {
        crypto.hkdf_sha256(&[], self.key.expose(), &[info])
    }
}

/// Gives archive keys, of the root key in force and of retired ones.
pub(crate) trait ArchiveKeys: Send + Sync {
    /// The key to seal with now.
    ///
    /// # Errors
    /// Where the root key cannot be had.
    fn current(&self) -> Result<ArchiveKey>;

    /// The key of this version of the root key.
    ///
    /// # Errors
    /// `Internal` for a version that is not held.
    fn get(&self, root_version: u32) -> Result<ArchiveKey>;
}

/// What a stream belongs to: bound into its key and its chunks.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    /// Drawn at random for each object; its streams may share it, under different sections.
    pub(crate) salt: [u8; 32],
    /// Tells streams of one object apart.
    pub(crate) section: u8,
    /// Hash of what the stream belongs to.
    pub(crate) owner: Digest,
}

impl Binding {
    fn key(&self, crypto: &dyn Crypto, key: &ArchiveKey) -> SecretBytes {
        crypto.hkdf_sha256(&self.salt, key.key.expose(), &[b"keyreeve/archive-stream/v1", &[self.section]])
    }
}

/// Seals what is written to it. Memory: what it has sealed, and a chunk.
pub(crate) struct SealWriter {
    encoder: zstd::stream::write::Encoder<'static, ChunkSealer>,
}

impl SealWriter {
    /// # Errors
    /// `Internal` where the compressor gets no memory.
    pub(crate) fn new(crypto: Arc<dyn Crypto>, key: &ArchiveKey, binding: &Binding) -> io::Result<Self> {
        let key = binding.key(&*crypto, key);
        let chunks = ChunkSealer {
            crypto,
            key,
            owner: binding.owner,
            number: 0,
            plain: Vec::new(),
            sealed: Vec::new(),
        };
        Ok(Self { encoder: zstd::stream::write::Encoder::new(chunks, ZSTD_LEVEL)? })
    }

    /// The whole sealed stream.
    ///
    /// # Errors
    /// Where sealing failed.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        let mut chunks = self.encoder.finish()?;
        chunks.seal(true)?;
        Ok(chunks.sealed)
    }
}

impl Write for SealWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.encoder.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Flushing the compressor would only make the stream longer: all comes out in `finish`.
        Ok(())
    }
}

struct ChunkSealer {
    crypto: Arc<dyn Crypto>,
    key: SecretBytes,
    owner: Digest,
    number: u32,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

impl ChunkSealer {
    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = nonce(self.number, last);
        let sealed = self.crypto.aead_seal(self.key.expose(), &nonce, &self.owner, &self.plain);
        self.sealed.extend_from_slice(&sealed.map_err(io::Error::other)?);
        self.plain.clear();
        self.number = self.number.checked_add(1).ok_or_else(|| io::Error::other("a stream is too long"))?;
        Ok(())
    }
}

impl Write for ChunkSealer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only when more comes, since the last chunk is sealed as such.
        if self.plain.len() == CHUNK_LEN && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK_LEN - self.plain.len());
        self.plain.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives the plain bytes of a sealed stream, a chunk at a time; `InvalidData` where anything was altered.
///
/// The end is only reached over the stream's own end: what was cut off is an error, not a shorter stream.
pub(crate) struct SealReader<R: Read> {
    decoder: zstd::stream::read::Decoder<'static, ChunkOpener<R>>,
}

impl<R: Read> SealReader<R> {
    /// A reader of the sealed bytes that `sealed` gives.
    ///
    /// # Errors
    /// Where the decompressor gets no memory.
    pub(crate) fn new(
        crypto: Arc<dyn Crypto>,
        key: &ArchiveKey,
        binding: &Binding,
        sealed: R,
    ) -> io::Result<Self> {
        let chunks = ChunkOpener {
            key: binding.key(&*crypto, key),
            crypto,
            owner: binding.owner,
            number: 0,
            sealed: BufReader::with_capacity(64 * 1024, sealed),
            plain: SecretBytes::new(Vec::new()),
            at: 0,
            ended: false,
        };
        Ok(Self { decoder: zstd::stream::read::Decoder::with_buffer(chunks)? })
    }
}

impl<R: Read> Read for SealReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(bytes)
    }
}

struct ChunkOpener<R: Read> {
    crypto: Arc<dyn Crypto>,
    key: SecretBytes,
    owner: Digest,
    number: u32,
    sealed: BufReader<R>,
    plain: SecretBytes,
    at: usize,
    ended: bool,
}

impl<R: Read> ChunkOpener<R> {
    fn open(&mut self) -> io::Result<()> {
        let mut chunk = Vec::new();
        self.sealed.by_ref().take((CHUNK_LEN + TAG_LEN) as u64).read_to_end(&mut chunk)?;
        let last = self.sealed.fill_buf()?.is_empty();
        let opened = self.crypto.aead_open(self.key.expose(), &nonce(self.number, last), &self.owner, &chunk);
        self.plain = opened.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it does not open"))?;
        (self.at, self.ended) = (0, last);
        self.number = self.number.checked_add(1).ok_or(io::ErrorKind::InvalidData)?;
        Ok(())
    }
}

impl<R: Read> Read for ChunkOpener<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(bytes)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for ChunkOpener<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.plain.len() && !self.ended {
            self.open()?;
        }
        Ok(&self.plain.expose()[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.plain.len());
    }
}

fn nonce(number: u32, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[7] = u8::from(last);
    nonce[8..].copy_from_slice(&number.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;

    fn crypto() -> Arc<dyn Crypto> {
        Arc::new(SoftwareCrypto::new())
    }

    fn key() -> ArchiveKey {
        ArchiveKey::derive(&*crypto(), &SecretBytes::new(vec![7; 32]), Uuid::nil(), 1)
    }

    fn binding() -> Binding {
        Binding { salt: [1; 32], section: 1, owner: [2; 32] }
    }

    fn seal(plain: &[u8]) -> Vec<u8> {
        let mut writer = SealWriter::new(crypto(), &key(), &binding()).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn open(sealed: &[u8], binding: &Binding) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        SealReader::new(crypto(), &key(), binding, sealed)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    /// Bytes that do not compress.
    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        crypto().fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn streams_of_any_length_come_back() {
        for len in [0, 1, CHUNK_LEN - 100, CHUNK_LEN, 2 * CHUNK_LEN + 5] {
            let plain = noise(len);
            assert_eq!(open(&seal(&plain), &binding()).unwrap(), plain, "{len}");
        }
        assert!(seal(&vec![b'a'; CHUNK_LEN]).len() < CHUNK_LEN / 100);
    }

    #[test]
    fn altered_cut_and_moved_streams_are_refused() {
        let sealed = seal(&noise(2 * CHUNK_LEN));
        let chunk = CHUNK_LEN + TAG_LEN;
        for at in [0, 5, chunk - 1, chunk, sealed.len() - 1] {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(open(&altered, &binding()).is_err(), "byte {at}");
        }
        for len in [0, 1, chunk - 1, chunk, 2 * chunk, sealed.len() - 1] {
            assert!(open(&sealed[..len], &binding()).is_err(), "cut to {len}");
        }
        assert!(
            open(&[&sealed[chunk..2 * chunk], &sealed[..chunk], &sealed[2 * chunk..]].concat(), &binding())
                .is_err()
        );
        assert!(open(&[sealed.as_slice(), &[0]].concat(), &binding()).is_err());
        for other in [
            Binding { salt: [9; 32], ..binding() },
            Binding { section: 2, ..binding() },
            Binding { owner: [9; 32], ..binding() },
        ] {
            assert!(open(&sealed, &other).is_err());
        }
    }
}
