//! What XML and JSON share: items whose values are words, and which values the words say. Not here: the syntax.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{ItemType, NO_SUCH_NAME, Node, Value};
use crate::enums::names;
use crate::error::{DecodeError, Fault};
use crate::secret::{SecretBytes, SecretText, wipe};
use crate::tags::Tag;

/// An item as it was written. May hold secrets, which are wiped on drop.
pub(super) struct Item {
    pub(super) tag: Tag,
    pub(super) item_type: ItemType,
    pub(super) form: Form,
}

/// How a value was written. May hold secrets.
pub(super) enum Form {
    /// Not at all.
    Absent,
    /// As the items of a structure.
    Items(Vec<Item>),
    /// As text.
    Word(SecretText),
    /// As a number of JSON.
    Number(i64),
    /// As a truth of JSON.
    Boolean(bool),
}

/// A value as it is to be written. May hold a secret.
pub(super) enum Plain<'a> {
    /// A number.
    Number(i64),
    /// A number of 32 bits, with its sign or without.
    Short(i64),
    /// A truth.
    Boolean(bool),
    /// Words of the standard, a date, or a number in hexadecimal: nothing to escape.
    Word(String),
    /// Text as it is.
    Text(&'a str),
    /// Bytes in hexadecimal.
    Bytes(&'a [u8]),
    /// A number of any length in hexadecimal.
    BigInteger(&'a [u8]),
}

impl Item {
    /// The first item of a structure.
    pub(super) fn first(&self) -> Option<&Item> {
        match &self.form {
            Form::Items(items) => items.first(),
            _ => None,
        }
    }
}

/// What the items around an item say of it: the attribute whose value it is, where 1.x calls that by name.
#[derive(Default)]
pub(super) struct Scope {
    attribute: Option<Tag>,
    of_vendor: bool,
}

impl Scope {
    /// The tag that says which codes stand under `tag` here.
    pub(super) fn meaning(&self, tag: Tag) -> Tag {
        self.attribute.filter(|_| tag == Tag::ATTRIBUTE_VALUE).unwrap_or(tag)
    }

    /// Goes past an item.
    pub(super) fn pass(&mut self, node: &Node) {
        match (node.tag, &node.value) {
            (Tag::VENDOR_IDENTIFICATION, _) => self.of_vendor = true,
            (Tag::ATTRIBUTE_NAME, Value::TextString(name)) if !self.of_vendor => {
                self.attribute = names::attribute_tag(name);
            }
            _ => {}
        }
    }
}

/// The tag that a word names: by the standard's name, or as 0x and six digits.
pub(super) fn tag(word: &str) -> Result<Tag, Fault> {
    let number = || word.strip_prefix("0x").filter(|digits| digits.len() == 6).and_then(hexadecimal);
    let tag = Tag::from_name(word).or_else(|| number().map(|number| Tag(number as u32)));
    tag.ok_or(Fault::Value(
        "this is no tag: name one of the standard, or write 0x and six hexadecimal digits",
    ))
}

/// The type that a word names.
pub(super) fn item_type(word: &str) -> Result<ItemType, Fault> {
    let mut types = (1..=u8::MAX).map_while(ItemType::from_code);
    types.find(|known| known.name() == word).ok_or(Fault::Value("this is no type of the standard"))
}

/// The tree that an item says.
///
/// # Errors
///
/// Where a word does not say a value of its type.
// INVARIANT: nests no deeper than the syntax was allowed to.
pub(super) fn node(item: &Item) -> Result<Node, DecodeError> {
    node_in(item, &Scope::default())
}

fn node_in(item: &Item, scope: &Scope) -> Result<Node, DecodeError> {
    let value = match item.item_type {
        ItemType::Structure => structure(&item.form),
        item_type => value(item_type, &item.form, scope.meaning(item.tag)).map_err(DecodeError::from),
    };
    match value {
        Ok(value) => Ok(Node { tag: item.tag, value }),
        Err(error) => Err(error.within(item.tag)),
    }
}

fn structure(form: &Form) -> Result<Value, DecodeError> {
    let items = match form {
        Form::Items(items) => &items[..],
        Form::Absent => &[],
        _ => return Err(Fault::Value("a structure holds items").into()),
    };
    let mut scope = Scope::default();
    let mut nodes = Vec::with_capacity(items.len());
    for item in items {
        let node = node_in(item, &scope)?;
        scope.pass(&node);
        nodes.push(node);
    }
    Ok(Value::Structure(nodes))
}

/// The value that a form says. `tag` says which codes have names.
fn value(item_type: ItemType, form: &Form, tag: Tag) -> Result<Value, Fault> {
    let word = match form {
        Form::Number(number) => return from_number(item_type, *number),
        Form::Boolean(truth) if item_type == ItemType::Boolean => return Ok(Value::Boolean(*truth)),
        Form::Word(word) => word.expose(),
        Form::Absent => return Err(Fault::Missing),
        Form::Boolean(_) | Form::Items(_) => return Err(Fault::Value("the value is not of its type")),
    };
    let hex = |bytes_max: usize| {
        let digits = word.strip_prefix("0x").filter(|digits| digits.len() <= 2 * bytes_max);
        digits.and_then(hexadecimal)
    };
    let value = match item_type {
        ItemType::TextString => Some(Value::TextString(word.to_owned())),
        ItemType::ByteString => return bytes(word).map(Value::ByteString),
        ItemType::BigInteger => return big_integer(word.strip_prefix("0x").unwrap_or(word)),
        ItemType::Integer => {
            let number = word.parse().ok().or_else(|| hex(4).map(|number| number as i32));
            number.or_else(|| mask(word, tag)).map(Value::Integer)
        }
        ItemType::LongInteger => {
            word.parse().ok().or_else(|| hex(8).map(|number| number as i64)).map(Value::LongInteger)
        }
        ItemType::Enumeration => {
            let code = hex(4).map(|code| code as u32).or_else(|| word.parse().ok());
            let code = code.or_else(|| names::code(tag, word));
            // INVARIANT: a name that means nothing stays text, which no enumeration is read from: it fails its item, and not
            // the whole message. Where nobody would look at it, it is refused here.
            return match code {
                Some(code) => Ok(Value::Enumeration(code)),
                None if !names::has_names(tag) => Err(Fault::Value(NO_SUCH_NAME)),
                None => Ok(Value::TextString(word.to_owned())),
            };
        }
        ItemType::Boolean => match (word, hex(8)) {
            ("true" | "1", _) | (_, Some(1)) => Some(Value::Boolean(true)),
            ("false" | "0", _) | (_, Some(0)) => Some(Value::Boolean(false)),
            _ => None,
        },
        ItemType::DateTime => {
            let seconds = || date(word).map(OffsetDateTime::unix_timestamp);
            hex(8).map(|number| number as i64).or_else(seconds).map(Value::DateTime)
        }
        ItemType::DateTimeExtended => {
            let micros = || i64::try_from(date(word)?.unix_timestamp_nanos().div_euclid(1000)).ok();
            let number = || hex(8).map(|number| number as i64).or_else(|| word.parse().ok());
            number().or_else(micros).map(Value::DateTimeExtended)
        }
        ItemType::Interval => {
            word.parse().ok().or_else(|| hex(4).map(|number| number as u32)).map(Value::Interval)
        }
        ItemType::Structure => None,
    };
    value.ok_or(Fault::Value("the value is not of its type"))
}

fn from_number(item_type: ItemType, number: i64) -> Result<Value, Fault> {
    let value = match item_type {
        ItemType::Integer => i32::try_from(number).ok().map(Value::Integer),
        ItemType::LongInteger => Some(Value::LongInteger(number)),
        ItemType::BigInteger => Some(Value::BigInteger(number.to_be_bytes().to_vec())),
        ItemType::Enumeration => u32::try_from(number).ok().map(Value::Enumeration),
        ItemType::Interval => u32::try_from(number).ok().map(Value::Interval),
        ItemType::DateTimeExtended => Some(Value::DateTimeExtended(number)),
        _ => None,
    };
    value.ok_or(Fault::Value("the number is not of this type, or out of its range"))
}

/// The bits that the names of a mask stand for, apart from one another by white space (XML) or `|` (JSON).
fn mask(word: &str, tag: Tag) -> Option<i32> {
    let mut words = word.split(|c: char| c == '|' || c.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let bits = words.try_fold(0, |bits, word| {
        let unnamed = || word.strip_prefix("0x").filter(|digits| digits.len() <= 8).and_then(hexadecimal);
        Some(bits | names::bit(tag, word).or_else(|| unnamed().map(|bits| bits as u32))?)
    });
    bits.filter(|_| !word.is_empty()).map(|bits| bits as i32)
}

/// The number that at most 16 hexadecimal digits say.
fn hexadecimal(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if all { u64::from_str_radix(digits, 16).ok() } else { None }
}

fn bytes(digits: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; digits.len() / 2];
    match hex::decode_to_slice(digits, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => {
            wipe(&mut bytes);
            Err(Fault::Value("the bytes are not pairs of hexadecimal digits"))
        }
    }
}

fn big_integer(digits: &str) -> Result<Value, Fault> {
    let number = SecretBytes::from(bytes(digits)?);
    let Some(first) = number.expose().first() else { return Err(Fault::Value("a Big Integer has digits")) };
    let fill = if first & 0x80 != 0 { 0xFF } else { 0 };
    let mut whole = vec![fill; number.len().next_multiple_of(8)];
    let begin = whole.len() - number.len();
    whole[begin..].copy_from_slice(number.expose());
    Ok(Value::BigInteger(whole))
}

fn date(word: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(word, &Rfc3339).ok()
}

/// How a value is written; the names of a mask stand apart by `apart`.
pub(super) fn plain<'a>(value: &'a Value, tag: Tag, apart: &str) -> Plain<'a> {
    match value {
        Value::Integer(number) => match names::bit_names(tag, *number as u32) {
            Some(words) if !words.is_empty() => Plain::Word(words.join(apart)),
            _ => Plain::Short((*number).into()),
        },
        Value::LongInteger(number) => Plain::Number(*number),
        Value::BigInteger(number) => Plain::BigInteger(number),
        Value::Enumeration(code) => {
            Plain::Word(names::name(tag, *code).map_or_else(|| short((*code).into()), str::to_owned))
        }
        Value::Boolean(truth) => Plain::Boolean(*truth),
        Value::TextString(text) => Plain::Text(text),
        Value::ByteString(bytes) => Plain::Bytes(bytes),
        Value::DateTime(seconds) => {
            Plain::Word(written_date(*seconds, None).unwrap_or_else(|| long(*seconds)))
        }
        Value::Interval(seconds) => Plain::Short((*seconds).into()),
        Value::DateTimeExtended(micros) => {
            let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
            Plain::Word(written_date(seconds, Some(fraction)).unwrap_or_else(|| long(*micros)))
        }
        // Writers ask for the items of a structure, never for it.
        Value::Structure(_) => Plain::Word(String::new()),
    }
}

/// A number of 32 bits in hexadecimal.
pub(super) fn short(number: i64) -> String {
    format!("0x{:08x}", number as u32)
}

/// A number of 64 bits in hexadecimal.
pub(super) fn long(number: i64) -> String {
    format!("0x{number:016x}")
}

/// ISO 8601 in UTC; `None` out of the years 0 to 9999, for which text has no place.
fn written_date(seconds: i64, micros: Option<i64>) -> Option<String> {
    let date =
        OffsetDateTime::from_unix_timestamp(seconds).ok().filter(|date| (0..=9999).contains(&date.year()))?;
    let (hour, minute, second) = date.to_hms();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let fraction = micros.map_or_else(String::new, |micros| format!(".{micros:06}"));
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}+00:00"))
}

/// Appends bytes in hexadecimal.
pub(super) fn append_hex(out: &mut SecretBytes, bytes: &[u8]) {
    let begin = out.len();
    out.reserve(2 * bytes.len());
    out.0.resize(begin + 2 * bytes.len(), 0);
    // INVARIANT: two digits a byte fit exactly.
    hex::encode_to_slice(bytes, &mut out.0[begin..]).unwrap_or_default();
}
