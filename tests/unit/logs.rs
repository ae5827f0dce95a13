//! What users get to ship logs with, `vector/`, run over lines that are written here.

mod configuration;
mod mutated;
mod plans;
mod redaction;
mod unreadable;
