//! Chooses the backup of a drill. Pure: it reads the last document of `info`.

use jaq_json::Val;
use jq::json::{elements, member, number, text};

/// Which backup is restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BackupChoice {
    Newest,
    Random,
    Label(String),
}

/// How far WAL is replayed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// To the end of the archive.
    Latest,
    /// Until the cluster is consistent.
    Immediate,
    /// To a time: as PostgreSQL reads it, and in Unix seconds.
    Time(String, f64),
}

/// A backup to restore, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenBackup {
    pub stanza: String,
    pub repo_key: u64,
    pub label: String,
    pub kind: String,
    pub stop_unix_seconds: f64,
    pub bytes: u64,
    /// The major version of PostgreSQL.
    pub major: u32,
    /// The last WAL segment in the archive of its cluster.
    pub last_segment: Option<String>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error, PartialEq)]
pub(crate) enum NoBackup {
    #[error("stanza {0} has no backup{1}")]
    None(String, String),
    #[error("stanza {0} has no backup {1}")]
    Label(String, String),
    #[error("backup {0} is of PostgreSQL {1}: drills need 12 or later")]
    Version(String, String),
}

/// Chooses a backup of a stanza, of one repository if that is given; `dice` decides between many.
pub(crate) fn choose(
    stanza: &Val,
    choice: &BackupChoice,
    target: &Target,
    repository: Option<u64>,
    dice: usize,
) -> Result<ChosenBackup, NoBackup> {
    let name = text(stanza, "name").unwrap_or_default();
    let backups = member(stanza, "backup").map(elements).unwrap_or_default().iter();
    let usable = |backup: &&Val| {
        let of_repository = repository.is_none_or(|key| in_database(backup, "repo-key") == key);
        let before_target = match target {
            Target::Time(_, time) => time_of(backup, "stop") <= *time,
            Target::Latest | Target::Immediate => true,
        };
        of_repository && before_target && time_of(backup, "stop") > 0.0
    };
    let usable: Vec<&Val> = backups.filter(usable).collect();
    let newest = || usable.iter().max_by(|a, b| time_of(a, "stop").total_cmp(&time_of(b, "stop"))).copied();
    let hint = || match target {
        Target::Time(..) => " that ended before this time".to_owned(),
        Target::Latest | Target::Immediate => problem(stanza).map(|text| format!(": {text}")).unwrap_or_default(),
    };
    let found = match choice {
        BackupChoice::Newest => newest(),
        // A newer cluster may have other tables of contents: any backup is as good as any other.
        BackupChoice::Random => usable.get(dice % usable.len().max(1)).copied(),
        BackupChoice::Label(label) => {
            let found = usable.iter().find(|backup| text(backup, "label").as_ref() == Some(label)).copied();
            return found
                .map_or_else(|| Err(NoBackup::Label(name.clone(), label.clone())), |it| chosen(stanza, &name, it));
        }
    };
    found.map_or_else(|| Err(NoBackup::None(name.clone(), hint())), |backup| chosen(stanza, &name, backup))
}

/// What pgBackRest says of the first repository that it cannot read.
fn problem(stanza: &Val) -> Option<String> {
    let repositories = member(stanza, "repo").map(elements).unwrap_or_default().iter();
    let mut statuses = repositories.filter_map(|repository| member(repository, "status"));
    text(statuses.find(|status| number(status, "code") > 0)?, "message")
}

fn chosen(stanza: &Val, name: &str, backup: &Val) -> Result<ChosenBackup, NoBackup> {
    let (id, repo_key) = (in_database(backup, "id"), in_database(backup, "repo-key"));
    let label = text(backup, "label").unwrap_or_default();
    let list = |name| member(stanza, name).map(elements).unwrap_or_default().iter();
    let database = list("db").find(|one| (number(one, "id"), number(one, "repo-key")) == (id, repo_key));
    let version = database.and_then(|database| text(database, "version")).unwrap_or_default();
    let major = version.parse().ok().filter(|major| *major >= 12);
    let major = major.ok_or_else(|| NoBackup::Version(label.clone(), version))?;
    let archive = list("archive").find(|archive| {
        member(archive, "database").is_some_and(|of| (number(of, "id"), number(of, "repo-key")) == (id, repo_key))
    });
    Ok(ChosenBackup {
        stanza: name.to_owned(),
        repo_key,
        label,
        kind: text(backup, "type").unwrap_or_default(),
        stop_unix_seconds: time_of(backup, "stop"),
        bytes: member(backup, "info").map(|info| number(info, "size")).unwrap_or_default(),
        major,
        last_segment: archive.and_then(|archive| text(archive, "max")),
    })
}

fn in_database(backup: &Val, name: &str) -> u64 {
    member(backup, "database").map(|database| number(database, name)).unwrap_or_default()
}

fn time_of(backup: &Val, name: &str) -> f64 {
    member(backup, "timestamp").map(|times| number(times, name)).unwrap_or_default() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZA: &str = r#"{"name":"demo",
        "archive":[{"database":{"id":1,"repo-key":1},"max":"000000010000000000000009"},{"database":{"id":1,"repo-key":2},"max":"000000010000000000000008"}],
        "db":[{"id":1,"repo-key":1,"version":"18"},{"id":1,"repo-key":2,"version":"9.6"}],
        "backup":[
          {"label":"a","type":"full","timestamp":{"stop":100},"database":{"id":1,"repo-key":1},"info":{"size":7}},
          {"label":"b","type":"incr","timestamp":{"stop":200},"database":{"id":1,"repo-key":1},"info":{"size":8}},
          {"label":"c","type":"full","timestamp":{"stop":300},"database":{"id":1,"repo-key":2}}]}"#;

    #[test]
    fn chooses_by_age_label_time_and_repository() {
        let stanza: Val = serde_json::from_str(STANZA).unwrap();
        let label = |choice: &BackupChoice, target: &Target, repository, dice| {
            choose(&stanza, choice, target, repository, dice).map(|backup| backup.label)
        };
        let (newest, random) = (&BackupChoice::Newest, &BackupChoice::Random);
        assert_eq!(label(newest, &Target::Latest, Some(1), 0).as_deref(), Ok("b"));
        assert_eq!(label(newest, &Target::Time(String::new(), 150.0), None, 0).as_deref(), Ok("a"));
        assert_eq!(label(random, &Target::Immediate, Some(1), 7).as_deref(), Ok("b"));
        assert_eq!(label(&BackupChoice::Label("a".into()), &Target::Latest, None, 0).as_deref(), Ok("a"));
        let found = choose(&stanza, newest, &Target::Latest, Some(1), 0).unwrap();
        assert_eq!(
            (found.major, found.bytes, found.last_segment.as_deref()),
            (18, 8, Some("000000010000000000000009"))
        );
        for (choice, target, repository, expected) in [
            (newest, Target::Latest, None, NoBackup::Version("c".into(), "9.6".into())),
            (newest, Target::Latest, Some(3), NoBackup::None("demo".into(), String::new())),
            (random, Target::Latest, Some(3), NoBackup::None("demo".into(), String::new())),
            (&BackupChoice::Label("x".into()), Target::Latest, None, NoBackup::Label("demo".into(), "x".into())),
        ] {
            assert_eq!(label(choice, &target, repository, 0), Err(expected));
        }
    }
}
