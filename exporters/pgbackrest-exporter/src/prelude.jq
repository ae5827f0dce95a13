# What the collectors share. The document is an array of stanzas, as `pgbackrest info --output=json` prints it.

# The labels by which a backup of $backups is known.
def backup_labels:
  {backup_name: .label, backup_type: .type, block_incr, database_id: .database.id, repo_key, stanza};

# Error, annotations and database names are told by newer versions only; what was not told is null, not 0.
def error_status: if .error == null then null elif .error then 1 else 0 end;
def annotations: if .annotation then .annotation | length elif $options.version >= 24100 then 0 else null end;
def databases: if .["database-ref"] then .["database-ref"] | length else null end;

# How many backups of each type a backup needs.
def references: [.reference[]? | .[-1:]] as $types
  | [["full", "F"], ["diff", "D"], ["incr", "I"]][] as [$type, $letter]
  | {ref_backup: $type, references: ([$types[] | select(. == $letter)] | length)};

# The newest backup of each slot of an array of backups. `$last` and `$repo_last` have them already.
def last_by_slot:
  . as $backups
  | (["full", ["full"]], ["diff", ["full", "diff"]], ["incr", ["full", "diff", "incr"]]) as [$slot, $types]
  | [$backups[] | select(.type as $type | any($types[]; . == $type))]
  | select(length > 0)
  | max_by(.timestamp.stop)
  | . + {$slot};

# The cluster that each repository of a stanza serves now: the newest of its history.
def current_databases: [.db[]? | {repo_key: (.["repo-key"] // 0), id, version}]
  | [group_by(.repo_key)[] | max_by(.id)];

# What is known of a cluster in a repository, and what its backups have in common; an empty object if there is none.
def known($stanza; $repo_key; $id): $index[[$stanza, $repo_key, $id]];
def cluster($stanza; $repo_key; $id): known($stanza; $repo_key; $id).cluster // {};

# The size of a stanza's WAL segments.
def segment_bytes($stanza): $index[[$stanza]].segment_bytes // 16777216;

# The difference of two numbers, and what is left of it above 0; null if one of them is unknown.
def minus($a; $b): if $a == null or $b == null then null else $a - $b end;
def excess($a; $b): minus($a; $b) | if . == null then null else [., 0] | max end;

# A time as text in UTC.
def utc: if . == null then null else strftime("%Y-%m-%d %H:%M:%S") end;
