//! A run in the cockpit, and what is read there once it is over.

use std::cell::Cell;
use std::path::Path;

use crate::cli::drill::code;
use crate::cli::{home, report};
use crate::driver::{Driver, Looks, Signals, World, pace};
use crate::edge::abilities;
use crate::face::Face;
use crate::face::home::Reach;
use crate::run::Run;
use crate::tui::{Cockpit, Porch};

/// Drives a run in the cockpit; its findings stay on the screen until the operator leaves. Says whether they left for the editor.
pub async fn on_screen(driver: Driver<Cockpit>, signals: Signals, folder: &Path, edit: &Cell<bool>) -> anyhow::Result<u8> {
    let driven = Box::pin(driver.drive(signals)).await;
    let (run, mut cockpit, mut looks) = (driven.run, driven.face, driven.looks);
    let report = match report::file(folder) {
        Ok(()) => folder.join("report.md").display().to_string(),
        Err(error) => format!("not written: {error:#}"),
    };
    cockpit.reported(report);
    let mut signals = Signals::listen()?;
    tokio::select! {
        () = debrief(&mut cockpit, &run, &mut looks) => edit.set(cockpit.edits(&run)),
        _ = signals.next() => {}
        // the practice cluster lives on while its findings are read: not faster than real time
        () = pace::hold(1.0), if run.header().place.rehearsal => {}
    }
    if let Err(error) = cockpit.close() {
        crate::cli::complain(&error.into());
    }
    code(&run, driven.lost)
}

/// Shows the findings until the operator leaves, and what they look at meanwhile.
async fn debrief(cockpit: &mut Cockpit, run: &Run, looks: &mut Looks) {
    loop {
        tokio::select! {
            biased;
            at = cockpit.debrief(run) => match at {
                Some(at) => looks.begin(at),
                None => return,
            },
            look = looks.next() => cockpit.looked(look),
        }
    }
}

/// Lets the cockpit know what there is at home while the run goes on.
pub fn show_home(porch: Porch, world: &World) {
    let cluster = world.cluster.aside();
    tokio::spawn(async move {
        let has = abilities::of(&cluster).await;
        home::tell(porch, Reach::Answers { context: cluster.fact.context, version: cluster.fact.version, has });
    });
}
