//! `gameday import`: other people's files as scenarios, and what is lost on the way.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::cli::args::{ImportArgs, Output};
use crate::cli::{Failure, Means, USAGE, check, new, print};
use crate::import::{self, Fate, Import, Loss, Wish};
use crate::scenario;
use crate::scenario::model::TargetRef;

pub fn import(args: &ImportArgs) -> Result<u8, Failure> {
    let file = args.file.to_string_lossy();
    let target = args.target.as_deref().map(new::target).transpose().means(USAGE)?;
    let wish = Wish {
        target: target.map(|(kind, name)| TargetRef { kind, name, namespace: None }),
        namespace: args.namespace.clone(),
        context: args.context.clone(),
    };
    let bytes = check::bounded(&args.file).map_err(|why| anyhow!("{file}: {why}")).means(USAGE)?;
    let text = scenario::text_of(&file, &bytes).map_err(|mistake| anyhow!("{mistake}")).means(USAGE)?;
    let import = import::import(&file, text, &wish).means(USAGE)?;
    let report = match args.output {
        Output::Json => lines(&import.losses)?,
        Output::Text => told(&import, &args.file, args.out.as_deref()),
    };
    match &args.out {
        None => {
            print(&import.scenario);
            let _ = write!(io::stderr(), "{report}");
        }
        Some(path) => {
            new::write_new(path, &import.scenario)?;
            print(&report);
        }
    }
    Ok(if import.unmapped() == 0 { 0 } else { USAGE })
}

fn lines(losses: &[Loss]) -> Result<String, Failure> {
    let mut text = String::new();
    for loss in losses {
        let mut line = serde_json::to_value(loss).context("cannot write a loss as JSON").means(USAGE)?;
        if let Some(line) = line.as_object_mut() {
            line.insert("blocks".to_owned(), loss.blocks().into());
        }
        text.push_str(&format!("{}\n", check::ascii(&line.to_string())));
    }
    Ok(text)
}

/// The report: what is not mapped first, since that is what there is to do.
fn told(import: &Import, file: &Path, out: Option<&Path>) -> String {
    let mut text = String::new();
    for fate in [Fate::NotMapped, Fate::Differs, Fate::Mapped] {
        for loss in import.losses.iter().filter(|loss| loss.fate == fate) {
            text.push_str(&format!("{loss}\n"));
        }
    }
    let count = |fate| import.losses.iter().filter(|loss| loss.fate == fate).count();
    let name = crate::text::Untrusted::from(file.to_string_lossy());
    text.push_str(&format!(
        "{name}: {} mapped, {} with a difference, {} not mapped\n",
        count(Fate::Mapped),
        count(Fate::Differs),
        count(Fate::NotMapped)
    ));
    let path = out.map(|path| crate::text::Untrusted::from(path.to_string_lossy()).to_string());
    match (import.unmapped(), path) {
        (0, Some(path)) => text.push_str(&format!("next: gameday check {path} && gameday rehearse {path}\n")),
        (0, None) => {}
        (n, _) => {
            let (these, are) = if n == 1 { ("action or rollback", "is") } else { ("actions and rollbacks", "are") };
            text.push_str(&format!(
                "{n} {these} {are} not mapped: the scenario is refused until each step with unmapped is written otherwise, or taken away\n"
            ));
        }
    }
    text
}
