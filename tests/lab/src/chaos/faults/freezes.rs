//! Something stands still and nobody is told.

use super::super::fault::{Expected, Fault, Lacking, Scrapes, Up};
use super::super::stage::{Place, Stage};
use crate::{LabError, Proxy};

/// The connections of before are gone, new ones are made.
const LOST: Fault = Fault {
    expected: Expected { up: Up::Either, lacking: Lacking::Any, ..Fault::USUAL.expected },
    scrapes: Scrapes::InTurn(4),
    ..Fault::USUAL
};

/// Within the first result of a scrape.
const MID_RESULT_BYTES: u64 = 10_000;

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "frozen-server",
        what: "the server stands still: postmaster and sessions",
        cause: |stage| stage.server.freeze(),
        heal: |stage| {
            stage.server.thaw();
            Ok(())
        },
        expected: Expected { whole_within: 3, ..Fault::down("timeout").expected },
        ..Fault::down("timeout")
    },
    Fault {
        name: "frozen-sessions",
        what: "the exporter's sessions stand still",
        cause: |stage| {
            stage.sessions().freeze();
            Ok(())
        },
        heal: |stage| {
            stage.sessions().thaw();
            Ok(())
        },
        expected: Expected { whole_within: 3, ..LOST.expected },
        ..LOST
    },
    Fault {
        name: "frozen-proxy",
        what: "a proxy stands still in mid-result",
        place: Place::Proxied,
        cause: |stage| {
            proxy(stage)?.freeze_after(MID_RESULT_BYTES);
            Ok(())
        },
        heal: thaw,
        // The first page may have what came before.
        expected: Expected { whole_within: 3, ..LOST.expected },
        in_tests: true,
        ..LOST
    },
    Fault {
        name: "black-hole",
        what: "a network that swallows everything",
        place: Place::Proxied,
        cause: |stage| {
            proxy(stage)?.freeze();
            Ok(())
        },
        heal: thaw,
        expected: Expected { whole_within: 3, ..Fault::down("timeout").expected },
        ..Fault::down("timeout")
    },
    Fault {
        name: "half-open",
        what: "half-open connections: a firewall forgets them",
        place: Place::Proxied,
        cause: |stage| {
            proxy(stage)?.forget();
            Ok(())
        },
        // The sessions of before are of no use to anybody.
        heal: |stage| {
            proxy(stage)?.cut();
            Ok(())
        },
        in_tests: true,
        ..LOST
    },
];

fn proxy(stage: &Stage) -> Result<&Proxy, LabError> {
    stage.proxy.as_ref().ok_or_else(|| LabError::Unexpected("no proxy on this stage".into()))
}

fn thaw(stage: &mut Stage) -> Result<(), LabError> {
    proxy(stage)?.thaw();
    Ok(())
}
