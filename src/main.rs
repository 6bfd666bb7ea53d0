//! gameday: calls [`gameday::cli`] and turns the outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gameday::cli::main(std::env::args_os()))
}
