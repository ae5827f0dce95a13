//! Tests of the packages that `make packages` made: they are installed, started, upgraded and removed in a Debian with a systemd
//! of its own. Root is needed. `make packages-test` runs them.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod archives;
mod built;
mod debian;
mod machine;
mod redhat;
