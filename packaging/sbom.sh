#!/bin/sh
# Writes what is compiled into each program, as CycloneDX: packaging/sbom.sh CARGO-CYCLONEDX FOLDER
set -eu
tool=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$2"
folder=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
for program in pg-exporter pgbouncer-exporter pgbackrest-exporter; do
    "$tool" cyclonedx --quiet --manifest-path "exporters/$program/Cargo.toml" --format json --spec-version 1.5 \
        --target x86_64-unknown-linux-musl --no-build-deps --override-filename sbom
    # Without the folder that it was made in.
    sed "s|path+file://$PWD/|path+file:///|g" "exporters/$program/sbom.json" >"$folder/$program.cdx.json"
    # The tool writes one beside each package of the workspace.
    rm -f exporters/*/sbom.json tests/sbom.json tests/*/sbom.json
done
