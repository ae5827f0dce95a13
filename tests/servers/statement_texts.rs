//! Texts of statements: no secret leaves with them, and reading them costs the server little.

mod memory;
mod planted;
mod secrets;
