//! What a key of a file is: its name, the type of its value, and the words about it.

/// A map of the file and the keys that it may have.
#[derive(Debug)]
pub(crate) struct KeyMap {
    /// Its name in the reference page.
    pub title: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub name: &'static str,
    pub kind: KeyType,
    pub required: bool,
    /// What holds without it, in words; empty when there is nothing to say.
    pub default: &'static str,
    /// Whether pg_exporter knows it too.
    pub inherited: bool,
    pub about: &'static str,
    /// A value as YAML.
    pub example: &'static str,
}

/// What a key's value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyType {
    Text,
    /// A text that is not blank, in the language of the source.
    Query,
    Number,
    /// A whole number above 0.
    Count,
    Bool,
    /// Seconds, or the name of a tier.
    Period,
    Version,
    /// One of these words, in any case if `true`.
    Word(&'static [&'static str], bool),
    List(Item),
    /// A text, a list of texts, or a regular expression between slashes.
    Match,
    Map(&'static KeyMap),
}

/// What the items of a list may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    Text,
    Number,
    Map(&'static KeyMap),
    /// Maps of one key, the column's name, to a map with keys of its own.
    Column,
}

/// The tiers of [`KeyType::Period`].
pub(crate) const TIERS: &[&str] = &["fast", "norm", "slow", "slowest"];

impl KeyMap {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of its keys, for an error that expected one of them.
    pub fn names(&self) -> String {
        self.keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
    }
}

impl KeyType {
    /// The words after "expected" in an error, and the type in the reference page.
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Query => "a query".into(),
            Self::Number => "a number".into(),
            Self::Count => "a whole number above 0".into(),
            Self::Bool => "true or false".into(),
            Self::Period => format!("seconds, or one of {}", TIERS.join(", ")),
            Self::Version => "a version such as 14, 140000, 1.24 or 12400".into(),
            Self::Word([word], _) => (*word).into(),
            Self::Word(words, _) => format!("one of {}", words.join(", ")),
            Self::List(_) => "a list".into(),
            Self::Match => "a text, a list of texts or a /regular expression/".into(),
            Self::Map(_) => "a map".into(),
        }
    }
}

impl Key {
    /// A key that pg_exporter knows.
    pub(crate) const fn new(name: &'static str, kind: KeyType, about: &'static str, example: &'static str) -> Self {
        Self { name, kind, required: false, default: "", inherited: true, about, example }
    }

    /// A key that only this suite knows.
    pub(crate) const fn ours(name: &'static str, kind: KeyType, about: &'static str, example: &'static str) -> Self {
        Self { inherited: false, ..Self::new(name, kind, about, example) }
    }

    pub(crate) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}
