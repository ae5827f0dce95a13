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

# The newest backup of each slot out of an array: `incr` is the newest of all, `diff` the newest but for increments,
# `full` the newest full one.
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

# What the backups of a cluster in a repository have in common; an empty object if there is none.
def cluster($stanza; $repo_key; $id):
  first($clusters[] | select(.stanza == $stanza and .repo_key == $repo_key and .database_id == $id)) // {};

# A position in the WAL as bytes, from text as 1A/2B000028.
def hex: ascii_downcase | explode | reduce .[] as $digit (0; . * 16 + (if $digit > 57 then $digit - 87 else $digit - 48 end));
def lsn_bytes: if . == null then null else split("/") | (.[0] | hex) * 4294967296 + (.[1] | hex) end;

# The size of a stanza's WAL segments, and where a segment of that size begins, as bytes.
def segment_bytes($stanza): first($clusters[] | select(.stanza == $stanza) | .segment_bytes) // 16777216;
def segment_position($size): if . == null then null else (.[8:16] | hex) * 4294967296 + (.[16:24] | hex) * $size end;
def timeline: if . == null then null else .[0:8] | hex end;
