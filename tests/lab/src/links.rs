//! The page of links that the demo and the lab end their start with.

use std::fmt::Display;

use lab::Dashboards;

/// A name and where it leads.
pub(crate) fn link(name: &str, target: impl Display) {
    println!("{name:<22} {target}");
}

/// The dashboards: the overview, and these pages with their variables.
pub(crate) fn pages(dashboards: Option<&Dashboards>, more: &[(&str, &str)]) {
    let Some(dashboards) = dashboards else {
        return link("dashboards", "not built: make preview-page builds them");
    };
    link("dashboards", dashboards.url("pg-suite-overview"));
    for (uid, variables) in more {
        let page = uid.trim_start_matches("pg-suite-");
        link(&format!("  {page}"), format_args!("{}&{variables}", dashboards.url(uid)));
    }
}
