//! XML and JSON: what the published messages do not have. Those are in tests/vectors.rs.

use super::*;
use crate::tags::Tag;

fn decode(encoding: Encoding, text: &str) -> Result<Node, DecodeError> {
    encoding.decode(text.as_bytes(), &Limits::default())
}

fn written(encoding: Encoding, node: &Node) -> String {
    String::from_utf8(encoding.encode(node).unwrap().into_vec()).unwrap()
}

fn xml_error(text: &str) -> String {
    decode(Encoding::Xml, text).unwrap_err().to_string()
}

fn json_error(text: &str) -> String {
    decode(Encoding::Json, text).unwrap_err().to_string()
}

fn leaf(item_type: &str, value: &str) -> Result<Value, DecodeError> {
    let xml = decode(Encoding::Xml, &format!(r#"<MACData type="{item_type}" value="{value}"/>"#));
    let json =
        decode(Encoding::Json, &format!(r#"{{"tag":"MACData","type":"{item_type}","value":"{value}"}}"#));
    assert_eq!(xml, json);
    xml.map(|node| node.value)
}

fn attribute(name: &str, value: Value) -> Node {
    let name = Node::new(Tag::ATTRIBUTE_NAME, Value::TextString(name.into()));
    Node::new(Tag::ATTRIBUTE, Value::Structure(vec![name, Node::new(Tag::ATTRIBUTE_VALUE, value)]))
}

#[test]
fn every_type_is_written_as_the_profiles_say() {
    let tag = Tag::MAC_DATA;
    for (value, xml, json) in [
        (Value::Integer(-1), "-1", "\"0xffffffff\""),
        (Value::LongInteger(1 << 60), "1152921504606846976", "\"0x1000000000000000\""),
        (Value::LongInteger(i64::MIN), "-9223372036854775808", "\"0x8000000000000000\""),
        (Value::BigInteger(vec![255; 8]), "ffffffffffffffff", "\"0xffffffffffffffff\""),
        (Value::Enumeration(0x8000_0001), "0x80000001", "\"0x80000001\""),
        (Value::Boolean(true), "true", "true"),
        (Value::TextString("".into()), "", "\"\""),
        (
            Value::TextString("a<b>&\"c'\n\t\\ \u{e9}\u{1f511}".into()),
            "a&lt;b&gt;&amp;&quot;c'&#10;&#9;\\ \u{e9}\u{1f511}",
            "\"a<b>&\\\"c'\\n\\t\\\\ \u{e9}\u{1f511}\"",
        ),
        (Value::ByteString(vec![0, 0xAB]), "00ab", "\"00ab\""),
        (Value::ByteString(vec![]), "", "\"\""),
        (Value::DateTime(0), "1970-01-01T00:00:00+00:00", "\"1970-01-01T00:00:00+00:00\""),
        (Value::DateTime(-62_167_219_201), "0xfffffff1868b83ff", "\"0xfffffff1868b83ff\""),
        (Value::DateTime(i64::MAX), "0x7fffffffffffffff", "\"0x7fffffffffffffff\""),
        (Value::Interval(u32::MAX), "4294967295", "\"0xffffffff\""),
        (
            Value::DateTimeExtended(-1),
            "1969-12-31T23:59:59.999999+00:00",
            "\"1969-12-31T23:59:59.999999+00:00\"",
        ),
        (Value::DateTimeExtended(i64::MIN), "0x8000000000000000", "\"0x8000000000000000\""),
    ] {
        let item_type = value.item_type();
        let node = Node::new(tag, value);
        let xml = format!(r#"<MACData type="{item_type}" value="{xml}"/>"#);
        let json = format!(r#"{{"tag":"MACData","type":"{item_type}","value":{json}}}"#);
        assert_eq!(written(Encoding::Xml, &node), xml);
        assert_eq!(written(Encoding::Json, &node), json);
        assert_eq!(decode(Encoding::Xml, &xml).unwrap(), node);
        assert_eq!(decode(Encoding::Json, &json).unwrap(), node);
        let binary = Encoding::Ttlv.encode(&node).unwrap();
        assert_eq!(Encoding::Xml.translate(binary).unwrap().expose(), xml.as_bytes());
    }
}

#[test]
fn other_forms_of_a_value_are_read_too() {
    for (item_type, word, value) in [
        ("Integer", "0x7", Value::Integer(7)),
        ("LongInteger", "0xffffffffffffffff", Value::LongInteger(-1)),
        ("BigInteger", "0x80", Value::BigInteger(vec![255, 255, 255, 255, 255, 255, 255, 128])),
        ("Enumeration", "7", Value::Enumeration(7)),
        ("Boolean", "0x0000000000000001", Value::Boolean(true)),
        ("ByteString", "AbcD", Value::ByteString(vec![0xAB, 0xCD])),
        ("DateTime", "2001-01-01T10:00:00+10:00", Value::DateTime(978_307_200)),
        ("DateTime", "2001-01-01T00:00:00Z", Value::DateTime(978_307_200)),
        ("DateTime", "0x000000003a4fc880", Value::DateTime(978_307_200)),
        ("DateTimeExtended", "2001-01-01T00:00:00.5Z", Value::DateTimeExtended(978_307_200_500_000)),
        ("Interval", "0x0000000a", Value::Interval(10)),
    ] {
        assert_eq!(leaf(item_type, word), Ok(value), "{word}");
    }
    let number =
        |item_type| decode(Encoding::Json, &format!(r#"{{"value":-3,"type":"{item_type}","tag":"D"}}"#));
    assert_eq!(number("Integer").unwrap().value, Value::Integer(-3));
    assert_eq!(number("LongInteger").unwrap().value, Value::LongInteger(-3));
    assert!(number("Interval").is_err() && number("Enumeration").is_err() && number("TextString").is_err());
}

#[test]
fn what_is_not_of_its_type_is_refused() {
    for (item_type, word) in [
        ("Integer", "2147483648"),
        ("Integer", "0x100000000"),
        ("Integer", ""),
        ("Integer", "Encrypt"),
        ("Integer", "0x-1"),
        ("LongInteger", "1.0"),
        ("BigInteger", ""),
        ("BigInteger", "123"),
        ("Enumeration", "AES"),
        ("Boolean", "yes"),
        ("ByteString", "0x00"),
        ("ByteString", "0"),
        ("DateTime", "2001-01-01T00:00:00"),
        ("DateTime", "2001-02-30T00:00:00Z"),
        ("Interval", "-1"),
        ("Structure", "a"),
        ("Text", "a"),
    ] {
        assert!(leaf(item_type, word).is_err(), "{item_type} {word}");
    }
}

#[test]
fn codes_bear_the_names_of_their_tag_or_their_attribute() {
    let named = |tag, value| written(Encoding::Xml, &Node::new(tag, value));
    assert!(named(Tag::OBJECT_TYPE, Value::Enumeration(2)).contains("\"SymmetricKey\""));
    assert!(named(Tag::ATTRIBUTE_REFERENCE, Value::Enumeration(Tag::NAME.0)).contains("\"Name\""));
    let mask = Value::Integer(0x8000_000Cu32 as i32);
    let text = named(Tag::CRYPTOGRAPHIC_USAGE_MASK, mask.clone());
    assert!(text.contains("\"Encrypt Decrypt 0x80000000\""), "{text}");
    assert!(named(Tag::CRYPTOGRAPHIC_USAGE_MASK, Value::Integer(0)).contains("\"0\""));
    let named = attribute("Cryptographic Usage Mask", mask);
    let text = written(Encoding::Json, &named);
    assert!(text.contains("\"Encrypt|Decrypt|0x80000000\""), "{text}");
    assert_eq!(decode(Encoding::Json, &text).unwrap(), named);
    for encoding in [Encoding::Xml, Encoding::Json] {
        let named = attribute("Cryptographic Algorithm", Value::Enumeration(2));
        let text = written(encoding, &named);
        assert!(text.contains("\"DES3\""), "{text}");
        assert_eq!(decode(encoding, &text).unwrap(), named);
        let custom = attribute("x-State", Value::Enumeration(2));
        assert!(written(encoding, &custom).contains("\"0x00000002\""));
        // A vendor's attribute may be called as one of the standard's.
        let mut of_vendor = attribute("State", Value::Enumeration(2));
        let Value::Structure(nodes) = &mut of_vendor.value else { unreachable!() };
        nodes.insert(0, Node::new(Tag::VENDOR_IDENTIFICATION, Value::TextString("a".into())));
        assert!(written(encoding, &of_vendor).contains("\"0x00000002\""));
        let unknown = Node::new(Tag(0x54_0001), Value::Structure(vec![]));
        assert_eq!(decode(encoding, &written(encoding, &unknown)).unwrap(), unknown);
    }
}

#[test]
fn xml_is_taken_as_others_write_it() {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a -->\n<Authentication xmlns=\"urn:oasis:tc:kmip:xmlns\">\n \
        <TTLV tag='0x420099' name=\"Username\" type=\"TextString\" value=\"a&#x20;&lt;\"></TTLV>\n</Authentication>\n";
    let username = Node::new(Tag::USERNAME, Value::TextString("a <".into()));
    let expected = Node::new(Tag::AUTHENTICATION, Value::Structure(vec![username]));
    assert_eq!(decode(Encoding::Xml, text), Ok(expected));
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    for (text, what) in [
        ("", "ends too soon"),
        ("<Data>", "ends too soon"),
        ("<Data></Key>", "not well-formed"),
        ("<Data/><Data/>", "second message"),
        ("<Data>a</Data>", "text stands between"),
        ("<Data>&amp;</Data>", "text stands between"),
        ("<!DOCTYPE Data [<!ENTITY a \"b\">]><Data/>", "DOCTYPE"),
        ("<Data type=\"TextString\" value=\"&a;\"/>", "not well-formed"),
        ("<Data type=\"TextString\" value=\"&#0;\"/>", "not well-formed"),
        ("<Data type=\"TextString\" value=\"&#1;\"/>", "none of XML's"),
        ("<Data type=\"Integer\" type=\"Integer\"/>", "not well-formed"),
        ("<Data tag=\"Key\"/>", "none of the standard's"),
        ("<TTLV/>", "lacks a tag"),
        ("<Datum/>", "no tag of the standard"),
        ("<Data type=\"Integer\" value=\"1\"><Data/></Data>", "nest deeper"),
        ("<Key><Data type=\"Integer\" value=\"x\"/></Key>", "Key/Data: the value is not of its type"),
        ("<Key><Data type=\"Integer\"/></Key>", "Key/Data: is required and missing"),
    ] {
        let limits = Limits { depth_max: 1, ..Limits::default() };
        let error = Encoding::Xml.decode(text.as_bytes(), &limits).unwrap_err().to_string();
        assert!(error.contains(what), "{text}: {error}");
    }
    assert!(xml_error("<Data \n/><Key/>").ends_with("at byte 15"), "{}", xml_error("<Data \n/><Key/>"));
    let many = (0..20).map(|n| format!("a:b{n}=\"\"")).collect::<Vec<_>>().join(" ");
    assert!(xml_error(&format!("<Data {many}/>")).contains("too many attributes"));
    for (text, what) in [
        ("", "not the JSON"),
        ("[]", "not the JSON"),
        ("{}", "lacks its tag"),
        (r#"{"tag":"Data"} {}"#, "not the JSON"),
        (r#"{"tag":"Data","tag":"Data"}"#, "twice"),
        (r#"{"tag":"Data","value":[],"value":[]}"#, "twice"),
        (r#"{"tag":"Data","comment":"secret"}"#, "none of the standard's"),
        (r#"{"tag":"Data","type":"Integer","value":1.5}"#, "not the JSON"),
        (r#"{"tag":"Data","type":"LongInteger","value":9223372036854775808}"#, "out of range"),
        (r#"{"tag":"Data","type":"Integer","value":null}"#, "not the JSON"),
        (r#"{"tag":"Data","type":"Integer","value":[]}"#, "not of its type"),
        (r#"{"tag":"Data","value":{}}"#, "not the JSON"),
        (r#"{"tag":"Data","name":[[1]]}"#, "not the JSON"),
    ] {
        let error = json_error(text);
        assert!(error.contains(what) && !error.contains("secret"), "{text}: {error}");
    }
    assert!(json_error("{\n\"tag\":\n1}").ends_with("at byte 10"), "{}", json_error("{\n\"tag\":\n1}"));
}

#[test]
fn depth_count_and_length_are_bounded_in_every_encoding() {
    fn nested(levels: usize) -> Node {
        let inner =
            if levels > 1 { vec![nested(levels - 1)] } else { vec![Node::new(Tag::D, Value::Integer(1))] };
        Node::new(Tag::KEY, Value::Structure(inner))
    }
    for encoding in Encoding::ALL {
        let bytes = encoding.encode(&nested(5)).unwrap();
        let length = bytes.len();
        let limited = |message_bytes_max, depth_max, items_max| {
            encoding.decode(bytes.expose(), &Limits { message_bytes_max, depth_max, items_max })
        };
        assert_eq!(limited(length, 5, 6), Ok(nested(5)), "{encoding:?}");
        let fault = |result: Result<Node, DecodeError>| result.unwrap_err().to_string();
        assert!(fault(limited(length - 1, 5, 6)).contains("over the limit"));
        assert!(fault(limited(length, 4, 6)).contains("nest deeper than 4"), "{encoding:?}");
        assert!(fault(limited(length, 5, 5)).contains("more than 5 items"), "{encoding:?}");
        // Whatever the limit says, no stack is at risk.
        let deep = match encoding {
            Encoding::Ttlv => return,
            Encoding::Xml => "<Key>".repeat(100_000),
            Encoding::Json => r#"{"tag":"Key","value":["#.repeat(100_000),
        };
        let unlimited =
            Limits { message_bytes_max: usize::MAX, depth_max: usize::MAX, items_max: usize::MAX };
        assert!(encoding.decode(deep.as_bytes(), &unlimited).is_err());
    }
}

#[test]
fn a_text_that_xml_cannot_express_is_not_written() {
    let node = Node::new(Tag::NAME_VALUE, Value::TextString("a\u{1}".into()));
    assert_eq!(Encoding::Xml.encode(&node).err(), Some(EncodeError::NotXml));
    let text = written(Encoding::Json, &node);
    assert_eq!(decode(Encoding::Json, &text), Ok(node));
}

#[test]
fn media_types_name_the_encodings() {
    for encoding in Encoding::ALL {
        assert_eq!(Encoding::from_media_type(&encoding.media_type().to_uppercase()), Some(encoding));
    }
    assert_eq!(Encoding::from_media_type("text/plain"), None);
}
