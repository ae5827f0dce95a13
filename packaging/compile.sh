#!/bin/sh
# Compiles the static programs of one architecture: packaging/compile.sh ZIG ARCHITECTURE PROFILE
# ZIG is the folder into which pip installed packaging/tools.txt.
set -eu
tools=$(cd "$1" && pwd) target=$2-unknown-linux-musl profile=$3
cd "$(dirname "$0")/.."
! command -v rustup >/dev/null || rustup target add "$target"
# Symbols stay: a panic names its functions.
CARGO_ZIGBUILD_ZIG_PATH=$tools/ziglang/zig RUSTFLAGS="${RUSTFLAGS:-} -C strip=debuginfo" \
    "$tools/bin/cargo-zigbuild" zigbuild --locked --profile "$profile" --target "$target" \
    --package pg-exporter --package pgbouncer-exporter --package pgbackrest-exporter
