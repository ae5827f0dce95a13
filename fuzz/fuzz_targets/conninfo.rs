//! A connection string is parsed without a panic, and what the log shows of it is a URL for the same target.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgclient::{Environment, Target};

fuzz_target!(|conninfo: &str| {
    let environment = Environment::from_variables([("USER", "fuzz")]).with_socket_folders([]);
    let Ok(target) = Target::parse(conninfo, &environment) else { return };
    let shown = target.redacted();
    let again = Target::parse(&shown, &environment).unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(again.redacted(), shown);
    assert_eq!(again.label(), target.label());
});
