//! What the codec costs: requests and responses of an encrypt, each decoded and encoded many times. Prints figures and
//! asserts none: `cargo test --release -p keyreeve-kmip --test speed -- --nocapture`. `KEYREEVE_LONG=1` measures for long.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use keyreeve_kmip::attributes::CryptographicParameters;
use keyreeve_kmip::enums::{BlockCipherMode, NameType, ObjectType};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem, ResponseMessage};
use keyreeve_kmip::payloads::encrypt::{EncryptRequest, EncryptResponse};
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::DateTime;
use keyreeve_kmip::{Encoding, Limits, Version};

const ID: &str = "0d9c2f1e-7f53-4c39-9a41-6f3b8a2f11aa";

fn encrypt(bytes: usize) -> Request {
    EncryptRequest {
        unique_identifier: Some(ID.into()),
        cryptographic_parameters: Some(CryptographicParameters {
            block_cipher_mode: Some(BlockCipherMode::Gcm),
            random_iv: Some(true),
            tag_length: Some(16),
            ..CryptographicParameters::default()
        }),
        data: Some(vec![7; bytes].into()),
        ..EncryptRequest::default()
    }
    .into()
}

fn encrypted(bytes: usize) -> Response {
    EncryptResponse {
        unique_identifier: ID.into(),
        data: Some(vec![7; bytes]),
        iv_counter_nonce: Some(vec![1; 12]),
        correlation_value: None,
        authenticated_encryption_tag: Some(vec![2; 16]),
    }
    .into()
}

fn locate() -> Request {
    use keyreeve_kmip::attributes::{AttributeValue, Name};
    let name = Name { name_value: "database".into(), name_type: NameType::UninterpretedTextString };
    let attributes = [AttributeValue::ObjectType(ObjectType::SymmetricKey), AttributeValue::Name(name)];
    LocateRequest { attributes: Some(attributes.into_iter().collect()), ..LocateRequest::default() }.into()
}

/// Microseconds that `once` takes: the least mean of many short runs, since other programs only add to it.
fn microseconds(mut once: impl FnMut()) -> f64 {
    const TIMES: u32 = 20;
    let long = std::env::var_os("KEYREEVE_LONG").is_some();
    let end = Instant::now() + Duration::from_millis(if long { 2000 } else { 20 });
    let mut least = f64::INFINITY;
    while Instant::now() < end {
        let begin = Instant::now();
        (0..TIMES).for_each(|_| once());
        least = least.min(begin.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
    }
    least
}

fn tell(what: &str, encoding: Encoding, bytes: usize, decode: f64, encode: f64) {
    println!("{what:32} {encoding:?}: {bytes:5} bytes, decode {decode:.3} us, encode {encode:.3} us");
}

#[test]
fn what_a_message_costs() {
    let limits = Limits::default();
    for (what, version, payload) in [
        ("request, Encrypt of 64 bytes", Version::V2_1, encrypt(64)),
        ("request, Encrypt of 64 bytes, 1.4", Version::V1_4, encrypt(64)),
        ("request, Encrypt of 4 KiB", Version::V2_1, encrypt(4096)),
        ("request, Locate by name", Version::V2_1, locate()),
        ("request, Locate by name, 1.4", Version::V1_4, locate()),
    ] {
        let message = RequestMessage::new(version, vec![RequestItem::new(payload)]);
        for encoding in Encoding::ALL {
            let encode = || encoding.translate(message.encode().unwrap()).unwrap();
            let bytes = encode();
            let decode = || RequestMessage::decode_from(encoding, bytes.expose(), &limits).unwrap();
            assert_eq!(decode().encode().unwrap().expose(), message.encode().unwrap().expose());
            let decoding = microseconds(|| drop(black_box(decode())));
            tell(what, encoding, bytes.len(), decoding, microseconds(|| drop(black_box(encode()))));
        }
    }
    for (what, bytes) in [("response, Encrypt of 64 bytes", 64), ("response, Encrypt of 4 KiB", 4096)] {
        let items = vec![ResponseItem::success(encrypted(bytes))];
        let message = ResponseMessage::new(Version::V2_1, DateTime(1_700_000_000), items);
        for encoding in Encoding::ALL {
            let encode = || encoding.translate(message.encode().unwrap()).unwrap();
            let bytes = encode();
            let decode = || ResponseMessage::decode_from(encoding, bytes.expose(), &limits).unwrap();
            assert_eq!(decode().encode().unwrap().expose(), message.encode().unwrap().expose());
            let decoding = microseconds(|| drop(black_box(decode())));
            tell(what, encoding, bytes.len(), decoding, microseconds(|| drop(black_box(encode()))));
        }
    }
}
