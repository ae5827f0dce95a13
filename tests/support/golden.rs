//! Expected texts in files.

use std::path::Path;

/// Compares a text with the one in the file, or writes it there if `UPDATE_EXPECT` is 1.
pub fn expect(file: &Path, found: &str) {
    if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        std::fs::write(file, found).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    assert!(found == expected, "not as in {}:\n--- expected\n{expected}--- found\n{found}---", file.display());
}
