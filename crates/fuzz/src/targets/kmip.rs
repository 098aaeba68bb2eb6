//! KMIP's own decoders: bytes to trees, requests and responses, and back.

use keyreeve_kmip::message::{RequestMessage, ResponseMessage};
use keyreeve_kmip::ttlv::binary;
use keyreeve_kmip::{Encoding, Limits};

/// A tree comes back as the bytes that it was.
pub(super) fn ttlv(bytes: &[u8]) -> bool {
    if let Some(header) = bytes.first_chunk() {
        let _ = binary::message_bytes(header, &Limits::default());
    }
    let Ok(mut node) = binary::decode(bytes, &Limits::default()) else { return false };
    let again = binary::encode(&node).expect("encodes");
    assert_eq!(binary::decode(again.expose(), &Limits::default()).as_ref(), Ok(&node));
    node.scrub();
    true
}

/// As [`ttlv`].
pub(super) fn xml(bytes: &[u8]) -> bool {
    text(Encoding::Xml, bytes)
}

/// As [`ttlv`].
pub(super) fn json(bytes: &[u8]) -> bool {
    text(Encoding::Json, bytes)
}

/// A tree comes back from its own text, and from its bytes in binary.
fn text(encoding: Encoding, bytes: &[u8]) -> bool {
    if let Err(rejected) = RequestMessage::decode_from(encoding, bytes, &Limits::default()) {
        let _ = (rejected.error.result_reason(), rejected.to_string());
    }
    let Ok(mut node) = encoding.decode(bytes, &Limits::default()) else { return false };
    // What is written may be longer than what was read: a `<` takes four bytes.
    let wide = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    for encoding in [encoding, Encoding::Ttlv] {
        let again = encoding.encode(&node).expect("encodes");
        assert_eq!(encoding.decode(again.expose(), &wide).as_ref(), Ok(&node), "{encoding:?}");
    }
    node.scrub();
    true
}

/// What was read of a request is written, and what was written is read as the same.
pub(super) fn request(bytes: &[u8]) -> bool {
    let message = match RequestMessage::decode(bytes, &Limits::default()) {
        Ok(message) => message,
        Err(rejected) => {
            let _ = (rejected.error.result_reason(), rejected.to_string());
            return false;
        }
    };
    // An item that could not be read is answered, and never written.
    let Ok(written) = message.encode() else { return false };
    let again = RequestMessage::decode(written.expose(), &Limits::default()).expect("is read again");
    let rewritten = again.encode().expect("is written again");
    assert_eq!(rewritten.expose(), written.expose());
    true
}

/// As [`request`].
pub(super) fn response(bytes: &[u8]) -> bool {
    let Ok(message) = ResponseMessage::decode(bytes, &Limits::default()) else { return false };
    let written = message.encode().expect("is written");
    let again = ResponseMessage::decode(written.expose(), &Limits::default()).expect("is read again");
    assert_eq!(again.encode().expect("is written again").expose(), written.expose());
    true
}
