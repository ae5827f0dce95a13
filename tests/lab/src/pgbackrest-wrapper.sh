#!/bin/sh
root=$(dirname "$0")
for loader in "$root"/lib/*-linux-gnu/ld-linux-*.so.* "$root"/usr/lib/*-linux-gnu/ld-linux-*.so.*; do
    if [ -x "$loader" ]; then break; fi
done
libraries=$(echo "$root"/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu | tr ' ' :)
exec "$loader" --argv0 "$0" --library-path "$libraries" "$root/usr/bin/pgbackrest" "$@"
