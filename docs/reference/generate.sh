#!/bin/sh
# Writes the pages that are made from the programs' own output:
#     docs/reference/generate.sh FOLDER-OF-PROGRAMS FOLDER-OF-PAGES
set -eu
programs=$1 pages=$2
mkdir -p "$pages"

"$programs/pg-exporter" metrics --format markdown >"$pages/metrics.md"
"$programs/pgbouncer-exporter" metrics --format markdown >"$pages/metrics-pgbouncer.md"
"$programs/pgbackrest-exporter" metrics --format markdown >"$pages/metrics-pgbackrest.md"

"$programs/pg-exporter" metrics --self --format markdown >"$pages/self-metrics.md"
"$programs/pg-exporter" keys >"$pages/collector-keys.md"
"$programs/pg-exporter" mixin --list >"$pages/alerts.md"

# The help text shows the width of the terminal and the values of variables: both are fixed here.
{
  printf '# Flags\n\nThe output of `--help` of each program. `make bless` writes this page.\n'
  for program in pg-exporter pgbouncer-exporter pgbackrest-exporter; do
    printf '\n## %s\n\n```text\n' "$program"
    env -i COLUMNS=100 "$programs/$program" --help | sed 's/ *$//'
    printf '```\n'
  done
} >"$pages/flags.md"

{
  printf '# Rules of doctor\n\n[doctor](../guide/doctor.md) examines a server by these rules. `--threshold RULE.NAME=NUMBER` changes\na threshold. `make bless` writes this page.\n'
  for program in pg-exporter pgbouncer-exporter pgbackrest-exporter; do
    printf '\n## %s\n\n' "$program"
    "$programs/$program" doctor --list
  done
} | cat -s >"$pages/findings.md"
