//! A server restarts or changes its role while it is scraped.

use super::super::fault::{Expected, Fault};
use super::super::stage::Place;
use crate::LabError;

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "restart",
        what: "the server restarts in mid-scrape",
        cause: |stage| stage.server.restart(),
        ..Fault::in_mid_scrape()
    },
    Fault {
        name: "switchover",
        what: "a switchover and back in mid-scrape",
        place: Place::Pair,
        cause: |stage| {
            stage.switch()?;
            stage.switch()
        },
        expected: Expected { whole_within: 3, ..Fault::in_mid_scrape().expected },
        ..Fault::in_mid_scrape()
    },
    Fault {
        name: "promotion",
        what: "a standby promoted in mid-scrape",
        place: Place::Standby,
        cause: |stage| match &stage.standby {
            Some(standby) => standby.promote(),
            None => Err(LabError::Unexpected("no standby on this stage".into())),
        },
        ..Fault::in_mid_scrape()
    },
];
