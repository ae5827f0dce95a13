#!/bin/sh
# Prepares a release on the current branch: packaging/release.sh VERSION. Publishes nothing; CONTRIBUTING.md has the rest.
set -eu
cd "$(dirname "$0")/.."
version=$1
fail() { echo "release: $1" >&2 && exit 1; }

case $version in
*[!0-9.]* | *.*.*.* | .* | *.) fail "$version: expected MAJOR.MINOR.PATCH" ;;
*.*.*) ;;
*) fail "$version: expected MAJOR.MINOR.PATCH" ;;
esac
[ -z "$(git status --porcelain)" ] || fail "the work tree has changes: commit or stash them"
! git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null || fail "v$version is tagged already"
[ -n "$(sed -n '/^## Unreleased/,/^## [0-9]/p' CHANGELOG.md | grep '^- ')" ] || fail "CHANGELOG.md: nothing is unreleased"

sed -i "s/^version = \".*\"/version = \"$version\"/" Cargo.toml
chart=packaging/helm/pg-exporter-suite/Chart.yaml
sed -i "s/ersion: [0-9].*/ersion: $version/" $chart
sed -i "s/^## Unreleased$/## $version ($(date --utc +%F))/" CHANGELOG.md
# Only the versions of our own crates change.
cargo update --workspace --offline
git commit --quiet --message "release: $version" Cargo.toml Cargo.lock CHANGELOG.md $chart
make test packages packages-test
for program in target/*-unknown-linux-musl/release/*-exporter; do
    case $program in *"$(uname -m)"*) "$program" --version | grep -F "$version" || fail "$program has another version" ;; esac
done
echo "release: read the commit, then: git tag --sign v$version"
