//! Streams of any size from a reader to a writer: sealed, or opened, a chunk at a time. What is written was authenticated
//! first; whether all of it came is known at the end. Not here: the format (crypto's `stream`), and where data keys come
//! from.

use std::io::{self, Read, Write};

use keyreeve_core::Error;
use keyreeve_crypto::stream::{CHUNK_BYTES, FIXED_HEADER_BYTES, Header, MAGIC, Opening, Sealing, TAG_BYTES};
use zeroize::Zeroizing;

/// How many bytes at the beginning tell a stream from other data.
pub const MAGIC_BYTES: usize = MAGIC.len();

/// Why a stream was not sealed or opened to its end.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The data cannot be read.
    #[error("{0}")]
    Read(io::Error),
    /// The result cannot be written.
    #[error("{0}")]
    Write(io::Error),
    /// It is no stream, or was altered, or is not whole.
    #[error("{0}")]
    Damaged(Error),
}

/// A stream whose header was read.
pub struct Begun {
    /// The data key, wrapped by a key of the server.
    pub wrapped_key: Vec<u8>,
    /// Version of that key, where the wrapped data key does not say it.
    pub key_version: Option<u32>,
    header: Vec<u8>,
}

/// True where data that begins like this is a stream.
pub fn is_stream(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// Seals all that `from` gives under a data key of 32 bytes, which nothing else is sealed with; `wrapped` is that key,
/// wrapped, and where it does not say it the version of the key that wraps it. `done` is told the bytes read so far.
///
/// # Errors
/// Of reading and writing; `Damaged` where a key has a length that it cannot have, or there is no end of data.
pub fn seal(
    (wrapped_key, key_version): (Vec<u8>, Option<u32>),
    data_key: &[u8],
    from: &mut dyn Read,
    to: &mut dyn Write,
    done: &mut dyn FnMut(u64),
) -> Result<(), StreamError> {
    let header = Header { key_version: key_version.unwrap_or(0), wrapped_key };
    let header = header.encode().map_err(StreamError::Damaged)?;
    let mut sealing = Sealing::new(&header, data_key).map_err(StreamError::Damaged)?;
    to.write_all(&header).map_err(StreamError::Write)?;
    chunks(from, CHUNK_BYTES, &mut |chunk, is_last, read| {
        sealing.seal(chunk, is_last).map_err(StreamError::Damaged)?;
        to.write_all(chunk).map_err(StreamError::Write)?;
        done(read);
        Ok(())
    })
}

/// Reads the header of a stream.
///
/// # Errors
/// `Damaged` where it is none; of reading.
pub fn begin(from: &mut dyn Read) -> Result<Begun, StreamError> {
    let mut fixed = [0; FIXED_HEADER_BYTES];
    let short = |cause: io::Error| match cause.kind() {
        io::ErrorKind::UnexpectedEof => StreamError::Damaged(Error::crypto_failed()),
        _ => StreamError::Read(cause),
    };
    from.read_exact(&mut fixed).map_err(short)?;
    let length = Header::wrapped_bytes(&fixed).map_err(StreamError::Damaged)?;
    let mut header = fixed.to_vec();
    header.resize(FIXED_HEADER_BYTES + length, 0);
    from.read_exact(&mut header[FIXED_HEADER_BYTES..]).map_err(short)?;
    let Header { key_version, wrapped_key } = Header::decode(&header).map_err(StreamError::Damaged)?;
    Ok(Begun { wrapped_key, key_version: (key_version > 0).then_some(key_version), header })
}

impl Begun {
    /// Opens the rest of the stream under its data key. `done` is told the bytes read so far, without the header.
    ///
    /// # Errors
    /// `Damaged` where it was altered, reordered, cut or extended: what was written until then is authentic, and not all
    /// of it. Of reading and writing.
    pub fn open(
        &self,
        data_key: &[u8],
        from: &mut dyn Read,
        to: &mut dyn Write,
        done: &mut dyn FnMut(u64),
    ) -> Result<(), StreamError> {
        let mut opening = Opening::new(&self.header, data_key).map_err(StreamError::Damaged)?;
        chunks(from, CHUNK_BYTES + TAG_BYTES, &mut |chunk, is_last, read| {
            opening.open(chunk, is_last).map_err(StreamError::Damaged)?;
            to.write_all(chunk).map_err(StreamError::Write)?;
            done(read);
            Ok(())
        })
    }
}

/// Takes a chunk, whether it is the last, and how many bytes were read so far.
type EachChunk<'a> = dyn FnMut(&mut Vec<u8>, bool, u64) -> Result<(), StreamError> + 'a;

/// Hands on all that `from` gives in chunks of so many bytes, the last of which may have fewer, or none where it is the
/// only one; whether each is the last, and how many bytes were read so far.
fn chunks(from: &mut dyn Read, bytes: usize, each: &mut EachChunk<'_>) -> Result<(), StreamError> {
    // Room for a tag, so that sealing moves no plaintext to another place and leaves it behind.
    let new = || Zeroizing::new(Vec::with_capacity(bytes + TAG_BYTES));
    let (mut chunk, mut next, mut read) = (new(), new(), 0);
    fill(from, bytes, &mut chunk)?;
    loop {
        read += chunk.len() as u64;
        fill(from, bytes, &mut next)?;
        let is_last = next.is_empty();
        each(&mut chunk, is_last, read)?;
        if is_last {
            return Ok(());
        }
        std::mem::swap(&mut chunk, &mut next);
    }
}

fn fill(from: &mut dyn Read, bytes: usize, chunk: &mut Vec<u8>) -> Result<(), StreamError> {
    chunk.clear();
    let taken = (&mut *from).take(bytes as u64).read_to_end(chunk);
    taken.map(drop).map_err(StreamError::Read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA_KEY: [u8; 32] = [5; 32];

    /// Gives what it has in small pieces, as a pipe does.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.0.len()).min(1000);
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    fn sealed(data: &[u8]) -> Vec<u8> {
        let (mut out, mut read) = (Vec::new(), 0);
        seal((vec![1; 20], None), &DATA_KEY, &mut Trickle(data), &mut out, &mut |bytes| read = bytes)
            .unwrap();
        assert_eq!(read, data.len() as u64);
        out
    }

    fn opened(mut stream: &[u8]) -> (Result<(), StreamError>, Vec<u8>) {
        let mut out = Vec::new();
        let begun = match begin(&mut stream) {
            Ok(begun) => begun,
            Err(error) => return (Err(error), out),
        };
        assert_eq!((begun.wrapped_key.as_slice(), begun.key_version), (&[1; 20][..], None));
        let result = begun.open(&DATA_KEY, &mut Trickle(stream), &mut out, &mut |_| {});
        (result, out)
    }

    #[test]
    fn a_stream_of_any_length_comes_back() {
        for length in [0, 1, 999, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 1000] {
            let data: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
            let stream = sealed(&data);
            assert!(is_stream(&stream[..MAGIC_BYTES]));
            let (result, out) = opened(&stream);
            assert!(result.is_ok() && out == data, "{length}");
        }
    }

    #[test]
    fn wherever_a_stream_is_cut_it_is_noticed_and_what_came_out_is_authentic() {
        let data = vec![3; 2 * CHUNK_BYTES + 10];
        let stream = sealed(&data);
        let chunk = CHUNK_BYTES + TAG_BYTES;
        let header = FIXED_HEADER_BYTES + 20;
        for cut in [0, 3, 11, 31, header, header + 5, header + chunk, header + 2 * chunk, stream.len() - 1] {
            let (result, out) = opened(&stream[..cut]);
            assert!(matches!(result, Err(StreamError::Damaged(_))), "{cut}");
            assert!(data.starts_with(&out) && out.len() < data.len(), "{cut}");
        }
        let extended = [&stream[..], b"more"].concat();
        assert!(matches!(opened(&extended).0, Err(StreamError::Damaged(_))));
    }
}
