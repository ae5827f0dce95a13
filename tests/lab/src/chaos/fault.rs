//! A fault as a value: how it is caused and healed, who scrapes meanwhile, and what has to hold.

use super::stage::{Place, Stage};
use crate::LabError;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, for the table.
    pub what: &'static str,
    /// Where.
    pub place: Place,
    /// Lets it happen.
    pub cause: Step,
    /// Ends it. What is held is let go after that in any case.
    pub heal: Step,
    /// Who scrapes while it lasts.
    pub scrapes: Scrapes,
    /// What has to hold.
    pub expected: Expected,
    /// Whether `make test` causes it: quick, and no other test does.
    pub in_tests: bool,
}

/// A step that a fault is made of.
pub type Step = fn(&mut Stage) -> Result<(), LabError>;

/// The scrapes of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrapes {
    /// So many one after the other, once it is there.
    InTurn(usize),
    /// So many at the same time, once it is there.
    AtOnce(usize),
    /// One after the other without a pause while it is caused, and once more.
    Meanwhile,
}

/// What has to hold, beside that each scrape is answered in time with a valid page and the budget is kept.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Whether `pg_up` is 1 while it lasts.
    pub up: Up,
    /// Which collectors may lack.
    pub lacking: Lacking,
    /// The first scrape after it is healed that has everything again, at the latest.
    pub whole_within: usize,
    /// Whether a scrape may be without an answer: the exporter itself is gone.
    pub unanswered: bool,
}

/// Whether the server is up.
#[derive(Debug, Clone, Copy)]
pub enum Up {
    /// On each page.
    Always,
    /// On no page, and the reason is this one.
    Never(&'static str),
    /// Or not, on any page.
    Either,
}

/// Collectors that may lack on a page that says that the server is up.
#[derive(Debug, Clone, Copy)]
pub enum Lacking {
    /// None of them.
    None,
    /// This one.
    Only(&'static str),
    /// Any: they need what is lacking.
    Any,
}

impl Fault {
    /// What most of them have.
    pub const USUAL: Fault = Fault {
        name: "",
        what: "",
        place: Place::Direct,
        cause: |_| Ok(()),
        heal: |_| Ok(()),
        scrapes: Scrapes::InTurn(3),
        expected: Expected { up: Up::Always, lacking: Lacking::None, whole_within: 2, unanswered: false },
        in_tests: false,
    };

    /// The same, for servers that let nobody in, for that reason.
    pub const fn down(reason: &'static str) -> Fault {
        let expected = Expected { up: Up::Never(reason), lacking: Lacking::Any, ..Fault::USUAL.expected };
        Fault { expected, ..Fault::USUAL }
    }

    /// The same, for what happens in the middle of scrapes that may see it or not.
    pub const fn in_mid_scrape() -> Fault {
        let expected = Expected { up: Up::Either, lacking: Lacking::Any, ..Fault::USUAL.expected };
        Fault { expected, scrapes: Scrapes::Meanwhile, ..Fault::USUAL }
    }
}
