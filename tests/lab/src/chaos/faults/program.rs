//! The exporter itself is killed or stands still.

use std::thread;
use std::time::Duration;

use super::super::fault::{Expected, Fault, Lacking, Scrapes, Up};
use crate::LabError;

/// Longer than every deadline of a scrape.
const PAUSE: Duration = Duration::from_secs(15);

/// How long the kernel may take to end a process on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "exporter-killed",
        what: "the exporter killed by SIGKILL in mid-scrape",
        cause: |stage| {
            // A scrape is under way at any time.
            thread::sleep(Duration::from_millis(50));
            stage.exporter.signal("KILL")?;
            match stage.exporter.process().wait(LIMIT) {
                Some(_) => Ok(()),
                None => Err(LabError::Unexpected("the exporter has not ended".into())),
            }
        },
        heal: |stage| stage.start_exporter(),
        scrapes: Scrapes::Meanwhile,
        expected: Expected { up: Up::Either, lacking: Lacking::Any, whole_within: 2, unanswered: true },
        in_tests: true,
        ..Fault::USUAL
    },
    Fault {
        name: "clock-jump",
        what: "the exporter stopped for 15 s: its clocks jump",
        cause: |stage| {
            stage.exporter.signal("STOP")?;
            thread::sleep(PAUSE);
            stage.exporter.signal("CONT")
        },
        scrapes: Scrapes::InTurn(3),
        ..Fault::USUAL
    },
];
