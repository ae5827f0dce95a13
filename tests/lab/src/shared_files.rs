//! Programs of unpacked packages that look for files in a fixed folder.

use std::path::Path;
use std::process::Command;

use crate::account::user_id;
use crate::error::{LabError, run};
use crate::process::Process;

/// The command for a program of an unpacked package that looks for files in `/usr/share`: where the kernel lets us, it sees
/// that folder with the package's own laid over. Elsewhere it runs without them.
pub(crate) fn with_shared_files(package: &Path, program: &str) -> Result<Command, LabError> {
    let binary = package.join("usr/bin").join(program);
    let rights: &[&str] = if user_id()? == 0 { &["--mount", "--"] } else { &["--mount", "--map-root-user", "--"] };
    let overlay = format!("lowerdir={}:/usr/share", package.join("usr/share").display());
    let mount = r#"mount -t overlay overlay -o "$0" /usr/share && exec "$@""#;
    let unshared = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(rights).args(["sh", "-c", mount, &overlay, program]);
        command
    };
    if run(&mut unshared("true")).is_err() {
        return Ok(Process::command(binary));
    }
    // The death signal comes last: entering a namespace clears it.
    let mut command = unshared("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(binary);
    Ok(command)
}
