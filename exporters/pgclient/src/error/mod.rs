//! The errors of this crate: of a conninfo, while connecting, and on an open console.

mod connect;
mod console;
mod refusal;
mod target;

pub(crate) use refusal::CONSOLE_DATABASE;

pub use connect::ConnectError;
pub use console::ConsoleError;
pub use target::TargetError;
