//! Messages that keys sign, verify and authenticate: small ones whole, others as streams. Not here: what is asked of them.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal, Read};
use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use super::Session;
use crate::client::{Client, Data, Made, with_query};
use crate::errors::{Failure, Result};
use crate::output;
use crate::reading::Reading;

/// Bytes of a message that is sent in one piece, as every kind of key takes it: what the body of a request may have where
/// nobody configured another limit.
const WHOLE_BYTES_MAX: u64 = 8 << 20;

/// A message to send.
pub(super) struct Message {
    /// All of it, or its beginning.
    begun: Data,
    /// What follows.
    rest: Option<Rest>,
}

struct Rest {
    from: Box<dyn Read + Send>,
    /// Bytes in all, where that is known.
    length: Option<u64>,
}

/// Where a message goes: what takes it whole, and what takes it as a stream.
pub(super) struct Place<'a> {
    pub(super) whole: &'a str,
    pub(super) stream: &'a str,
    pub(super) query: &'a [(&'static str, String)],
}

impl Message {
    /// From a file, or from stdin where none is named; nothing is read where nothing will be sent.
    ///
    /// # Errors
    /// The file or stdin cannot be read.
    pub(super) fn read(session: &Session, file: Option<&Path>) -> Result<Self> {
        if session.prints_curl {
            return Ok(Self { begun: session.data(file)?, rest: None });
        }
        let (mut from, length): (Box<dyn Read + Send>, _) = match file {
            Some(path) => {
                let opened = File::open(path).map_err(|cause| Failure::file("read", path, cause))?;
                let known = opened.metadata().ok().filter(|known| known.is_file());
                (Box::new(opened), known.map(|known| known.len()))
            }
            None => {
                if io::stdin().is_terminal() {
                    output::message("reading the data from the terminal; Ctrl-D ends it");
                }
                (Box::new(io::stdin()), None)
            }
        };
        let mut bytes = Zeroizing::new(Vec::new());
        let read = (&mut from).take(WHOLE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|cause| Failure::file("read", file.unwrap_or(Path::new("stdin")), cause))?;
        let is_whole = bytes.len() as u64 <= WHOLE_BYTES_MAX;
        let begun = Data { bytes, from: file.map(Path::to_owned) };
        Ok(Self { begun, rest: (!is_whole).then_some(Rest { from, length }) })
    }

    /// All of it, where it is small.
    pub(super) fn whole(&self) -> Option<&Data> {
        self.rest.is_none().then_some(&self.begun)
    }

    /// Sends it for raw bytes.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn post(self, client: &mut Client, place: &Place<'_>) -> Result<Made> {
        self.sent(client, place, Client::post_bytes, Client::post_stream)
    }

    /// Sends it for JSON.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn post_for_json(self, client: &mut Client, place: &Place<'_>) -> Result<Value> {
        self.sent(client, place, Client::post_for_json, Client::post_stream_for_json)
    }

    /// Sends it whole where it is small, and as a stream where that is too large for the server. Where the key takes no
    /// streams, the answer is why it did not take the message whole.
    fn sent<T>(
        self,
        client: &mut Client,
        place: &Place<'_>,
        whole: fn(&mut Client, &str, &Data) -> Result<T>,
        stream: fn(&mut Client, &str, Reading) -> Result<T>,
    ) -> Result<T> {
        let refused = match self.whole().map(|data| whole(client, &place.path(place.whole), data)) {
            Some(Err(failure)) if failure.code() == Some("too_large") => Some(failure),
            Some(answer) => return answer,
            None => None,
        };
        match (refused, stream(client, &place.path(place.stream), self.reading())) {
            (Some(refused), Err(failure)) if failure.code() == Some("unsupported") => Err(refused),
            (_, answer) => answer,
        }
    }

    fn reading(self) -> Reading {
        let Self { begun: Data { bytes, from: file }, rest } = self;
        let name = file.unwrap_or_else(|| "stdin".into());
        let length = rest.as_ref().map_or(Some(bytes.len() as u64), |rest| rest.length);
        let begun = Cursor::new(bytes);
        match rest {
            Some(rest) => Reading::new(Box::new(begun.chain(rest.from)), &name, length),
            None => Reading::new(Box::new(begun), &name, length),
        }
    }
}

impl Place<'_> {
    fn path(&self, path: &str) -> String {
        with_query(path, self.query)
    }
}
