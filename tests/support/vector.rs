//! Vector's part in the tests: cuts a file into events as its file source does, and runs the remap programs over them.

use std::fs;
use std::path::{Path, PathBuf};

use regex::bytes::Regex;
use serde_json::Value;
use vrl::compiler::runtime::Runtime;
use vrl::compiler::state::ExternalEnv;
use vrl::compiler::{CompileConfig, Program, TargetValue, TimeZone, compile_with_external};
use vrl::value::{Kind, ObjectMap, Secrets, Value as VrlValue};

/// Where the configuration tells Vector to find the programs.
const INSTALLED: &str = "/etc/vector/";

/// A file of `vector/`.
pub fn shipped(name: &str) -> PathBuf {
    super::root().join("vector").join(name)
}

/// A configuration file of `vector/`, as JSON.
pub fn configuration(name: &str) -> Value {
    let text = fs::read_to_string(shipped(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names and settings of all components of a kind: sources, transforms, sinks.
pub fn components<'a>(configuration: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let all = configuration[kind].as_object().into_iter().flatten();
    all.map(|(name, settings)| (name.as_str(), settings)).collect()
}

/// Names of the components that one gets its events from.
pub fn inputs(settings: &Value) -> Vec<&str> {
    settings["inputs"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// The text of a remap program.
pub fn program_text(transform: &Value) -> String {
    match transform["file"].as_str() {
        Some(file) => fs::read_to_string(shipped(file.strip_prefix(INSTALLED).unwrap())).unwrap(),
        None => transform["source"].as_str().unwrap().to_owned(),
    }
}

/// When an event was read whose own time nobody could tell.
pub const READ_AT: &str = "2000-01-01T00:00:00Z";

/// Compiles a program for events of this kind, and demands that it can neither fail nor abort, and is without a warning.
pub fn compile(name: &str, text: &str, events: Kind) -> Program {
    let environment = ExternalEnv::new_with_kind(events, Kind::any_object());
    let functions = vrl::stdlib::all();
    let compiled = compile_with_external(text, &functions, &environment, CompileConfig::default())
        .unwrap_or_else(|faults| panic!("{name}: {}", vrl::diagnostic::Formatter::new(text, faults)));
    let warnings = compiled.warnings;
    assert!(warnings.is_empty(), "{name}: {}", vrl::diagnostic::Formatter::new(text, warnings));
    let info = compiled.program.info();
    assert!(!info.fallible && !info.abortable, "{name} could drop an event");
    compiled.program
}

/// One source of `vector/vector.yaml`, with the programs that its events go through.
pub struct Pipeline {
    begins: Option<Regex>,
    programs: Vec<Program>,
    zone: TimeZone,
}

impl Pipeline {
    /// The way of a source's events to the transform `events`, where the stores take them.
    pub fn of(source: &str) -> Pipeline {
        let configuration = configuration("vector.yaml");
        let multiline = &configuration["sources"][source]["multiline"];
        let begins = multiline.is_object().then(|| {
            assert_eq!(multiline["mode"], "halt_before");
            assert_eq!(multiline["start_pattern"], multiline["condition_pattern"]);
            Regex::new(multiline["start_pattern"].as_str().unwrap()).unwrap()
        });
        let transforms = components(&configuration, "transforms");
        let read = format!(".timestamp = t'{READ_AT}'");
        let mut programs = vec![compile("the source", &read, Kind::any_object())];
        let mut from = source;
        while let Some((name, transform)) = transforms.iter().find(|(_, transform)| inputs(transform).contains(&from)) {
            programs.push(compile(name, &program_text(transform), Kind::any_object()));
            from = name;
        }
        assert_eq!(from, "events", "where events of {source} end");
        Pipeline { begins, programs, zone: TimeZone::parse("UTC").unwrap() }
    }

    /// The events that the stores get of a file with these bytes.
    pub fn read(&self, file: &Path, bytes: &[u8]) -> Vec<Value> {
        self.messages(bytes).iter().map(|message| self.event(file, message)).collect()
    }

    /// What of a file becomes one event each: a line, or those up to the next one that begins an event.
    pub fn messages(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n');
        let Some(begins) = &self.begins else {
            return lines.map(<[u8]>::to_vec).collect();
        };
        let mut messages: Vec<Vec<u8>> = Vec::new();
        let mut is_open = false;
        for line in lines {
            let begin = begins.is_match(line);
            match messages.last_mut() {
                Some(open) if is_open && !begin => {
                    open.push(b'\n');
                    open.extend_from_slice(line);
                }
                _ => messages.push(line.to_vec()),
            }
            is_open |= begin;
        }
        messages
    }

    fn event(&self, file: &Path, message: &[u8]) -> Value {
        let file = file.display().to_string();
        let fields = [("message", message), ("file", file.as_bytes()), ("host", b"db1"), ("source_type", b"file")];
        let event = fields.map(|(name, value)| (name.into(), VrlValue::Bytes(value.to_vec().into())));
        let mut target = TargetValue {
            value: VrlValue::Object(event.into()),
            metadata: VrlValue::Object(ObjectMap::new()),
            secrets: Secrets::default(),
        };
        for program in &self.programs {
            Runtime::default().resolve(&mut target, program, &self.zone).unwrap();
        }
        serde_json::to_value(&target.value).unwrap()
    }
}
