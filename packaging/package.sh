#!/bin/sh
# Makes .deb, .rpm and .tar.gz of the three exporters, for one architecture:
#     packaging/package.sh ARCHITECTURE PROGRAMS NATIVE OUT [VERSION]
# PROGRAMS is the folder with the static programs, NATIVE one whose programs run here and print the manual pages,
# OUT the folder for the packages; it already holds sbom/. What is in a package is in packaging/contents.
# LEVEL=1 compresses less: quicker, for tests.
set -eu
cd "$(dirname "$0")/.."
architecture=$1 programs=$2 native=$3 out=$4
version=${5:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)}
case $architecture in
x86_64) debian=amd64 ;;
aarch64) debian=arm64 ;;
*) echo "$architecture: expected x86_64 or aarch64" >&2 && exit 1 ;;
esac
# The same sources give the same packages.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
level=${LEVEL:-9}

# Names differ from those of the programs: other projects have packages pg-exporter and pgbackrest-exporter.
package_of() {
    case $1 in
    pg-exporter) echo prometheus-exporter-postgresql ;;
    *) echo "prometheus-exporter-${1%-exporter}" ;;
    esac
}

# A template with its blanks filled.
fill() {
    sed -e "s|@PROGRAM@|$program|g" -e "s|@PACKAGE@|$package|g" -e "s|@USER@|$user|g" -e "s|@SUMMARY@|$summary|g" \
        -e "s|@VERSION@|$(echo "$version" | tr - '~')|g" -e "s|@ARCHITECTURE@|$debian|g" -e "s|@PROGRAMS@|$programs|g" \
        -e "s|@MANUAL@|$work/manual|g" -e "s|@SBOM@|$out/sbom|g" \
        -e "s|@MAINTAINER@|${MAINTAINER:-PostgreSQL exporter suite <root@localhost>}|g" "$1"
}

# The lines of packaging/contents for a format: MODE SOURCE TARGET [config].
contents() {
    fill packaging/contents | grep '^0' | while read -r mode source target kind; do
        case $kind in
        '' | config | "$1" | "$program") echo "$mode $source $target $kind" ;;
        esac
    done
}

# Installs them below a folder.
stage() {
    contents "$1" | while read -r mode source target kind; do
        case $target in
        *.gz) mkdir -p "$2${target%/*}" && gzip "-$level" -n <"$source" >"$2$target" && chmod "$mode" "$2$target" ;;
        *) install -D -m "$mode" "$source" "$2$target" ;;
        esac
    done
    find "$2" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

deb() {
    stage deb "$1"
    mkdir "$1/DEBIAN"
    for file in control postinst prerm postrm; do fill "packaging/deb/$file" >"$1/DEBIAN/$file"; done
    chmod 755 "$1/DEBIAN/postinst" "$1/DEBIAN/prerm" "$1/DEBIAN/postrm"
    contents deb | sed -n 's/.* \(.*\) config$/\1/p' >"$1/DEBIAN/conffiles"
    (cd "$1" && find etc usr -type f -exec md5sum {} + | sort --key=2) >"$1/DEBIAN/md5sums"
    dpkg-deb --root-owner-group -Zxz "-z$level" --build "$1" "$out" >"$work/log" || { cat "$work/log" >&2 && exit 1; }
}

rpm() {
    stage rpm "$1"
    fill packaging/rpm/exporter.spec >"$work/spec"
    contents rpm | while read -r mode _ target kind; do
        case $kind in
        config) echo "%config(noreplace) %attr($mode, root, root) $target" ;;
        *) echo "%attr($mode, root, root) $target" ;;
        esac
        # Folders that belong to no other package.
        case ${target%/*} in */"$package" | */share/"$program") echo "%dir ${target%/*}" ;; esac
    done | sort --unique >"$work/files"
    rpmbuild -bb --quiet --target "$architecture-linux" --define "_topdir $work/rpmbuild" --define "_rpmdir $out" \
        --define "stage $1" --define "_binary_payload w$level.xzdio" --define "contents $work/files" --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
        "$work/spec" >"$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }
}

# The tree of the .rpm without usr/, for a prefix such as /usr/local.
tarball() {
    name=$program-$version.linux-$debian
    tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --directory "$1" \
        --transform "s,^\.\(/usr\)\?,$name," . | gzip "-$level" -n >"$out/$name.tar.gz"
}

mkdir -p "$work/manual" "$out"
out=$(cd "$out" && pwd)
for program in pg-exporter pgbouncer-exporter pgbackrest-exporter; do
    package=$(package_of "$program")
    user=$(sed -n 's/^User=//p' "packaging/systemd/$program.service")
    summary=$(sed -n 's/^Description=//p' "packaging/systemd/$program.service")
    for form in man bash fish zsh; do
        env -i "$native/$program" manual "$form" >"$work/manual/$program.$form"
    done
    deb "$work/$program.deb"
    rpm "$work/$program.rpm"
    tarball "$work/$program.rpm"
done
