//! The faults.

mod collectors;
mod freezes;
mod locks;
mod logins;
mod objects;
mod program;
mod roles;
mod scrapers;

use super::fault::Fault;

/// All of them; those in the same place stand together.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    let direct = [locks::FAULTS, objects::FAULTS, scrapers::FAULTS, program::FAULTS, collectors::FAULTS];
    direct.into_iter().chain([logins::FAULTS, freezes::FAULTS, roles::FAULTS]).flatten()
}
