//! The known members of a document and their types. A member of another type becomes null.

use jq::Shape::{self, Flag, List, Members, Number, Object, Text};

const STATUS: Shape = Object(&[("code", Number), ("message", Text), ("lock", LOCKS)]);
const LOCKS: Shape = Object(&[("backup", LOCK), ("restore", LOCK)]);
const LOCK: Shape = Object(&[("held", Flag), ("size", Number), ("size-cplt", Number), ("repo", List(&PROGRESS))]);
const PROGRESS: Shape = Object(&[("key", Number), ("size", Number), ("size-cplt", Number)]);
const DATABASE: Shape = Object(&[("id", Number), ("repo-key", Number), ("system-id", Number), ("version", Text)]);
const ARCHIVE: Shape = Object(&[("id", Text), ("min", Text), ("max", Text), ("database", DATABASE)]);
const REPOSITORY: Shape = Object(&[("key", Number), ("cipher", Text), ("status", STATUS)]);

/// A stanza without its backups.
pub(crate) const STANZA: Shape = Object(&[
    ("name", Text),
    ("cipher", Text),
    ("status", STATUS),
    ("repo", List(&REPOSITORY)),
    ("db", List(&DATABASE)),
    ("archive", List(&ARCHIVE)),
]);

/// A backup.
pub(crate) const BACKUP: Shape = Object(&[
    ("label", Text),
    ("type", Text),
    ("prior", Text),
    ("reference", List(&Text)),
    ("timestamp", Object(&[("start", Number), ("stop", Number)])),
    ("archive", Object(&[("start", Text), ("stop", Text)])),
    ("lsn", Object(&[("start", Text), ("stop", Text)])),
    ("backrest", Object(&[("format", Number), ("version", Text)])),
    ("database", DATABASE),
    ("info", Object(&[("size", Number), ("delta", Number), ("repository", SIZES)])),
    ("error", Flag),
    ("annotation", Members),
    ("database-ref", List(&Members)),
]);
const SIZES: Shape = Object(&[("size", Number), ("delta", Number), ("size-map", Number), ("delta-map", Number)]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_types_become_null() {
        let fitted = |shape: &Shape, text: &str| shape.fit(serde_json::from_str(text).unwrap()).to_string();
        for (text, expected) in [
            (
                r#"{"label":1,"timestamp":{"start":"x","stop":2},"reference":["a",null,3],"new":[1]}"#,
                r#"{"label":null,"timestamp":{"start":null,"stop":2},"reference":["a"],"new":[1]}"#,
            ),
            (r#"{"info":[],"error":"true","annotation":7}"#, r#"{"info":null,"error":null,"annotation":null}"#),
            ("[]", "null"),
        ] {
            assert_eq!(fitted(&BACKUP, text), expected);
        }
        let text = r#"{"name":"a","status":{"code":0,"lock":false},"repo":[1,{"key":1,"status":"ok"}],"db":{}}"#;
        let expected = r#"{"name":"a","status":{"code":0,"lock":null},"repo":[{"key":1,"status":null}],"db":null}"#;
        assert_eq!(fitted(&STANZA, text), expected);
    }
}
