//! The password file, `~/.pgpass`: lines of `host:port:database:user:password`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tracing::warn;

/// What a password is looked up for.
pub(crate) struct Lookup<'a> {
    /// The names the host goes by, of which any may match.
    pub hosts: &'a [String],
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The password of the first line that matches. A file that is missing has none; one that cannot be read or that
/// others could read has none either, with a warning.
pub(crate) fn find(file: &Path, wanted: &Lookup<'_>) -> Option<String> {
    let metadata = std::fs::metadata(file).ok()?;
    if !metadata.is_file() {
        warn!(file = %file.display(), "password file ignored: not a plain file");
        return None;
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        warn!(file = %file.display(), mode = format!("{mode:o}"), "password file ignored: group or others may read it, expected mode 0600");
        return None;
    }
    match std::fs::read_to_string(file) {
        Ok(text) => text.lines().find_map(|line| password(line, wanted)),
        Err(error) => {
            warn!(file = %file.display(), %error, "password file ignored: cannot read it");
            None
        }
    }
}

fn password(line: &str, wanted: &Lookup<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = fields(line);
    let (host, port, database, user) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let matches = (host == "*" || wanted.hosts.contains(&host))
        && (port == "*" || port == wanted.port.to_string())
        && (database == "*" || database == wanted.database)
        && (user == "*" || user == wanted.user);
    fields.next().filter(|password| matches && !password.is_empty())
}

/// The fields of a line, with `\:` and `\\` undone.
fn fields(line: &str) -> impl Iterator<Item = String> {
    let mut rest = line.chars();
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let mut field = String::new();
        loop {
            match rest.next() {
                Some('\\') => field.extend(rest.next()),
                Some(':') => return Some(field),
                Some(c) => field.push(c),
                None => {
                    ended = true;
                    return Some(field);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        let hosts = [host.to_owned()];
        let wanted = Lookup { hosts: &hosts, port, database, user };
        text.lines().find_map(|line| password(line, &wanted))
    }

    #[test]
    fn the_first_match_counts() {
        let text = "# comment\ndb1:5432:app:mon:exact\ndb1:*:*:mon:any\n*:*:*:*:rest\n";
        assert_eq!(look_up(text, "db1", 5432, "app", "mon").unwrap(), "exact");
        assert_eq!(look_up(text, "db1", 5433, "x", "mon").unwrap(), "any");
        assert_eq!(look_up(text, "db2", 5433, "x", "u").unwrap(), "rest");
        assert_eq!(look_up("db1:5432:app:mon:exact", "db2", 5432, "app", "mon"), None);
    }

    #[test]
    fn escapes() {
        assert_eq!(look_up(r"\:\:1:5432:a\:b:u\\v:p\:w\\d", "::1", 5432, "a:b", r"u\v").unwrap(), r"p:w\d");
    }

    #[test]
    fn a_short_line_or_empty_password_is_none() {
        assert_eq!(look_up("db1:5432:app:mon", "db1", 5432, "app", "mon"), None);
        assert_eq!(look_up("db1:5432:app:mon:", "db1", 5432, "app", "mon"), None);
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "*:*:*:*:s3cret\n").unwrap();
        let hosts = ["db1".to_owned()];
        let wanted = Lookup { hosts: &hosts, port: 5432, database: "d", user: "u" };
        let set_mode = |mode| std::fs::set_permissions(file.path(), PermissionsExt::from_mode(mode)).unwrap();
        set_mode(0o600);
        assert_eq!(find(file.path(), &wanted).unwrap(), "s3cret");
        set_mode(0o640);
        assert_eq!(find(file.path(), &wanted), None);
        assert_eq!(find(Path::new("/nonexistent/pgpass"), &wanted), None);
    }
}
