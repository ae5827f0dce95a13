//! From the command line to a running exporter: the only place that knows the order.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::build_info::VERSION;
use crate::catalog::{Catalog, LoadError, LoadRules};
use crate::cli::{self, Cli, Task};
use crate::config::{embedded_folder, origins, summary};
use crate::doctor::{self, Rule, read_rules};
use crate::exporter::{Context, Exporter, Failure, Sources};
use crate::exposition::Format;
use crate::http::{self, Service};
use crate::list;
use crate::listen::{self, ListenOptions};
use crate::log::{LEVELS, Log};
use crate::manual;
use crate::options::Options;
use crate::plan::Selection;
use crate::scrape::{ScrapeSettings, Targets};
use crate::self_metric::reserved_names;
use crate::service_manager;
use crate::source::Source;
use crate::status::ProcessStatus;

/// After the signal to stop, open requests have the scrape timeout and this much more to finish.
const GRACE: Duration = Duration::from_secs(1);

/// Runs an exporter: reads the command line, does what it says, and returns the exit code.
///
/// `connect` makes the source out of the exporter's own flags; it does not wait for the server.
pub fn run<O, S>(
    exporter: Exporter,
    arguments: impl Iterator<Item = OsString>,
    connect: impl FnOnce(O, &Context) -> Result<Sources<S>, Failure>,
) -> ExitCode
where
    O: Args,
    S: Source,
{
    let arguments: Vec<OsString> = arguments.collect();
    if let Some(tool) = exporter.tools.iter().find(|tool| arguments.get(1).is_some_and(|given| given == tool.name)) {
        return (tool.run)(arguments.into_iter().skip(2).collect());
    }
    let cli = match cli::read::<O>(&exporter, arguments.into_iter()) {
        Ok(cli) => cli,
        Err(text) => {
            let wrong = text.use_stderr();
            // If the terminal is gone, nobody can read this.
            text.print().ok();
            return if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let status = ProcessStatus::default();
    let log = match log(&cli, &status) {
        Ok(log) => log,
        Err(error) => {
            Log::of_command("").print(&format!("{}: cannot start the log: {error}", exporter.name));
            return ExitCode::FAILURE;
        }
    };
    let code = act(&exporter, cli, &log, status, connect).unwrap_or_else(|error| {
        log.print(&format!("{}: {error}", exporter.name));
        ExitCode::FAILURE
    });
    log.end();
    code
}

/// A server must not wait for the reader of its log; a command must not lose a line.
fn log<O: Args>(cli: &Cli<O>, status: &ProcessStatus) -> std::io::Result<Log> {
    let format = &cli.options.log_format;
    if cli.command.is_some() || cli.options.dry_run || cli.options.explain {
        Ok(Log::of_command(format))
    } else {
        Log::of_server(format, status.log_lines_dropped.clone())
    }
}

fn act<O: Args, S: Source>(
    exporter: &Exporter,
    cli: Cli<O>,
    log: &Log,
    status: ProcessStatus,
    connect: impl FnOnce(O, &Context) -> Result<Sources<S>, Failure>,
) -> Result<ExitCode, Failure> {
    let Cli { options, own, command } = cli;
    log.start(&options.log_level, exporter.log_crates)?;
    if !LEVELS.contains(&options.log_level.to_ascii_lowercase().as_str()) {
        tracing::warn!("--log.level {}: expected {}; info is used", options.log_level, LEVELS.join(", "));
    }
    match &command {
        Some(Task::Keys { format }) => return print(&list::keys(*format)?),
        Some(Task::Grants) => return grants(exporter),
        Some(Task::Doctor { list: true, .. }) => return print(&doctor::markdown(&rules(exporter, command.as_ref())?)),
        Some(Task::Collectors { dump: Some(folder) }) => {
            return print(&embedded_folder(exporter, &options.config)?.dump(folder)?);
        }
        _ => {}
    }
    if let Some(Task::Manual { form }) = command {
        return print(&manual::write(cli::command::<O>(exporter), form)?);
    }
    let namespace = options.namespace.clone().filter(|given| !given.is_empty());
    let namespace = namespace.unwrap_or_else(|| exporter.namespace.to_owned());
    let config = match &command {
        Some(Task::Check { paths, .. }) if !paths.is_empty() => paths,
        _ => &options.config,
    };
    let origins = origins(exporter, config)?;
    let tiers = options.cache_ttls;
    let load = {
        let strict = matches!(command, Some(Task::Check { strict: true, .. }));
        let (check_query, check_rest) = (exporter.check_query, exporter.check_rest);
        let rules = LoadRules { strict, reserved: reserved_names(&namespace), check_query, check_rest };
        let origins = origins.clone();
        move || Catalog::load_checked(&origins, &tiers, &rules)
    };
    let catalog = load().map_err(|error| summary(&error, &origins))?;
    catalog.log_warnings();
    match command {
        Some(Task::Check { server: false, .. }) => return print(&checked(&catalog)),
        Some(Task::Metrics { format, of_self: true }) => return print(&list::self_metrics(&namespace, format)?),
        Some(Task::Collectors { .. }) => return print(&list::collectors(&catalog)),
        Some(Task::Metrics { format, .. }) => return print(&list::list(&catalog, format)?),
        None if options.dry_run => {
            return print(&(list::list(&catalog, list::ListFormat::Table)? + &checked(&catalog)));
        }
        _ => {}
    }
    let rules = rules(exporter, command.as_ref())?;
    let timeouts = catalog.collectors.iter().map(|collector| collector.timeout);
    let longest_query = timeouts.chain(rules.iter().map(|rule| rule.timeout)).max().unwrap_or_default();
    let doctor = matches!(command, Some(Task::Doctor { .. }));
    let explains = options.explain || matches!(command, Some(Task::Explain { .. } | Task::Check { .. }));
    let wait_for_first = doctor || explains || options.fail_fast;
    let context = Context { longest_query, wait_for_first, state_folder: options.state_folder.clone() };
    // Inside the runtime, since a source may begin tasks of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(async {
        let Sources { sources, probe_timeout } = connect(own, &context)?;
        distinct(&sources)?;
        let targets = Targets::new(catalog, sources, settings(exporter, &options, namespace, status.clone()));
        if doctor || explains {
            targets.find_logs().await;
            targets.scrape(tokio::time::Instant::now() + options.scrape_timeout, Format::Text, false, None).await;
            if let Some(Task::Doctor { json, .. }) = command {
                let report = doctor::examine(exporter.name, &targets, &rules).await;
                print(&if json { report.json()? } else { doctor::text(&report) })?;
                targets.close().await;
                return Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            print(&match command {
                Some(Task::Check { plans, .. }) => http::check_server(&targets, exporter.explain_prefix, plans).await,
                Some(Task::Explain { all: false }) => http::explain_briefly(&targets),
                // The flag is pg_exporter's, which lists everything.
                _ => http::explain(&targets),
            })?;
            targets.close().await;
            // The text has the errors.
            return Ok(if http::all_succeeded(&targets) { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        serve(exporter, &options, probe_timeout, targets, status, load).await?;
        Ok(ExitCode::SUCCESS)
    });
    // Do not wait for a query that hangs on a frozen server.
    runtime.shutdown_background();
    done
}

/// Servers are identified by their names only, so each name must be unique.
fn distinct<S: Source>(sources: &[S]) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    match sources.iter().map(Source::target).find(|name| !names.insert(name.clone())) {
        Some(twice) => {
            Err(format!("{twice} is given twice: expected servers with different hosts, ports or sockets").into())
        }
        None if names.is_empty() => Err("no server is configured".into()),
        None => Ok(()),
    }
}

/// The rules of the command `doctor`; none for any other.
fn rules(exporter: &Exporter, command: Option<&Task>) -> Result<Vec<Rule>, Failure> {
    match command {
        Some(Task::Doctor { threshold, .. }) => Ok(read_rules(&exporter.rules, threshold, exporter.check_query)?),
        _ => Ok(Vec::new()),
    }
}

fn grants(exporter: &Exporter) -> Result<ExitCode, Failure> {
    match exporter.grants {
        Some(sql) => print(sql),
        None => Err(format!("{} needs no role in PostgreSQL: see its guide", exporter.name).into()),
    }
}

fn checked(catalog: &Catalog) -> String {
    format!(
        "{}: {} collectors, {} metrics, no errors\n",
        catalog.origin,
        catalog.collectors.len(),
        catalog.families.chunk_by(|one, other| one.name == other.name).count()
    )
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text.as_bytes()) {
        // The reader closed the pipe, as head does.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn settings(exporter: &Exporter, options: &Options, namespace: String, status: ProcessStatus) -> ScrapeSettings {
    let tags = options.tag.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
    ScrapeSettings {
        namespace,
        build: exporter.build,
        selection: Selection { product: exporter.namespace.to_owned(), tags, samples: !options.disable_sampling },
        constant_labels: options.label.clone().unwrap_or_else(|| Arc::from([])),
        disable_cache: options.disable_cache,
        most_result_bytes: usize::from(options.max_result_size) << 20,
        unchanged_limit: options.cache_ttls.slowest(),
        disable_intro: options.disable_intro,
        state_directory: options.state_folder.path(),
        started: Instant::now(),
        status,
    }
}

async fn serve<S: Source>(
    exporter: &Exporter,
    options: &Options,
    probe_timeout: Duration,
    targets: Targets<S>,
    status: ProcessStatus,
    load: impl Fn() -> Result<Catalog, LoadError> + Send + Sync + 'static,
) -> Result<(), Failure> {
    if options.fail_fast {
        let health = targets.health(probe_timeout, false).await;
        health.map_err(|error| format!("{error} ({}); --fail-fast is set", error.reason))?;
    }
    let listeners = listen::bind(&ListenOptions {
        addresses: options.listen_address.clone(),
        systemd_socket: options.systemd_socket,
        web_config: options.web_config.clone(),
        max_connections: usize::try_from(options.web_max_connections).unwrap_or(usize::MAX),
        status: status.clone(),
    })
    .await?;
    let scheme = listeners.scheme();
    let addresses: Vec<String> = listeners.addresses().iter().map(|at| format!("{scheme}://{at}")).collect();
    tracing::info!(
        program = exporter.name,
        version = VERSION,
        target = targets.target(),
        config = targets.catalog.origin,
        collectors = targets.catalog.collectors.len(),
        listen = addresses.join(" "),
        "started"
    );
    let service = Service::new(exporter.name, exporter.build, options, probe_timeout, targets, status, load);
    service.targets().begin_first_probes(probe_timeout);
    service.targets().begin_sampling();
    service.targets().begin_logs();
    let reloads = tokio::spawn(reload_on_signal(service.clone())?);
    let alive = tokio::spawn(service_manager::keep_alive());
    let stop = stop_signal()?;
    // From here on it listens, and no signal ends it without order.
    service_manager::ready(&addresses.join(" "));
    listeners.serve(http::router(service.clone()), stop, options.scrape_timeout + GRACE).await;
    reloads.abort();
    service.targets().close().await;
    alive.abort();
    tracing::info!("stopped");
    Ok(())
}

/// Ends with the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        service_manager::stopping();
    })
}

/// Reloads the collector files at each SIGHUP and SIGUSR1.
fn reload_on_signal<S: Source>(service: Arc<Service<S>>) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut user = signal(SignalKind::user_defined1())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => {}
                _ = user.recv() => {}
            }
            service_manager::reloading();
            // The outcome is logged, and in a metric.
            match service.reload().await {
                Ok(count) => service_manager::ready(&format!("{count} collectors loaded")),
                Err(_) => service_manager::ready("reload failed: the previous collector files stay in effect"),
            }
        }
    })
}
