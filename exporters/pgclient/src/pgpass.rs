//! The password file, `~/.pgpass`: lines of `host:port:database:user:password`.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a password is looked up for.
pub(crate) struct Lookup<'a> {
    /// The names the host goes by, of which any may match.
    pub hosts: &'a [String],
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The password of the first line that matches, if the file may be used.
pub(crate) fn find(file: &Path, wanted: &Lookup<'_>) -> Option<String> {
    read(file).ok()?.lines().find_map(|line| password(line, wanted))
}

/// Why the file is not used; nothing for one that is, and for one that is missing.
pub(crate) fn problem(file: &Path) -> Option<String> {
    read(file).err().map(|problem| format!("password file {} ignored: {problem}", file.display()))
}

/// The text of the file; none of one that is missing, as if it were empty.
fn read(file: &Path) -> Result<String, String> {
    let (opened, metadata) = match files::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let mode = metadata.permissions().mode() & 0o777;
    // The null device is everybody's, and the usual way to say that there is no password file.
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(format!("group or others may read it, found mode 0{mode:o}, expected mode 0600"));
    }
    files::bounded(opened, &metadata).and_then(files::text).map_err(|error| error.to_string())
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
        assert_eq!(problem(file.path()), None);
        set_mode(0o640);
        assert_eq!(find(file.path(), &wanted), None);
        let problem_of_mode = problem(file.path()).unwrap();
        assert!(problem_of_mode.ends_with("ignored: group or others may read it, found mode 0640, expected mode 0600"));
        assert!(problem(Path::new("/")).unwrap().ends_with("ignored: it is a folder: expected a file"));
        for none in ["/nonexistent/pgpass", "/dev/null"].map(Path::new) {
            assert_eq!((find(none, &wanted), problem(none)), (None, None));
        }
    }
}
