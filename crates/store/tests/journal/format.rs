//! The bytes of the format, as docs/journal-format.md gives them: a released version must open for ever.

use keyreeve_store::journal::leaf_hash;

use super::*;

#[test]
fn the_bytes_are_those_of_the_documentation() {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    running.batch([Request::Entry(b"one".to_vec()), Request::Entry(b"two".to_vec())]);
    running.stop().expect("a clean stop");
    let bytes = disk.bytes(&segment_path(1));
    let hash = |bytes: &[u8]| sha256()(&[bytes]);

    let (header, rest) = bytes.split_at(128);
    let mut expected = b"KRVJRNL\n".to_vec();
    expected.extend([1, 0, 0, 0, 128, 0, 0, 0]);
    expected.extend([7; 16]);
    expected.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend(1u64.to_le_bytes());
    expected.extend(1u64.to_le_bytes());
    expected.extend([0; 40]);
    expected.extend(hash(&expected));
    assert_eq!(header, expected);

    let (frame, rest) = rest.split_at(130);
    let mut expected = b"KRVFRAME".to_vec();
    expected.extend([130, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend(1u64.to_le_bytes());
    expected.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend(0u64.to_le_bytes());
    expected.extend(1_700_000_000_000u64.to_le_bytes());
    expected.extend(&header[96..]);
    expected.extend(b"\x03\0\0\0one\x03\0\0\0two");
    expected.extend(hash(&expected));
    expected.extend(b"KRVE");
    assert_eq!(frame, expected);

    let mut expected = b"KRVFRAME".to_vec();
    expected.extend([116, 0, 0, 0, 2, 0, 0, 0]);
    expected.extend(3u64.to_le_bytes());
    expected.extend([0; 8]);
    expected.extend(2u64.to_le_bytes());
    expected.extend(1_700_000_000_000u64.to_le_bytes());
    expected.extend(&frame[94..126]);
    expected.extend(hash(&expected));
    expected.extend(b"KRVE");
    assert_eq!(rest, expected);
}

#[test]
fn a_leaf_is_hashed_as_rfc_6962_says() {
    // RFC 6962 section 2.1, for the empty entry: SHA-256 of one zero byte.
    let expected: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| {
            let hex = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
            u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")
        })
        .collect();
    assert_eq!(leaf_hash(&sha256(), b"").to_vec(), expected);
}
