//! The command line: one file per subcommand; this one parses, dispatches and turns errors into exit statuses.

mod account;
mod args;
mod compare;
pub mod demo;
pub mod init;
mod inspect;
mod paint;
mod rehearse;
mod report;
mod run;
mod sieve;
mod stopped;
mod triage;
mod triaged;
mod undo;
mod verify;
mod wizard;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Cli, Command, Format, Output};
use self::sieve::{Sieve, harmless_lines};
use crate::engine::{Attendance, Options};
use crate::error::{Kind, Report};

/// Runs the program: parses its command line, does what it says, and returns the exit status.
#[must_use]
pub fn main() -> ExitCode {
    // What is typed may be a password: no core dump of wizard or runner, and no look into their memory by others. What
    // they execute gets the usual limits back from the system.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            complain_of_use(&error);
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match dispatch(cli) {
        Ok(status) => ExitCode::from(status),
        Err(report) => {
            let _ = writeln!(io::stderr().lock(), "{}", harmless_lines(&report.to_string()));
            ExitCode::from(report.kind.exit_status())
        }
    }
}

/// Says what is wrong with the command line. A word of it may be the name of a file that somebody else has given.
fn complain_of_use(error: &clap::Error) {
    let text = error.render().to_string();
    let harmless = harmless_lines(&text);
    if harmless == text {
        let _ = error.print();
    } else {
        let _ = writeln!(io::stderr().lock(), "{harmless}");
    }
}

/// Returns the way to standard output.
fn output(format: Format) -> Sieve<io::StdoutLock<'static>> {
    Sieve::new(format, io::stdout().lock())
}

const fn format_of(json: bool) -> Format {
    if json { Format::Json } else { Format::Text }
}

fn dispatch(cli: Cli) -> Result<u8, Report> {
    let site = cli.site.clone();
    match cli.command {
        Some(Command::InternalRunner { dir }) => Ok(crate::runner::runner_main(&dir)),
        Some(Command::InternalShim { dir }) => Ok(crate::runner::shim_main(&dir)),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "lino-upgrade", &mut io::stdout().lock());
            Ok(0)
        }
        Some(Command::Man) => {
            clap_mangen::Man::new(Cli::command())
                .render(&mut io::stdout().lock())
                .map_err(|error| unprintable(&error))?;
            Ok(0)
        }
        Some(Command::Account(args)) => block_on(async move {
            let site = site.map(|site| inspect::find(Some(&site))).transpose()?;
            account::run(&args, site.as_ref(), &mut output(format_of(args.json))).await
        }),
        Some(Command::Compare(args)) => compare::run(&args, &mut output(format_of(args.json))),
        Some(Command::Verify(args)) => block_on(async move {
            let format = format_of(args.json);
            let site = site.map(|site| inspect::find(Some(&site))).transpose()?;
            verify::run(&args.snapshot, site.as_ref(), format, &mut output(format)).await
        }),
        Some(Command::Rehearse(args)) => block_on(async move {
            let format = format_of(args.json);
            let site = inspect::find(site.as_deref())?;
            rehearse::run(&args, &site, format, &mut output(format)).await
        }),
        Some(Command::Triage(args)) => {
            let format = format_of(args.json);
            triage::run(&args, format, &mut output(format))
        }
        Some(Command::Report(args)) => report::run(&args, site.as_deref(), &mut output(Format::Text)),
        Some(Command::Init) => block_on(async move {
            let text = init::init(site.as_deref()).await?;
            writeln!(output(Format::Text), "{text}").map_err(|error| unprintable(&error))?;
            Ok(0)
        }),
        Some(Command::Check(output)) => block_on(inspect::check(site, format(&output))),
        Some(Command::Undo(args)) => {
            let options = options(site, Attendance::Headless)?;
            block_on(async move { undo::run(options, &args).await })
        }
        Some(Command::Status(output)) => block_on(inspect::status(site, format(&output))),
        Some(Command::History(output)) => block_on(inspect::history(site, format(&output))),
        Some(Command::Demo(args)) => block_on(demo::run(args)),
        Some(Command::Run(args)) if args.headless => {
            let options = options(site, Attendance::Headless)?;
            block_on(async move { run::drive(crate::engine::open(options), &args).await })
        }
        Some(Command::Run(_)) | None => {
            let options = options(site, Attendance::Wizard)?;
            block_on(wizard::run(options))
        }
    }
}

/// Returns how the engine is opened from this command line.
fn options(site: Option<std::path::PathBuf>, attendance: Attendance) -> Result<Options, Report> {
    let cwd = std::env::current_dir().map_err(|error| {
        Report::new(Kind::Environment, format!("The current directory cannot be read: {error}."))
            .next("Change to the project directory of the site, then start again.")
    })?;
    Ok(Options { site, cwd, attendance, exe: None })
}

fn format(output: &Output) -> Format {
    format_of(output.json)
}

fn block_on<T>(future: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
            Report::new(Kind::Environment, format!("The program cannot start its event loop: {error}."))
        })?;
    let result = runtime.block_on(future);
    // A site that is being asked for its facts must not keep the program from ending.
    runtime.shutdown_background();
    result
}

fn unprintable(error: &io::Error) -> Report {
    Report::new(Kind::Environment, format!("The output cannot be written: {error}."))
}
