//! Lines that are nearly those of a server.

use std::path::Path;

use support::vector::Pipeline;

#[test]
fn every_line_becomes_an_event() {
    let sources = ["postgres_json", "postgres_csv", "patroni", "pgbouncer", "pgbackrest"];
    let pipelines = sources.map(|source| (source, Pipeline::of(source)));
    replay::replay("log_file", 300, |bytes| {
        for (source, pipeline) in &pipelines {
            let events = pipeline.read(Path::new("/var/log/some.log"), bytes);
            assert_eq!(events.len(), pipeline.messages(bytes).len(), "{source}");
            for event in &events {
                let has = |field: &str| event[field].as_str().is_some_and(|text| !text.is_empty());
                assert!(["severity", "timestamp", "src", "cls", "file"].into_iter().all(has), "{source}: {event}");
                assert!(event["message"].is_string(), "{source}: {event}");
            }
        }
    });
}
