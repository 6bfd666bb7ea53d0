//! The command line: one short function a verb.
//!
//! Owns the process: arguments, runtimes, exit codes, what is printed last. The only room that may
//! import all others.

mod answers;
pub mod args;
mod arrival;
mod check;
mod config;
mod doctor;
mod drill;
mod editor;
mod elsewhere;
mod force;
mod gate;
mod home;
mod import;
mod keys;
mod new;
mod outlet;
mod rbac;
mod recover;
mod replay;
mod report;
mod schema;
mod screen;
mod serve;
mod tally;
mod watch;
mod world;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;

use crate::cli::args::{Args, RehearsalVerb, Verb};

/// Usage, unreadable or invalid file.
pub const USAGE: u8 = 2;
/// A gate refused, or anything else kept the run from starting.
pub const REFUSED: u8 = 3;
/// Exit code: the operator stopped it.
pub const ABORTED: u8 = 5;
/// Something is left in the cluster.
pub const LEFT: u8 = 7;

/// Runs the command line; gives the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    // before any TLS client is made: the one provider (two crates' defaults differ and panic)
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { USAGE } else { 0 };
        }
    };
    let Some(verb) = args.verb else { return told(home::home()) };
    let outcome = match verb {
        Verb::Run(args) => drill::run(&args),
        Verb::Rehearse(args) => drill::rehearse(&args),
        Verb::Rehearsal(RehearsalVerb::Serve(args)) => serve::serve(&args),
        Verb::New(args) => new::new(&args),
        Verb::Import(args) => import::import(&args),
        Verb::Check(args) => check::check(&args),
        Verb::Report(args) => report::report(&args),
        Verb::Replay(args) => replay::replay(&args),
        Verb::Watch(args) => watch::watch(&args),
        Verb::Abort(args) => recover::abort(&args),
        Verb::Recover(args) => recover::recover(&args),
        Verb::Schema => schema::schema(),
        Verb::Doctor(args) => doctor::doctor(&args),
        Verb::Rbac(args) => rbac::rbac(&args),
        Verb::Config => config::config(),
        Verb::Keys => keys::keys(),
    };
    told(outcome)
}

/// The exit code of what was done; what went wrong is said.
fn told(outcome: Result<u8, Failure>) -> u8 {
    outcome.unwrap_or_else(|failure| {
        complain(&failure.error);
        failure.code
    })
}

/// What went wrong before or beside a run, and the exit code for it.
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

/// Gives an error the exit code it means.
trait Means<T> {
    fn means(self, code: u8) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Means<T> for Result<T, E> {
    fn means(self, code: u8) -> Result<T, Failure> {
        self.map_err(|error| Failure { code, error: error.into() })
    }
}

/// An error on the error output, with its causes; text from outside in it is made safe.
fn complain(error: &anyhow::Error) {
    let text = crate::text::Untrusted::from(format!("{error:#}")).to_string();
    let _ = writeln!(io::stderr(), "gameday: {}", text.replace('⏎', "\n  "));
}

/// Prints to the standard output; a closed output is no error here.
fn print(text: &str) {
    let _ = write!(io::stdout().lock(), "{text}").and_then(|()| io::stdout().flush());
}
