//! Caller's text that an answer gives back: cut, so that no answer is as long as the mistake. Not here: log lines, which
//! the log cuts.

/// Bytes of one text of the caller's that a message quotes.
pub(super) const QUOTED_BYTES_MAX: usize = 256;

/// Bytes of a message about what was wrong, all in all.
pub(super) const MESSAGE_BYTES_MAX: usize = 1024;

/// The text, cut between characters to so many bytes and three dots.
pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short".into(), 5), "short");
        assert_eq!(cut("ärger".into(), 1), "…");
        assert_eq!(cut("x".repeat(9), 4), "xxxx…");
    }
}
