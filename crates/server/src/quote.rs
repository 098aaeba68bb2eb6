//! Text that somebody else wrote, where it is given on: on one line, bounded, and without characters that do something. Not here: what
//! each format escapes besides.

/// The text on one line, cut between characters to so many bytes and three dots. What is not seen becomes a space.
pub(crate) fn plain(text: &str, bytes_max: usize) -> String {
    let seen = |c: char| if disturbs(c) { ' ' } else { c };
    let mut plain: String = text.chars().take(bytes_max + 1).map(seen).collect();
    if plain.len() > bytes_max {
        plain.truncate(plain.floor_char_boundary(bytes_max));
        plain.push('…');
    }
    plain
}

/// Characters that are not seen, end a line or turn what stands behind them: control, format and separator characters.
///
/// # Standard
/// Unicode 15, general categories Cc, Cf, Zl and Zp.
pub(crate) fn disturbs(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0001}'
                | '\u{e0020}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_on_is_one_line_and_does_nothing() {
        assert_eq!(plain("a\r\nBcc: b\u{202e}c\u{2028}d\u{7}é", 99), "a  Bcc: b c d é");
        assert_eq!(plain("ärger", 1), "…");
        assert_eq!(plain(&"x".repeat(9), 4), "xxxx…");
        assert_eq!(plain("xxxx", 4), "xxxx");
    }
}
