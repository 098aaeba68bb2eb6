//! What the decoders of KMIP's three encodings do grows as what they are given, and no faster: bytes allocated are counted
//! instead of time, which other programs have a part in. Whatever is copied or kept for each item so often as there are
//! items shows. Not here: the bound of one input (mutations).

use keyreeve_fuzz::allocated_by;
use keyreeve_kmip::attributes::{AttributeValue, Name};
use keyreeve_kmip::enums::NameType;
use keyreeve_kmip::message::{RequestItem, RequestMessage};
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::ping::PingRequest;
use keyreeve_kmip::{Encoding, Limits, SecretBytes, Version};

/// The smallest input, and how many times as much the largest is.
const SMALL: usize = 64;
const TIMES: usize = 32;
/// Vectors grow by doubling: what is allocated in all may be twice what is kept, in the one and not in the other.
const SLACK: usize = 3;

const ENCODINGS: [Encoding; 3] = [Encoding::Ttlv, Encoding::Xml, Encoding::Json];

fn limits() -> Limits {
    Limits { message_bytes_max: 1 << 30, depth_max: 128, items_max: 1 << 24 }
}

fn message(version: Version, payloads: impl IntoIterator<Item = Request>) -> Vec<u8> {
    let item = |(number, payload): (u32, Request)| {
        let id = Some(number.to_be_bytes().to_vec());
        RequestItem { unique_batch_item_id: id, ..RequestItem::new(payload) }
    };
    let items = (0..).zip(payloads).map(item).collect();
    RequestMessage::new(version, items).encode().expect("encodes").expose().to_vec()
}

fn located(names: impl Iterator<Item = String>) -> Request {
    let named =
        |name_value| AttributeValue::Name(Name { name_value, name_type: NameType::UninterpretedTextString });
    LocateRequest { attributes: Some(names.map(named).collect()), ..LocateRequest::default() }.into()
}

/// Messages of one shape, as large as is asked for.
type Shape = fn(usize) -> Vec<u8>;

const SHAPES: [(&str, Shape); 6] = [
    ("attributes of 2.1", |many| {
        message(Version::V2_1, [located((0..many).map(|number| number.to_string()))])
    }),
    ("attributes of 1.4", |many| {
        message(Version::V1_4, [located((0..many).map(|number| number.to_string()))])
    }),
    ("batch items", |many| message(Version::V2_1, (0..many).map(|_| PingRequest::default().into()))),
    ("a long text that is escaped", |many| {
        message(Version::V2_1, [located(std::iter::once("<&\"\\\u{e9}".repeat(many)))])
    }),
    ("long data", |many| {
        let data = Some(vec![7; many * 16].into());
        message(Version::V2_1, [EncryptRequest { data, ..EncryptRequest::default() }.into()])
    }),
    ("structures in structures, cut off", |many| {
        // Request Message in Request Message: no header is found, and no end.
        let mut bytes = Vec::new();
        for level in (1..=many).rev() {
            bytes.extend([0x42, 0x00, 0x78, 0x01]);
            bytes.extend((level as u32 * 8).to_be_bytes());
        }
        bytes
    }),
];

#[test]
fn twice_the_input_is_twice_the_work_in_each_encoding() {
    for (what, shape) in SHAPES {
        for encoding in ENCODINGS {
            let encoded = |many| {
                let bytes = shape(many);
                match encoding {
                    Encoding::Ttlv => Some(bytes),
                    other => {
                        other.translate(SecretBytes::from(bytes)).ok().map(|text| text.expose().to_vec())
                    }
                }
            };
            // What is no message stands in bytes alone.
            let (Some(small), Some(large)) = (encoded(SMALL), encoded(SMALL * TIMES)) else { continue };
            let work =
                |bytes: &[u8]| allocated_by(|| drop(RequestMessage::decode_from(encoding, bytes, &limits())));
            // What is made once in a process is not counted.
            work(&small);
            let (little, much) = (work(&small), work(&large));
            let grown = large.len() / small.len() + 1;
            assert!(
                much <= little * grown * SLACK,
                "{what} in {encoding:?}: {} bytes took {little}, {} bytes {much}",
                small.len(),
                large.len()
            );
        }
    }
}
