//! `gameday doctor [FILE]`: the preflight alone, with the same words as before a run. Nothing is broken, nothing is written.

use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::time::Instant;

use crate::cli::args::{DoctorArgs, Output};
use crate::cli::arrival::{self, Arrival};
use crate::cli::drill::{self, Drill};
use crate::cli::gate::{self, Seat};
use crate::cli::{Failure, Means, REFUSED, print};
use crate::command::{AbortedBy, Command};
use crate::driver::{Clock, Driver, Signals};
use crate::edge::connect;
use crate::face::{Asked, Face};
use crate::header::Header;
use crate::run::Run;
use crate::run::checks::Grade;
use crate::run::phase::Phase;
use crate::wording::preflight::{self, Item};

/// How long queries that have not answered yet are waited for, once all else is known.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Reads the checklist once it is whole, and leaves.
#[derive(Default)]
struct Reader {
    ready: bool,
    /// Until when what is still open is waited for.
    until: Option<Instant>,
    whole: bool,
    left: bool,
    items: Vec<Item>,
    refusal: Option<String>,
}

impl Face for Reader {
    fn show(&mut self, run: &Run) {
        let refused = matches!(run.phase().0, Phase::Undoing(_));
        self.ready |= *run.phase().0 == Phase::Ready || refused;
        if !self.left {
            self.items = preflight::checklist(run);
            self.refusal = preflight::refusal(run);
            self.whole = self.ready && !self.items.iter().any(|item| item.grade == Grade::Waiting);
        }
    }

    async fn asked(&mut self) -> Asked {
        if self.left || !self.ready {
            std::future::pending::<()>().await;
        }
        if !self.whole {
            // the wait goes on where it was: the driver asks anew after each event
            let until = *self.until.get_or_insert_with(|| Instant::now() + LAST_WORDS);
            tokio::time::sleep_until(until).await;
        }
        self.left = true;
        Asked::Command(Command::Abort { by: AbortedBy::Key })
    }
}

pub fn doctor(args: &DoctorArgs) -> Result<u8, Failure> {
    let drill = match &args.file {
        Some(file) => Drill::read(file, &args.sets)?,
        None => Drill::of_nothing(),
    };
    let environment = drill.environment(args.place.env.as_deref())?;
    let config = gate::settings()?;
    let reader = drill::runtime(false).means(REFUSED)?.block_on(async {
        let signals = Signals::listen().context("cannot listen to signals").means(REFUSED)?;
        let connection =
            connect::connect(&environment.name, environment.context.as_deref(), args.place.context.as_deref()).await.means(REFUSED)?;
        let Arrival { world, place, judged } = arrival::arrive(connection, &drill.scenario, &environment, &args.place, &config).await?;
        // as a person at a terminal would run it
        let gate = gate::of_run(Seat { terminal: true, yes: false }, &args.gates, &drill.scenario, &judged, &config)?;
        let token = format!("{:06x}", drill.random >> 40);
        let run = drill::name(drill.started, drill.random);
        let header = drill.header(run, drill.started, place, drill.random, token, args.place.injector);
        let header = Header { gate: Some(gate), ..header };
        let clock = Clock::start(header.started);
        let run = Run::new(header, drill.scenario).only_looking();
        Ok::<_, Failure>(Box::pin(Driver::unwritten(run, clock, world, Reader::default()).drive(signals)).await.face)
    })?;
    Ok(tell(&reader, args.output, args.file.is_some()))
}

/// Says every check, and whether all are good enough to begin.
fn tell(reader: &Reader, output: Output, of_scenario: bool) -> u8 {
    let failed = reader.items.iter().filter(|item| item.grade == Grade::Fail).count();
    let unsure = reader.items.iter().filter(|item| !matches!(item.grade, Grade::Fail | Grade::Pass)).count();
    let refused = failed > 0 || reader.refusal.is_some();
    for item in &reader.items {
        match output {
            Output::Json => {
                let line = json!({"check": item.what, "verdict": preflight::grade(item.grade), "seen": item.seen, "mend": item.mend});
                print(&format!("{line}\n"));
            }
            Output::Text => {
                print(&format!("{:<8} {:<11} {}\n", preflight::grade(item.grade), item.what, item.seen));
                if let Some(mend) = &item.mend {
                    print(&format!("{:<8} {:<11} → {mend}\n", "", ""));
                }
            }
        }
    }
    if output == Output::Text {
        match &reader.refusal {
            Some(why) if failed == 0 => print(&format!("\nit would be refused: {why}\n")),
            _ if refused => print(&format!("\n{failed} failed: it would be refused\n")),
            _ if unsure > 0 && of_scenario => print(&format!("\nit can be run; {unsure} to think about\n")),
            _ if unsure > 0 => print(&format!("\nnothing here forbids a run as such; {unsure} to think about\n")),
            _ if of_scenario => print("\nall is well: it can be run\n"),
            _ => print("\nall is well; `gameday doctor FILE` looks at what a scenario needs\n"),
        }
    }
    if refused { REFUSED } else { 0 }
}
