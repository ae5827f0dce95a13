//! Files and lines that are too long to be read at a glance.

const MOST_LINES: usize = 400;
const MOST_CHARACTERS: usize = 100;

/// The failure of a Rust file that is too long.
pub fn long_file(file: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let advice = "split it by what its parts are about";
    (lines > MOST_LINES).then(|| format!("{file}:{lines}: {lines} lines, at most {MOST_LINES}: {advice}"))
}

/// The failures of a Markdown file's long lines; tables and the targets of links may be as long as they are.
pub fn long_lines(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let begin = line.trim_start();
        let length = without_targets(line).chars().count();
        if !begin.starts_with('|') && length > MOST_CHARACTERS {
            found.push(format!("{file}:{}: {length} characters, at most {MOST_CHARACTERS}: wrap the line", at + 1));
        }
    }
    found
}

/// The line without the addresses of its links.
fn without_targets(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some((begin, end)) = ["](", "https://", "http://"].iter().filter_map(|mark| target(rest, mark)).min() {
        kept.push_str(&rest[..begin]);
        rest = &rest[end..];
    }
    kept + rest
}

/// Where the address after `mark` begins and ends.
fn target(line: &str, mark: &str) -> Option<(usize, usize)> {
    let begin = line.find(mark)?;
    let is_end = |c: char| c.is_whitespace() || matches!(c, ')' | '>');
    let inside = begin + mark.len();
    Some((begin, line[inside..].find(is_end).map_or(line.len(), |end| inside + end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_file_of_more_than_400_lines() {
        assert_eq!(long_file("a.rs", &"x\n".repeat(400)), None);
        let failure = long_file("a.rs", &"x\n".repeat(401)).unwrap();
        assert!(failure.starts_with("a.rs:401: 401 lines, at most 400: "), "{failure}");
    }

    #[test]
    fn finds_a_line_of_more_than_100_characters() {
        let long = "ä".repeat(101);
        let text = format!("{}\n{long}\n", "ä".repeat(100));
        assert_eq!(long_lines("a.md", &text), ["a.md:2: 101 characters, at most 100: wrap the line"]);
        assert_eq!(long_lines("a.md", &format!("```\n{long}\n```\n{long}")).len(), 2);
    }

    #[test]
    fn lets_tables_and_addresses_be_long() {
        let address = format!("https://example.org/{}", "x".repeat(100));
        for line in [format!("| {} |", "x".repeat(200)), format!("- [a]({address}) b"), format!("See <{address}>.")] {
            assert_eq!(long_lines("a.md", &line), [""; 0], "{line}");
        }
        assert_eq!(long_lines("a.md", &format!("[{}]({address})", "x".repeat(100))).len(), 1);
    }
}
