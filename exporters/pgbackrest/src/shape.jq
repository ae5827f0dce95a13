# What is kept of a document: without the stanzas and the types of backups that the flags leave out, and with the names
# of databases where they are known ($run here: stanza, repository, label and databases of single backups).
(reduce $run[] as $known ({}; .[[$known.stanza, $known.repo_key, $known.label] | tojson] = $known.databases)) as $databases
| [.[]
    | select(.name as $name | any($options.stanzas_out[]; . == $name) | not)
    | .name as $stanza
    | if .backup then
        .backup |= [.[]
          | select(.type as $type | any($options.types[]; . == $type))
          | $databases[[$stanza, (.database["repo-key"] // 0), .label] | tojson] as $names
          | if $names then .["database-ref"] = $names else . end]
      else . end]
