//! The way in with all its hops: a name, the address of a VIP, HAProxy, PgBouncer with TLS, PostgreSQL; and an exporter
//! that uses it as a client does.
//!
//! ```text
//! dnsmasq ─► 10.99.0.100, which vip-manager moves ─► HAProxy ─► PgBouncer of the primary ─► PostgreSQL of Patroni
//! └──────────── hub ─────────────┘                   └───────────────── each of two hosts ─────────────────┘
//! ```

mod authority;
mod broken;
mod name_server;
mod proof;
mod table;
mod watch;
mod way;

use std::path::Path;
use std::process::ExitCode;

use crate::LabError;

pub use self::broken::{BROKEN, Broken};
pub use self::proof::{Named, Switched};
pub use self::way::Entrance;

/// Proves every hop and a switchover; the times go into the page `table`. `programs` has the exporter.
///
/// Success only if every hop was named.
pub fn run(programs: &Path, table: Option<&Path>) -> Result<ExitCode, LabError> {
    let mut entrance = Entrance::start(&programs.join("pg-exporter"))?;
    let well = entrance.row(Entrance::ORDERS)?;
    println!("as promised: {well}");
    let switched = entrance.switch_over()?;
    println!("{switched}");
    let mut named = Vec::new();
    for broken in BROKEN {
        let one = entrance.prove(broken)?;
        println!("{one}");
        named.push(one);
    }
    if let Some(page) = table {
        table::write(page, &well, &switched, &named)?;
    }
    Ok(ExitCode::SUCCESS)
}
