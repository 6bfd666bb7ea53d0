//! `gameday replay`: a recorded run through the same screens, from its journal alone, offline.

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;

use crate::cli::args::{Output, ReplayArgs};
use crate::cli::outlet::Outlet;
use crate::cli::{Failure, Means, REFUSED, USAGE, drill, print, report, screen};
use crate::driver::{self, Signals};
use crate::effect::{Conclusion, Effect};
use crate::event::Event;
use crate::face::Face;
use crate::headless::{Form, Headless};
use crate::journal::read::Recorded;
use crate::replay::Player;
use crate::run::Run;
use crate::seat::Seat;
use crate::tui::Cockpit;
use crate::tui::letters::Type;
use crate::{archive, wording};

/// A journal that does not come to what was sealed in it.
const DIFFERS: u8 = 1;
/// Between two pictures at the least: what happens in between is shown with the next.
const FRAME: Duration = Duration::from_millis(33);

pub fn replay(args: &ReplayArgs) -> Result<u8, Failure> {
    let folder = archive::find(&args.run).means(USAGE)?;
    let recorded = archive::journal(&folder).means(USAGE)?;
    if args.verify {
        return verify(&folder, &recorded);
    }
    let run = report::unfolded(&folder, &recorded).means(USAGE)?;
    if recorded.torn > 0 {
        crate::cli::complain(&anyhow!("the journal ends within a line: its last {} bytes are left out", recorded.torn));
    }
    if !screen::has_one(args.headless, args.output) {
        return lines(run, &recorded, args.output);
    }
    let speed = args.speed;
    let player = report::guarded(&folder, move || Player::new(run, recorded.entries, speed)).means(USAGE)?;
    let runtime = drill::runtime(false).means(REFUSED)?;
    runtime.block_on(async {
        let mut cockpit = screen::look_on(Type::Plain, String::new())?;
        let report = folder.join("report.md");
        if report.exists() {
            cockpit.reported(report.display().to_string());
        }
        play(&mut cockpit, player).await?;
        cockpit.close().means(REFUSED)
    })?;
    Ok(0)
}

/// Plays until whoever watches leaves.
async fn play(cockpit: &mut Cockpit, mut player: Player) -> Result<(), Failure> {
    let mut signals = Signals::listen().means(REFUSED)?;
    let mut last = Instant::now();
    loop {
        let (seat, head, pace) = (Seat::Player(player.position()), player.position().head, player.pace());
        let news = player.news().map(<[_]>::to_vec);
        cockpit.show_to(seat, (player.run(), news.as_deref()), head, pace);
        let next = player.until_next().map(|next| last + next.max(FRAME));
        let wish = tokio::select! {
            biased;
            _ = signals.next() => return Ok(()),
            wish = cockpit.wish() => match wish {
                Some(wish) => Some(wish),
                None => return Ok(()),
            },
            () = at(next) => None,
        };
        let now = Instant::now();
        player.pass(now - last);
        last = now;
        if let Some(wish) = wish {
            player.play(wish);
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The lines of the whole run, at once.
fn lines(mut run: Run, recorded: &Recorded, output: Output) -> Result<u8, Failure> {
    let mut face = Headless::new(Outlet::open().means(REFUSED)?, Form::from(output), false);
    for entry in &recorded.entries {
        driver::fold(&mut run, entry);
        face.show(&run);
    }
    Ok(0)
}

fn verify(folder: &Path, recorded: &Recorded) -> Result<u8, Failure> {
    let mut run = report::unfolded(folder, recorded).means(USAGE)?;
    let mut folded: Option<Conclusion> = None;
    let mut sealed = None;
    for entry in &recorded.entries {
        if let Event::Sealed(conclusion) = &entry.event {
            // an older journal may have been sealed where this version would have looked once more: its verdict can be told all the same
            let folded = folded.take().unwrap_or_else(|| Conclusion { verdict: run.verdict(), ..conclusion.clone() });
            sealed = Some((conclusion, folded));
        }
        for effect in driver::fold(&mut run, entry) {
            if let Effect::Seal { conclusion } = effect {
                folded = Some(conclusion);
            }
        }
    }
    let entries = recorded.entries.len();
    match sealed.map(|(sealed, folded)| wording::seat::verified(sealed, &folded)) {
        Some(Ok(same)) => {
            print(&format!("{same} ({entries} entries)\n"));
            Ok(0)
        }
        Some(Err(differs)) => {
            print(&format!("{differs} ({entries} entries)\n"));
            Ok(DIFFERS)
        }
        None => {
            print(&format!("not sealed: the run did not come to its end ({entries} entries); `gameday recover` finishes it\n"));
            Ok(DIFFERS)
        }
    }
}
