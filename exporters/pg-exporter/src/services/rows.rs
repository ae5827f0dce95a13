//! The services as rows of collectors with the key `access`.

use engine::{RowSink, Value};

use super::hop::Hop;
use super::report::Report;
use super::service::{Canary, Service};

/// Writes the rows of one table; a service that was not probed yet has none.
pub(super) fn write(table: &str, services: &[(&Service, &Report)], sink: &mut dyn RowSink) {
    match table {
        "services" => states(services, sink),
        "service_steps" => steps(services, sink),
        "service_hops" => hops(services, sink),
        "service_answers" => answers(services, sink),
        "service_canaries" => canaries(services, sink),
        _ => {}
    }
}

fn float(value: Option<f64>) -> Value<'static> {
    value.map_or(Value::Null, Value::Float)
}

fn count(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn states(services: &[(&Service, &Report)], sink: &mut dyn RowSink) {
    sink.columns(&["service", "up", "ok", "probes", "lag", "server_start", "certificate_expiry"]);
    for (service, report) in services {
        let answer = report.answer.as_ref();
        sink.row(&[
            Value::Text(service.name.as_str().into()),
            Value::Bool(report.is_up()),
            Value::Bool(report.problem().is_none()),
            count(report.probes),
            float(answer.and_then(|answer| answer.lag_seconds)),
            float(answer.map(|answer| answer.started)),
            float(report.times.certificate_expiry),
        ]);
    }
}

fn steps(services: &[(&Service, &Report)], sink: &mut dyn RowSink) {
    sink.columns(&["service", "step", "seconds"]);
    for (service, report) in services {
        for (step, took) in report.steps() {
            let name = Value::Text(service.name.as_str().into());
            sink.row(&[name, Value::Text(step.into()), Value::Float(took.as_secs_f64())]);
        }
    }
}

fn hops(services: &[(&Service, &Report)], sink: &mut dyn RowSink) {
    sink.columns(&["service", "hop", "failed", "failures"]);
    for (service, report) in services {
        for hop in Hop::ALL {
            let failures = report.failures.get(&hop).copied().unwrap_or_default();
            sink.row(&[
                Value::Text(service.name.as_str().into()),
                Value::Text(hop.word().into()),
                Value::Bool(report.problem().is_some_and(|problem| problem.hop == hop)),
                count(failures),
            ]);
        }
    }
}

fn answers(services: &[(&Service, &Report)], sink: &mut dyn RowSink) {
    sink.columns(&["service", "promised", "role", "member", "system_identifier", "info"]);
    for (service, report) in services {
        let Some(answer) = &report.answer else { continue };
        sink.row(&[
            Value::Text(service.name.as_str().into()),
            Value::Text(service.role.word().into()),
            Value::Text(answer.role().into()),
            Value::Text(answer.member.as_deref().unwrap_or_default().into()),
            Value::Text(answer.system_identifier.as_str().into()),
            Value::Int(1),
        ]);
    }
}

fn canaries(services: &[(&Service, &Report)], sink: &mut dyn RowSink) {
    sink.columns(&["service", "writes", "write", "lost", "age"]);
    for (service, report) in services {
        let (canary, name) = (&report.canary, Value::Text(service.name.as_str().into()));
        match service.canary {
            None => {}
            Some(Canary::Writes(_)) => {
                let took = float(canary.write_took.map(|took| took.as_secs_f64()));
                sink.row(&[name, count(canary.writes), took, count(canary.lost), Value::Null]);
            }
            Some(Canary::Reads { .. }) => {
                sink.row(&[name, Value::Null, Value::Null, Value::Null, float(canary.age_seconds)]);
            }
        }
    }
}
