//! What rules remember of whom, in bounded memory: those who were not seen for long are forgotten first.

use std::collections::HashMap;

/// So many are remembered at least, and twice as many at most.
const REMEMBERED: usize = 16_384;

/// Something about each of many subjects.
#[derive(Debug)]
pub(super) struct Subjects<V> {
    /// Seen lately.
    young: HashMap<String, V>,
    /// Seen before; forgotten once there are too many young ones.
    old: HashMap<String, V>,
}

impl<V> Default for Subjects<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<V> Subjects<V> {
    /// What is remembered of one.
    pub(super) fn get(&self, subject: &str) -> Option<&V> {
        self.young.get(subject).or_else(|| self.old.get(subject))
    }

    /// Remembers this of it.
    pub(super) fn insert(&mut self, subject: String, value: V) {
        self.make_room();
        self.old.remove(&subject);
        self.young.insert(subject, value);
    }

    /// What is remembered of one, to be changed; made where there is nothing.
    pub(super) fn of(&mut self, subject: &str, make: impl FnOnce() -> V) -> &mut V {
        self.make_room();
        let before = self.old.remove(subject);
        self.young.entry(subject.to_owned()).or_insert_with(|| before.unwrap_or_else(make))
    }

    fn make_room(&mut self) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_were_not_seen_for_long_are_forgotten_first() {
        let mut subjects = Subjects::default();
        for number in 0..10 * REMEMBERED {
            *subjects.of("always", || 0) += 1;
            subjects.of(&number.to_string(), || 0);
            assert!(subjects.len() <= 2 * REMEMBERED);
        }
        assert_eq!(subjects.get("always"), Some(&(10 * REMEMBERED)));
        assert_eq!(subjects.get("0"), None);
        assert!(subjects.get(&(10 * REMEMBERED - 1).to_string()).is_some());
    }
}
