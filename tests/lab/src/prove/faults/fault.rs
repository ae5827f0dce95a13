//! What a fault is.

use crate::{Architecture, LabError, Process};

/// Which member a fault befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The one that is the primary at that time.
    Primary,
    /// The last one that is a replica at that time.
    Replica,
}

/// A fault that can be caused and mended.
#[derive(Debug)]
pub struct Fault {
    /// The alerts that must arrive.
    pub alerts: &'static [&'static str],
    /// What is done, for the table.
    pub what: &'static str,
    /// Where.
    pub place: Place,
    /// Causes it at a node; what it returns runs until it is mended.
    pub cause: fn(&mut Architecture, usize) -> Result<Vec<Process>, LabError>,
    /// Mends it there.
    pub mend: fn(&mut Architecture, usize) -> Result<(), LabError>,
}
