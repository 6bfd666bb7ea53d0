//! What is said beforehand of steps that wait for a person: `--answer` and `--yes`.

use std::collections::BTreeMap;

use anyhow::anyhow;

use crate::cli::args::DrillArgs;
use crate::cli::{Failure, Means, USAGE};
use crate::headless::{Answers, Said};
use crate::scenario::model::Scenario;

/// What the command line says of the steps that wait for a person.
pub fn read(args: &DrillArgs) -> Result<Answers, Failure> {
    let mut steps = BTreeMap::new();
    for (name, word) in &args.answers {
        let said = match word.as_str() {
            "go" => Said::Go,
            "done" => Said::Done,
            "failed" => Said::Failed,
            _ => {
                return Err(anyhow!("--answer {name}={word}: the word is done or failed for a manual step, go for one that holds"))
                    .means(USAGE);
            }
        };
        steps.insert(name.clone(), said);
    }
    Ok(Answers { steps, go: args.yes })
}

/// Refuses a run that would wait for a person where there is none.
pub fn check(args: &DrillArgs, scenario: &Scenario, on_terminal: bool) -> Result<(), Failure> {
    let answers = read(args)?;
    if let Some(name) = answers.steps.keys().find(|name| !scenario.steps.iter().any(|step| step.name == **name)) {
        let known: Vec<&str> = scenario.steps.iter().map(|step| step.name.as_str()).collect();
        return Err(anyhow!("--answer: the scenario has no step {name:?}; it has {}", known.join(", "))).means(USAGE);
    }
    if on_terminal {
        return match answers.steps.keys().next() {
            Some(name) => Err(anyhow!("--answer {name}=…: the cockpit asks the person; --answer goes with --headless")).means(USAGE),
            None => Ok(()),
        };
    }
    match answers.lack(scenario) {
        Some((name, word)) => {
            Err(anyhow!("step {name:?} waits for a person, and nobody can answer without a cockpit: add --answer '{name}={word}'"))
                .means(USAGE)
        }
        None => Ok(()),
    }
}
