//! The benchmark: what one scrape costs the exporter and the server, on a load that it makes itself.

mod client;
mod collectors;
mod delay;
mod goals;
pub mod load;
pub mod program;
mod repeated;
mod replay;
mod results;
mod samples;
mod scale;
mod steady;
pub mod subject;
pub mod table;
mod texts;
mod together;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lab::LabError;

use self::program::Programs;
use self::replay::Statements;
use self::results::Results;

/// What `lab bench` measures, on what.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    programs: Programs,
    /// Scrapes of each cold kind; warm ones are five times as many.
    #[arg(long, default_value_t = 40)]
    scrapes: usize,
    /// How long to scrape each 15 s; 0 leaves that out.
    #[arg(long, default_value_t = 300)]
    steady_seconds: u64,
    /// Instead: by number of series, of tables, of databases; all of them take 30 min.
    #[arg(long, value_enum, num_args = 0.., value_name = "BY")]
    scale: Option<Vec<scale::By>>,
    /// Instead: with 100 MB of query texts in pg_stat_statements.
    #[arg(long)]
    texts: bool,
    /// Instead: samples of the sessions, with 12 and with 500 of them; 8 min.
    #[arg(long)]
    samples: bool,
}

/// Makes the load, measures, prints a table for each part.
pub fn run(options: &Options) -> Result<ExitCode, LabError> {
    let begun = Instant::now();
    let steady = Duration::from_secs(options.steady_seconds);
    if let Some(by) = &options.scale {
        scale::run(by, &options.programs, steady)?;
    } else if options.texts {
        texts::run(&options.programs)?;
    } else if options.samples {
        samples::run(&options.programs)?;
    } else {
        compare(options, steady)?;
    }
    println!("\n{:.0} s", begun.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

fn compare(options: &Options, steady: Duration) -> Result<(), LabError> {
    println!("load: {}", load::description());
    let mut server = load::loaded()?;
    let programs = options.programs.all()?;
    let statements = Statements::record(&options.programs.wide(), &server)?;
    println!("a cold scrape of pg-exporter runs {} statements", statements.count());

    let mut results = Results::default();
    repeated::run(&programs, &statements, &server, options.scrapes, &mut results)?;
    repeated::wire(&programs, &statements, &server)?;
    together::run(&programs, &server)?;
    delay::run(&programs, &statements, &server)?;
    collectors::run(&options.programs, &statements, &server)?;
    if !steady.is_zero() {
        steady::run(&programs, &statements, &mut server, steady, &mut results)?;
    }
    goals::print(&results);
    Ok(())
}
