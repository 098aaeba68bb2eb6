//! The binary encoding: the examples of the standard, what is refused, and trees of any shape.

use proptest::prelude::*;

use super::*;

const TAG: Tag = Tag(0x42_0020);

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn fault(input: &[u8]) -> Fault {
    decode(input, &Limits::default()).unwrap_err().fault().clone()
}

/// KMIP 1.4, section 9.1.2.
#[test]
fn the_examples_of_the_standard() {
    let structure = Value::Structure(vec![
        Node::new(Tag(0x42_0004), Value::Enumeration(254)),
        Node::new(Tag(0x42_0005), Value::Integer(255)),
    ]);
    let big = bytes("0000000003FD35EB6BC2DF4618080000");
    let examples = [
        ("42002002 00000004 00000008 00000000", Value::Integer(8)),
        ("42002003 00000008 01B69B4BA5749200", Value::LongInteger(123_456_789_000_000_000)),
        ("42002004 00000010 0000000003FD35EB 6BC2DF4618080000", Value::BigInteger(big)),
        ("42002005 00000004 000000FF 00000000", Value::Enumeration(255)),
        ("42002006 00000008 00000000 00000001", Value::Boolean(true)),
        ("42002007 0000000B 48656C6C 6F20576F 726C6400 00000000", Value::TextString("Hello World".into())),
        ("42002008 00000003 01020300 00000000", Value::ByteString(vec![1, 2, 3])),
        ("42002009 00000008 00000000 47DA67F8", Value::DateTime(1_205_495_800)),
        ("4200200A 00000004 000D2F00 00000000", Value::Interval(864_000)),
        (
            "42002001 00000020 42000405 00000004 000000FE 00000000 42000502 00000004 000000FF 00000000",
            structure,
        ),
    ];
    for (hex, value) in examples {
        let node = decode(&bytes(hex), &Limits::default()).unwrap();
        assert_eq!(node, Node::new(TAG, value));
        assert_eq!(encode(&node).unwrap().expose(), bytes(hex));
    }
}

#[test]
fn what_is_malformed_is_refused_for_what_it_is() {
    let cases = [
        ("42002002 000000", Fault::Truncated { needed: 8, available: 7 }),
        ("42002002 00000004 00000008", Fault::Truncated { needed: 8, available: 4 }),
        ("42002008 FFFFFFFF 01", Fault::Truncated { needed: 0x1_0000_0000, available: 1 }),
        ("42002001 FFFFFFF8", Fault::Truncated { needed: 0xFFFF_FFF8, available: 0 }),
        ("42002001 00000004 00000000", Fault::WrongLength { item_type: ItemType::Structure, length: 4 }),
        (
            "42002002 00000008 0000000000000008",
            Fault::WrongLength { item_type: ItemType::Integer, length: 8 },
        ),
        ("42002004 00000000", Fault::WrongLength { item_type: ItemType::BigInteger, length: 0 }),
        ("42002002 00000004 00000008 00000001", Fault::Padding),
        ("42002006 00000008 00000000 00000002", Fault::Boolean),
        ("42002007 00000002 C3280000 00000000", Fault::NotUtf8),
        ("42002000 00000004 00000008 00000000", Fault::UnknownItemType(0)),
        ("4200200C 00000004 00000008 00000000", Fault::UnknownItemType(12)),
        ("42002002 00000004 00000008 00000000 00", Fault::TrailingBytes(1)),
        ("42002001 00000008 42002002 00000004", Fault::Truncated { needed: 8, available: 0 }),
    ];
    for (hex, expected) in cases {
        assert_eq!(fault(&bytes(hex)), expected, "{hex}");
    }
}

#[test]
fn depth_items_and_length_are_limited() {
    let nested = |levels: usize| {
        let mut node = Node::new(TAG, Value::Structure(vec![]));
        for _ in 1..levels {
            node = Node::new(TAG, Value::Structure(vec![node]));
        }
        encode(&node).unwrap().into_vec()
    };
    assert!(decode(&nested(32), &Limits::default()).is_ok());
    assert_eq!(fault(&nested(33)), Fault::TooDeep(32));
    let anything = Limits { depth_max: usize::MAX, ..Limits::default() };
    let deep = decode(&nested(1_000), &anything).unwrap_err();
    assert_eq!(*deep.fault(), Fault::TooDeep(DEPTH_CEILING));

    let flat = Node::new(TAG, Value::Structure(vec![Node::new(TAG, Value::Integer(1)); 100]));
    let flat = encode(&flat).unwrap();
    let few = Limits { items_max: 100, ..Limits::default() };
    assert_eq!(*decode(flat.expose(), &few).unwrap_err().fault(), Fault::TooManyItems(100));
    let enough = Limits { items_max: 101, ..Limits::default() };
    assert!(decode(flat.expose(), &enough).is_ok());
    let short = Limits { message_bytes_max: 1607, ..Limits::default() };
    let too_long = Fault::MessageTooLong { length: 1608, limit: 1607 };
    assert_eq!(*decode(flat.expose(), &short).unwrap_err().fault(), too_long);
}

#[test]
fn the_header_tells_how_much_to_read() {
    let limits = Limits::default();
    let header = |hex: &str| <[u8; 8]>::try_from(bytes(hex)).unwrap();
    assert_eq!(message_bytes(&header("42007801 00000090"), &limits).unwrap(), 152);
    assert!(message_bytes(&header("42007802 00000090"), &limits).is_err());
    let huge = message_bytes(&header("42007801 FFFFFFF8"), &limits).unwrap_err();
    assert_eq!(
        *huge.fault(),
        Fault::MessageTooLong { length: 0x1_0000_0000, limit: limits.message_bytes_max }
    );
    let http = message_bytes(&header("474554202F204854"), &limits).unwrap_err();
    assert_eq!(http.to_string(), "0x474554: unknown item type 0x20");
}

#[test]
fn growing_keeps_what_was_written() {
    let mut writer = Writer::new(Version::V2_1);
    writer.structure(TAG, |writer| {
        for length in [0, 1, 511, 512, 513, 5000] {
            writer.byte_string(TAG, &vec![7; length]);
        }
    });
    let node = decode(writer.finish().unwrap().expose(), &Limits::default()).unwrap();
    let Value::Structure(items) = node.value else { panic!("no structure") };
    for (item, length) in items.iter().zip([0, 1, 511, 512, 513, 5000]) {
        assert_eq!(item.value, Value::ByteString(vec![7; length]));
    }
}

#[test]
fn big_integers_keep_their_sign_when_padded() {
    for (number, padded) in
        [(vec![0x80], vec![255, 255, 255, 255, 255, 255, 255, 0x80]), (vec![], vec![0; 8])]
    {
        let mut writer = Writer::new(Version::V1_0);
        writer.big_integer(TAG, &number);
        let node = decode(writer.finish().unwrap().expose(), &Limits::default()).unwrap();
        assert_eq!(node.value, Value::BigInteger(padded));
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::Integer),
        any::<i64>().prop_map(Value::LongInteger),
        prop::collection::vec(any::<[u8; 8]>(), 1..4).prop_map(|words| Value::BigInteger(words.concat())),
        any::<u32>().prop_map(Value::Enumeration),
        any::<bool>().prop_map(Value::Boolean),
        any::<String>().prop_map(Value::TextString),
        any::<Vec<u8>>().prop_map(Value::ByteString),
        any::<i64>().prop_map(Value::DateTime),
        any::<u32>().prop_map(Value::Interval),
        any::<i64>().prop_map(Value::DateTimeExtended),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let node = (0..=0xFF_FFFFu32, inner).prop_map(|(tag, value)| Node::new(Tag(tag), value));
        prop::collection::vec(node, 0..8).prop_map(Value::Structure)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tree_comes_back(value in any_value()) {
        let node = Node::new(TAG, value);
        let encoded = encode(&node).unwrap();
        prop_assert_eq!(decode(encoded.expose(), &Limits::default()).unwrap(), node);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(input in any::<Vec<u8>>()) {
        if let Ok(node) = decode(&input, &Limits::default()) {
            let encoded = encode(&node).unwrap();
            prop_assert_eq!(encoded.expose(), &input[..]);
        }
    }
}
