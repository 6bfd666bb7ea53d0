//! Flags of the verbs that show what is recorded of a run, and the forms it is shown in.

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};

use crate::headless::Form;

/// Flags of `report`.
#[derive(Debug, Group)]
pub struct ReportArgs {
    /// An id, a unique prefix of one, a folder, or last.
    pub run: String,
    /// In which form.
    #[arg(long, value_enum, default_value_t = ReportForm::Md)]
    pub format: ReportForm,
    /// Where to; the standard output by default.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Flags of `replay`.
#[derive(Debug, Group)]
pub struct ReplayArgs {
    /// An id, a unique prefix of one, a folder, or last.
    pub run: String,
    /// How fast, against the real clock: 0.1 to 60.
    #[arg(long, value_name = "N", default_value = "1", value_parser = speed_of_replay)]
    pub speed: f64,
    /// Fold the journal and compare what it comes to with what was sealed: 0 where that is the same, else 1.
    #[arg(long)]
    pub verify: bool,
    /// Lines instead of the screens.
    #[arg(long)]
    pub headless: bool,
    /// How the lines look.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Flags of `watch`.
#[derive(Debug, Group)]
pub struct WatchArgs {
    /// An id, a unique prefix of one, a folder, or last.
    pub run: String,
    /// In large letters, for the shared screen in the room.
    #[arg(long)]
    pub project: bool,
    /// Lines instead of the screens; the exit code is the run's.
    #[arg(long)]
    pub headless: bool,
    /// How the lines look.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

fn speed_of_replay(text: &str) -> Result<f64, String> {
    let speed: f64 = text.trim_end_matches('x').parse().map_err(|_| "a number, as 4 or 0.5".to_owned())?;
    if (0.1..=60.0).contains(&speed) { Ok(speed) } else { Err("from 0.1 to 60".to_owned()) }
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// Markdown.
    Md,
    /// JSON.
    Json,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<Output> for Form {
    fn from(output: Output) -> Form {
        match output {
            Output::Text => Form::Text,
            Output::Json => Form::Json,
        }
    }
}

/// Flags of `import`.
#[derive(Debug, Group)]
pub struct ImportArgs {
    /// A Chaos Toolkit experiment, or one or several Chaos Mesh manifests; JSON or YAML.
    pub file: PathBuf,
    /// Where the scenario goes; the standard output by default, and the report to the error output. A file that is there is not overwritten.
    #[arg(long = "out", short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The workload that is watched, as in deployment/task-api; by the source's own selectors and probes by default.
    #[arg(long, value_name = "KIND/NAME")]
    pub target: Option<String>,
    /// The namespace of target and faults that name none.
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The kubeconfig context of the scenario.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// How the report looks.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}
