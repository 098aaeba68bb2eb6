//! What serde says is wrong with a text, without what it found there: that may be a secret that somebody put in the wrong
//! place. Not here: where in the text that is, which each format says in its own way.

/// Bytes of a field's name that is told.
const NAME_BYTES_MAX: usize = 40;

/// What is wrong, by what should be there. `tells_name`: which names of unknown fields are told.
pub(crate) fn reason(message: &str, tells_name: fn(&str) -> bool) -> String {
    // These say what was found, then what should be there.
    const TELLING: [&str; 4] = ["unknown field", "unknown variant", "invalid type", "invalid value"];
    let Some(kind) = TELLING.into_iter().find(|kind| message.starts_with(kind)) else {
        return message.to_owned();
    };
    let name = message.strip_prefix("unknown field `").and_then(|rest| Some(rest.split_once("`, ")?.0));
    let name = name.filter(|name| tells_name(name)).map_or(String::new(), |name| format!(" `{name}`"));
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{kind}{name}, expected {expected}"),
        None => format!("{kind}{name}"),
    }
}

/// Whether a text looks like the name of a field, and so can be told.
pub(crate) fn is_name(text: &str) -> bool {
    let is_named = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_named)
}

/// A name that nothing here has, for people: told where it looks like one.
pub(crate) fn told(name: &str) -> String {
    if is_name(name) { format!("{name:?}") } else { "of that name".to_owned() }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only how it is refused matters")]
    struct Taken {
        number: u8,
        choice: Choice,
    }

    #[derive(Debug, Deserialize)]
    enum Choice {
        One,
    }

    #[test]
    fn what_was_found_is_never_told() {
        for (text, told) in [
            (r#"{"number":"hunter2, expected hunter3"}"#, "invalid type, expected u8 at line 1"),
            (r#"{"number":77777}"#, "invalid value, expected u8"),
            (r#"{"choice":"hunter2"}"#, "unknown variant, expected `One`"),
            (r#"{"Hunter 2":1}"#, "unknown field, expected `number` or `choice`"),
            (r#"{"hunter` 2":1}"#, "unknown field"),
            (r#"{"colour":1}"#, "unknown field `colour`, expected"),
            (r#""hunter2""#, "invalid type, expected struct Taken"),
            (r#"{"number":1}"#, "missing field `choice`"),
        ] {
            let message = serde_json::from_str::<Taken>(text).unwrap_err().to_string();
            let reason = reason(&message, is_name);
            assert!(reason.contains(told), "{text}: {reason}");
            assert!(!reason.contains("unter") && !reason.contains("777"), "{text}: {reason}");
        }
    }
}
