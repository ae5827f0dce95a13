//! A site's alert rules, Alertmanager configuration and dashboards, from their sources and the site's own file.
//!
//! `source` has the rules with named parameters, `site` what a site changes; `site_rules` makes the rules of both, with
//! `expression` and `rename`; `render` writes them as files; `command` is the command line.

mod command;
mod error;
mod expression;
mod rename;
mod render;
mod rule;
mod site;
mod site_rules;
mod source;

pub use command::run;
pub use error::MixinError;
