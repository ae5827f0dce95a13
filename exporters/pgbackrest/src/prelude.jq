# What the collectors share. The document is an array of stanzas, as `pgbackrest info --output=json` prints it.

# Every backup with what labels need; `rank` is its place among those of its type in its repository, 0 for the newest.
def backups:
  .[] as $stanza
  | [$stanza.backup[]? | . + {repo_key: (.database["repo-key"] // 0)}]
  | group_by([.repo_key, .type])[]
  | sort_by(-.timestamp.stop)
  | to_entries[]
  | .value + {
      rank: .key,
      stanza: $stanza.name,
      block_incr: (if .value.info.repository["size-map"] and .value.info.repository["delta-map"] then "y" else "n" end)
    };

# Those that a page shows first come first: the newest of each type of each repository, then by age.
def by_importance: sort_by([.rank > 0, -.timestamp.stop]);

# The labels by which a backup is known.
def backup_labels:
  {backup_name: .label, backup_type: .type, block_incr, database_id: .database.id, repo_key, stanza};

# Error, annotations and database names are told by newer versions only; what was not told is null, not 0.
def error_status: if .error == null then null elif .error then 1 else 0 end;
def annotations: if .annotation then .annotation | length elif $options.version >= 24100 then 0 else null end;
def databases: if .["database-ref"] then .["database-ref"] | length else null end;

# How many backups of each type a backup needs.
def references: [.reference[]? | .[-1:]] as $types
  | [["full", "F"], ["diff", "D"], ["incr", "I"]][] | . as [$type, $letter]
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

# The identifiers of the cluster that each repository of a stanza serves now: the newest of its history.
def current_databases: [.db[]? | {repo_key: (.["repo-key"] // 0), id, version}]
  | [group_by(.repo_key)[] | max_by(.id)];

# A position in the WAL as bytes, from text as 1A/2B000028.
def hex: ascii_downcase | explode | reduce .[] as $digit (0; . * 16 + (if $digit > 57 then $digit - 87 else $digit - 48 end));
def lsn_bytes: if . == null then null else split("/") | (.[0] | hex) * 4294967296 + (.[1] | hex) end;

# The size of a WAL segment is not told, but can be seen: it is the power of two by which the positions at which
# backups began give the segments in which they did. 16 MiB, if that fits.
def segment_bytes:
  [.backup[]? | select(.lsn.start and .archive.start)
    | {low: (.lsn.start | split("/")[1] | hex), segment: (.archive.start[16:24] | hex)}] as $seen
  | first((16777216, (range(20; 31) | pow(2; .) | floor)) as $size
      | select(all($seen[]; (.low / $size | floor) == .segment)) | $size) // 16777216;

# Where a segment begins, as bytes; from its name and the size of segments.
def segment_position($size): if . == null then null else (.[8:16] | hex) * 4294967296 + (.[16:24] | hex) * $size end;
def timeline: if . == null then null else .[0:8] | hex end;
