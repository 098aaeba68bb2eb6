//! Patterns of names and tags: `*` stands for any characters, `?` for one, everything else for itself.

/// Whether the whole text is as the pattern says. Takes at most as many steps as both lengths multiplied, whatever they hold.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it stands for so far: only the last one is ever tried anew.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(one) if *one == '?' || *one == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, eaten)) = star else { return false };
                star = Some((at, eaten + 1));
                p = at + 1;
                t = eaten + 1;
            }
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_and_question_marks_stand_for_what_they_say() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "any"),
            ("prod-*", "prod-"),
            ("a*b*c", "a-b-b-c"),
            ("?x", "äx"),
            ("", ""),
            ("**", "a"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("prod-*", "test-prod-1"), ("?", ""), ("a*b", "abc"), ("", "a"), ("A", "a")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
        assert!(!fits(&"a*".repeat(100), &format!("{}b", "a".repeat(90))), "ends");
    }
}
