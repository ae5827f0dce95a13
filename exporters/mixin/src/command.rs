//! The command `mixin`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::error::MixinError;
use crate::render;
use crate::render::kubernetes::Operator;
use crate::site::Site;
use crate::site_rules::site_rules;
use crate::source::{Sources, pigsty, sources};

/// Writes a site's alert rules, Alertmanager configuration and dashboards
#[derive(Debug, Parser)]
#[command(name = "pg-exporter mixin", disable_version_flag = true)]
struct Options {
    /// The site's file: labels, thresholds, links; default: the defaults of all
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder to write to; it is made when missing
    #[arg(long, value_name = "DIR", required_unless_present_any = ["defaults", "list"])]
    out: Option<PathBuf>,
    /// Read the sources of the rules from this folder instead of the program
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// What to write; default: everything
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Print everything that a site's file may change, with its defaults
    #[arg(long)]
    defaults: bool,
    /// Print a page with every alert, its severities, thresholds and condition
    #[arg(long)]
    list: bool,
}

/// A part of a mixin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// alerts/*.yml: rules for Prometheus and vmalert
    Alerts,
    /// alerts/alertmanager/alertmanager.yml: routes and inhibitions
    Alertmanager,
    /// alerts/pigsty/*.yml: recordings for Pigsty's dashboards
    Pigsty,
    /// dashboards/*.json: for Grafana
    Dashboards,
    /// kubernetes/: PrometheusRule, VMRule, and ConfigMaps of dashboards
    Kubernetes,
}

/// Runs the command with the arguments after its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(std::iter::once("pg-exporter mixin".into()).chain(arguments)) {
        Ok(options) => options,
        Err(text) => {
            // If the terminal is gone, nobody can read this.
            text.print().ok();
            return if text.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match act(&options) {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pg-exporter mixin: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(options: &Options) -> Result<String, MixinError> {
    let sources = sources(options.source.as_deref())?;
    if options.defaults {
        return Ok(render::site::site(&sources));
    }
    if options.list {
        return render::list::list(&sources);
    }
    let site = options.config.as_deref().map(Site::read).transpose()?.unwrap_or_default();
    let parts = if options.only.is_empty() { Part::value_variants() } else { options.only.as_slice() };
    let mut said = String::new();
    for part in parts {
        let files = files(*part, &sources, options.source.as_deref(), &site)?;
        let count = files.len();
        if let Some(folder) = &options.out {
            write(folder, files)?;
            said.push_str(&format!("{}: {count} files of {}\n", folder.display(), part.name()));
        }
    }
    Ok(said)
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Alertmanager => "alertmanager",
            Self::Pigsty => "pigsty",
            Self::Dashboards => "dashboards",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// Paths below the folder, and texts; `folder` is that of the sources, if they are not those in the program.
fn files(
    part: Part,
    sources: &Sources,
    folder: Option<&Path>,
    site: &Site,
) -> Result<BTreeMap<String, String>, MixinError> {
    let mut files = BTreeMap::new();
    match part {
        Part::Alerts => {
            for file in site_rules(sources, site)? {
                files.insert(format!("alerts/{}.yml", file.stem), render::rules::file(&file));
            }
        }
        Part::Alertmanager => {
            files.insert(
                "alerts/alertmanager/alertmanager.yml".to_owned(),
                render::alertmanager::alertmanager(&site.labels),
            );
        }
        Part::Pigsty => {
            // The sources have no alerts that the site could change.
            let site = Site { alerts: BTreeMap::new(), ..site.clone() };
            for file in site_rules(&pigsty(folder)?, &site)? {
                files.insert(format!("alerts/pigsty/{}.yml", file.stem), render::rules::file(&file));
            }
        }
        Part::Dashboards => {
            for (stem, json) in render::dashboards::dashboards(site)? {
                files.insert(format!("dashboards/{stem}.json"), json);
            }
        }
        Part::Kubernetes => {
            for file in site_rules(sources, site)? {
                for (operator, name) in
                    [(Operator::Prometheus, "prometheusrule"), (Operator::VictoriaMetrics, "vmrule")]
                {
                    files.insert(
                        format!("kubernetes/{name}-{}.yaml", file.stem),
                        render::kubernetes::rules(&file, operator),
                    );
                }
            }
            for (stem, json) in render::dashboards::dashboards(site)? {
                files.insert(format!("kubernetes/dashboard-{stem}.yaml"), render::kubernetes::dashboard(&stem, &json));
            }
        }
    }
    Ok(files)
}

fn write(folder: &Path, files: BTreeMap<String, String>) -> Result<(), MixinError> {
    for (name, text) in files {
        let path = folder.join(name);
        let fault = |error| MixinError::Write { path: path.clone(), error };
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(fault)?;
        fs::write(&path, text).map_err(fault)?;
    }
    Ok(())
}
