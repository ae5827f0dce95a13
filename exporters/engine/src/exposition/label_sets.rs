//! The label sets that a result has had, to find those that come twice.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Label sets as text, one after another in one place.
#[derive(Debug, Default)]
pub(super) struct LabelSets<S = DefaultHashBuilder> {
    texts: Vec<u8>,
    /// Start and end in `texts`.
    table: HashTable<(usize, usize)>,
    hasher: S,
}

impl<S: BuildHasher> LabelSets<S> {
    /// Whether this one was inserted.
    pub fn contains(&self, set: &[u8]) -> bool {
        let is_same = |&(start, end): &(usize, usize)| &self.texts[start..end] == set;
        self.table.find(self.hasher.hash_one(set), is_same).is_some()
    }

    /// How many bytes they have together.
    pub fn length(&self) -> usize {
        self.texts.len()
    }

    /// Inserts one that is not there.
    pub fn insert(&mut self, set: &[u8]) {
        let start = self.texts.len();
        self.texts.extend_from_slice(set);
        let (texts, hasher) = (&self.texts, &self.hasher);
        let rehash = |&(start, end): &(usize, usize)| hasher.hash_one(&texts[start..end]);
        self.table.insert_unique(hasher.hash_one(set), (start, texts.len()), rehash);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, Hasher};

    use super::*;

    /// Takes everything for the same.
    #[derive(Default)]
    struct Collide;

    impl Hasher for Collide {
        fn write(&mut self, _: &[u8]) {}

        fn finish(&self) -> u64 {
            7
        }
    }

    #[test]
    fn tells_label_sets_of_the_same_hash_apart() {
        let mut sets = LabelSets::<BuildHasherDefault<Collide>>::default();
        let set = |n: usize| format!("{{a=\"{n}\"}}").into_bytes();
        for n in 0..100 {
            assert!(!sets.contains(&set(n)), "{n}");
            sets.insert(&set(n));
        }
        assert!((0..100).all(|n| sets.contains(&set(n))) && !sets.contains(b"{a=\"1"));
    }
}
