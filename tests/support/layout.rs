//! The status page as a browser lays it out.

use lab::{Browser, Exporter};
use serde_json::Value;

/// A desktop and a phone, in CSS pixels.
const WIDTHS: [u32; 2] = [1280, 390];

/// Opens all details, then finds what is wider than the screen or its cell, too small to read, or loaded from elsewhere.
const MEASURE: &str = r"(() => {
    document.querySelectorAll('details').forEach(one => one.open = true);
    const shown = [...document.querySelectorAll('body *')].filter(one => one.getClientRects().length);
    const named = list => list.map(one => one.outerHTML.slice(0, 160));
    const beyond = box => box.right > document.documentElement.clientWidth + 1 || box.left < -1;
    const cells = shown.filter(one => one.matches('td, th, dt, dd, summary, figcaption, p'));
    return {
        width: document.documentElement.scrollWidth,
        text: document.body.innerText,
        beyond: named(shown.filter(one => beyond(one.getBoundingClientRect()))),
        cut: named(cells.filter(one => one.scrollWidth > one.clientWidth + 1)),
        small: named(shown.filter(one => parseFloat(getComputedStyle(one).fontSize) < 10.5)),
        scripts: document.scripts.length,
        loaded: performance.getEntriesByType('resource').map(one => one.name).filter(name => !name.startsWith('data:')),
    };
})()";

/// Checks that the page fits a desktop and a phone and loads nothing else; returns its visible text.
pub fn assert_fits(browser: &mut Browser, exporter: &Exporter, whose: &str) -> String {
    let mut text = String::new();
    for width in WIDTHS {
        let mut tab = browser.open(&exporter.url("/"), width).unwrap();
        let found = tab.evaluate(MEASURE).unwrap();
        assert_eq!(found["width"].as_u64(), Some(width.into()), "{whose}: {found:#}");
        for empty in ["beyond", "cut", "small", "loaded"] {
            assert_eq!(found[empty], Value::Array(Vec::new()), "{whose} at {width}: {empty}");
        }
        assert_eq!(found["scripts"], 0, "{whose}");
        assert_eq!(tab.complaints(), Vec::<String>::new(), "{whose} at {width}");
        text = found["text"].as_str().unwrap().to_owned();
    }
    text
}
