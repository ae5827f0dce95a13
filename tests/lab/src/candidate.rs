//! PostgreSQL as a release candidate: Debian has it in its suite experimental, for a newer C library than this machine's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::Major;
use crate::error::LabError;
use crate::fetch::unpack;

/// Runs the program of its own name out of the folder `programs` beside `bin`, with Debian's own loader and libraries. The
/// program is told the script's path: from there it finds its files and the other programs.
const SCRIPT: &str = r#"#!/bin/sh
bin=$(dirname "$(readlink -f "$0")")
name=${0##*/}
libraries=$(echo "$bin"/../../../*-linux-gnu)
loader=$(echo "$libraries"/ld-linux-*.so.*)
exec "$loader" --argv0 "$bin/$name" --library-path "$libraries" "$bin/../programs/$name" "$@"
"#;

/// Puts it at `place` and returns the bytes downloaded. The server, its programs and libpq are experimental's, all else is
/// sid's.
pub(crate) fn postgres(major: Major, place: &Path) -> Result<u64, LabError> {
    let [server, client] = [format!("postgresql-{major}"), format!("postgresql-client-{major}")];
    let pins = format!("Package: {server} {client} libpq5\nPin: release a=experimental\nPin-Priority: 990\n");
    let bytes = unpack(&["sid", "experimental"], &pins, &["install", "--download-only", &server, &client], place)?;
    let folder = place.join(format!("usr/lib/postgresql/{major}"));
    let (bin, programs) = (folder.join("bin"), folder.join("programs"));
    let wrap = || {
        fs::rename(&bin, &programs)?;
        fs::create_dir(&bin)?;
        for program in fs::read_dir(&programs)? {
            let script = bin.join(program?.file_name());
            fs::write(&script, SCRIPT)?;
            fs::set_permissions(&script, PermissionsExt::from_mode(0o755))?;
        }
        symlink(format!("usr/lib/postgresql/{major}/bin"), place.join("bin"))
    };
    wrap().map_err(LabError::io(format!("writing scripts to {}", bin.display())))?;
    Ok(bytes)
}
