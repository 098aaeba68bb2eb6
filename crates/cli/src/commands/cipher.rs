//! The flags of a bare cipher: what other software encrypts or decrypts, in place of the data envelope. Not here: which key has
//! which mode, which the server knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use keyreeve_server::cipher_mode::{CipherMode, TagPlace};

use super::mac::Bytes;
use super::{Hash, hexadecimal, unhexed, word};
use crate::client::Made;
use crate::output;

/// How a cipher is used.
#[derive(Args)]
#[command(next_help_heading = "Bare cipher")]
pub(super) struct Cipher {
    /// Use a bare cipher, as other software does, in place of the data envelope; the server takes what is small
    #[arg(long, value_parser = modes())]
    mode: Option<CipherMode>,
    /// IV or nonce, in hexadecimal; without it `encrypt` has one made, and tells it
    #[arg(long, value_name = "HEX", value_parser = unhexed, requires = "mode")]
    iv: Option<Bytes>,
    /// Additional data, authenticated and not encrypted, in hexadecimal (gcm, gcm-siv, siv, aead)
    #[arg(long, value_name = "HEX", value_parser = unhexed, requires = "mode")]
    aad: Option<Bytes>,
    /// Bytes of the authentication tag, 12 to 16 (gcm, aead)
    #[arg(long, value_name = "BYTES", requires = "mode")]
    tag_length: Option<u8>,
    /// How the last block is filled up (cbc); the default is pkcs7
    #[arg(long, value_enum, requires = "mode")]
    padding: Option<BlockPadding>,
    /// Hash (oaep); the default is sha256
    #[arg(long, value_enum, requires = "mode")]
    hash: Option<Hash>,
}

/// How the last block of a message is filled up.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum BlockPadding {
    /// RFC 5652
    Pkcs7,
    /// Not at all: the data is whole blocks
    None,
}

/// Takes the word of a mode.
fn modes() -> impl TypedValueParser<Value = CipherMode> {
    let words = CipherMode::ALL.iter().map(|mode| PossibleValue::new(mode.word()).help(mode.about()));
    let of = |word: String| CipherMode::ALL.iter().copied().find(|mode| mode.word() == word);
    PossibleValuesParser::new(words).try_map(move |word| of(word).ok_or("there is no such mode"))
}

impl Cipher {
    /// Whether it is a bare cipher.
    pub(super) fn is_bare(&self) -> bool {
        self.mode.is_some()
    }

    /// As the API's query names it.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let base64 = |bytes: &Bytes| STANDARD.encode(bytes);
        let given = [
            ("mode", self.mode.map(|mode| mode.word().to_owned())),
            ("iv", self.iv.as_ref().map(base64)),
            ("aad", self.aad.as_ref().map(base64)),
            ("tag_length", self.tag_length.map(|length| length.to_string())),
            ("padding", self.padding.map(word)),
            ("hash", self.hash.map(word)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Puts the tag where the mode has it in a ciphertext, and tells an IV that was made.
    pub(super) fn whole(&self, mut made: Made) -> Made {
        if let Some(tag) = made.tag.take() {
            made.bytes = match self.mode.map(CipherMode::tag_place) {
                Some(TagPlace::Beginning) => [&tag[..], &made.bytes].concat().into(),
                _ => [&made.bytes[..], &tag].concat().into(),
            };
        }
        if let (None, Some(iv)) = (&self.iv, &made.iv) {
            output::message(&format!("--iv {}", hexadecimal(iv)));
        }
        made
    }
}
