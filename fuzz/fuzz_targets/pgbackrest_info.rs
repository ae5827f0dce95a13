//! Any output of pgBackRest goes through the filters of the embedded collectors.
#![no_main]
#![allow(dead_code, reason = "only what reads outputs is taken of the program")]

use libfuzzer_sys::fuzz_target;

#[path = "../../exporters/pgbackrest-exporter/src/backup.rs"]
mod backup;
#[path = "../../exporters/pgbackrest-exporter/src/backups.rs"]
mod backups;
#[path = "../../exporters/pgbackrest-exporter/src/clusters.rs"]
mod clusters;
#[path = "../../exporters/pgbackrest-exporter/src/document.rs"]
mod document;
#[path = "../../exporters/pgbackrest-exporter/src/fuzz.rs"]
mod fuzz;
#[path = "../../exporters/pgbackrest-exporter/src/language.rs"]
mod language;
#[path = "../../exporters/pgbackrest-exporter/src/native.rs"]
mod native;
#[path = "../../exporters/pgbackrest-exporter/src/redact.rs"]
mod redact;
#[path = "../../exporters/pgbackrest-exporter/src/repair.rs"]
mod repair;
#[path = "../../exporters/pgbackrest-exporter/src/shape.rs"]
mod shape;
#[path = "../../exporters/pgbackrest-exporter/src/slots.rs"]
mod slots;
#[path = "../../exporters/pgbackrest-exporter/src/wal.rs"]
mod wal;

fuzz_target!(|input: &[u8]| fuzz::pgbackrest_info(input));
