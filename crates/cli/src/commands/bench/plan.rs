//! What a bench sends again and again, and how its answers are told apart. The two protocols are in `kmip` and `rest`. Not
//! here: connections.

use std::io;

use clap::ValueEnum;

use super::{kmip, rest};

/// Hexadecimal digits of the number that makes each name of a new key another one.
pub(super) const COUNTER_DIGITS: usize = 16;

/// A protocol that can be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// KMIP 2.1 in TTLV over mutual TLS
    Kmip,
    /// The REST API
    Rest,
}

/// An operation that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Operation {
    Encrypt,
    Decrypt,
    Sign,
    /// Make a new key with each request
    Create,
    /// Get a key: over KMIP with its material, over REST what is known of it
    Get,
    /// Find a key: over KMIP by its name, over REST by a tag
    Locate,
}

/// Requests of one kind.
pub(super) struct Plan {
    /// The protocol.
    pub(super) protocol: Protocol,
    /// One request, whole.
    pub(super) request: Vec<u8>,
    /// Where in it stands the number that differs from request to request.
    pub(super) counters: Vec<usize>,
    /// Operations in a request.
    pub(super) operations: u32,
    /// Whether the identifiers in the answers are wanted.
    pub(super) collects: bool,
}

/// A whole answer at the beginning of what was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its length in bytes.
    pub(super) length: usize,
    /// Operations of it that failed.
    pub(super) failed: u32,
}

impl Plan {
    /// A plan of these requests; numbers are where the request has so many zeros in a row after this prefix.
    pub(super) fn new(protocol: Protocol, request: Vec<u8>, prefix: &str, operations: u32) -> Self {
        let mark = [prefix.as_bytes(), &[b'0'; COUNTER_DIGITS]].concat();
        let found = request.windows(mark.len()).enumerate().filter(|(_, window)| *window == mark);
        let counters = found.map(|(at, _)| at + prefix.len()).collect();
        Self { protocol, request, counters, operations, collects: false }
    }

    /// Writes a request's number into it; of several places each has a number of its own.
    pub(super) fn number(&self, number: u64, request: &mut [u8]) {
        for (place, at) in (0..).zip(&self.counters) {
            let digits = format!("{:0COUNTER_DIGITS$x}", (number << 10) + place);
            request[*at..*at + COUNTER_DIGITS].copy_from_slice(digits.as_bytes());
        }
    }

    /// The same plan, whose answers name nothing that was made.
    pub(super) fn for_ceiling(&self) -> Self {
        let Self { protocol, operations, .. } = *self;
        Self {
            protocol,
            request: self.request.clone(),
            counters: self.counters.clone(),
            operations,
            collects: false,
        }
    }

    /// The answer that the bytes begin with, once it is whole.
    ///
    /// # Errors
    /// They are no answer.
    pub(super) fn seen(&self, bytes: &[u8]) -> io::Result<Option<Seen>> {
        match self.protocol {
            Protocol::Kmip => kmip::seen(bytes),
            Protocol::Rest => rest::seen(bytes),
        }
    }

    /// Decodes a whole answer.
    ///
    /// # Errors
    /// It cannot be decoded, or tells of a failure, which is what it says then.
    pub(super) fn look_at(&self, answer: &[u8]) -> Result<(), String> {
        match self.protocol {
            Protocol::Kmip => kmip::look_at(answer),
            Protocol::Rest => rest::look_at(answer),
        }
    }

    /// Adds the identifiers that an answer names.
    pub(super) fn collect(&self, answer: &[u8], identifiers: &mut Vec<String>) {
        if self.protocol == Protocol::Kmip {
            identifiers.extend(kmip::identifiers(answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_where_names_end() {
        let request = b"..run-0000000000000000..run-00..run-0000000000000000".to_vec();
        assert_eq!(Plan::new(Protocol::Rest, request, "run-", 1).counters, [6, 36]);
    }
}
