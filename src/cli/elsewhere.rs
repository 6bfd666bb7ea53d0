//! What is in the cluster of runs that this machine does not drive: whose it is, whether they live, and what may be undone for them.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::anyhow;

use crate::cli::recover::PATIENCE;
use crate::cli::tally::Tally;
use crate::cli::{complain, drill, print};
use crate::edge::connect::ConnectError;
use crate::edge::lease::{self, Held};
use crate::edge::pulse::Wall;
use crate::edge::sweep::{self, Sweep};
use crate::edge::{Cluster, Unreachable, connect};
use crate::event::residue::Trace;
use crate::text::Untrusted;
use crate::wording::live::age;

/// How far a sweep goes.
pub enum Reach {
    /// What dead runs left: of this machine by its journals, of others by their Leases.
    Own,
    /// Everything, and whether nobody is to be asked.
    All(bool),
    /// One run of another machine, and whether nobody is to be asked.
    Run(String, bool),
    /// What bears this token, of a run that is known to be dead, and nothing else.
    Token(String),
}

/// The calendar of this machine.
struct Today;

impl Wall for Today {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        drill::today()
    }
}

impl Tally {
    /// Deletes what bears our label in a cluster and belongs to a dead run; further than that only as far as is asked for. Names
    /// what it leaves.
    pub fn sweep(&mut self, context: Option<&str>, reach: &Reach) {
        let swept = drill::runtime(false).map_err(anyhow::Error::from).and_then(|runtime| {
            runtime.block_on(async {
                let connection = connect::connect("", None, context).await?;
                self.namespaces.insert(connection.namespace.clone());
                let (namespace, server) = (connection.namespace.clone(), connection.server.clone());
                let cluster = Cluster::reach(connection, &namespace).await?;
                self.look(&cluster, &server, reach).await
            })
        });
        if let Err(error) = swept {
            let answers = !(error.is::<ConnectError>() || error.is::<Unreachable>());
            if let Reach::Run(run, _) = reach {
                // whatever it broke is still on, if there is such a run
                return self.failed(&format!("run {run:?} is not stopped"), &error);
            }
            if !self.owed {
                print("nothing in the journals is left to undo\n");
            }
            if answers {
                self.overlook(format!("what else is in the cluster: {error:#}"));
            }
            complain(&error.context("the cluster could not be swept for objects of gameday"));
        }
    }

    /// Looks a cluster over, and undoes as far as it may.
    pub async fn look(&mut self, cluster: &Cluster, server: &str, reach: &Reach) -> anyhow::Result<()> {
        let sweep = sweep::find(cluster, &self.namespaces, &Today).await?;
        self.tell_blind(&sweep, server);
        let mut tokens: Vec<&str> = sweep.found.iter().map(|found| found.token.as_str()).collect();
        tokens.extend(sweep.leases.iter().map(|held| held.token.as_str()));
        match reach {
            Reach::Run(run, _) => tokens = vec![the_one(&sweep, run)?],
            Reach::Token(token) => tokens = vec![token],
            Reach::Own | Reach::All(_) => {}
        }
        tokens.sort_unstable();
        tokens.dedup();
        tokens.retain(|token| !self.live.contains(*token));
        for token in &tokens {
            self.of_run(cluster, &sweep, token, reach).await;
        }
        for trace in &sweep.traces {
            self.trace(cluster, &sweep, trace, reach).await;
        }
        Ok(())
    }

    /// Says what could not be looked at. Where this machine's own runs are known, they are known by their journals too, and
    /// what none of them made need not be seen.
    fn tell_blind(&mut self, sweep: &Sweep, server: &str) {
        if !sweep.everywhere {
            let looked: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
            let told = format!("objects of gameday may be listed in these namespaces only: {}", looked.join(", "));
            if self.knows(server) { print(&format!("{told}\n")) } else { self.overlook(told) }
        }
        if !sweep.forbidden.is_empty() {
            let told = format!("these may not be listed, so nothing is known of them: {}", sweep.forbidden.join(", "));
            let matters = sweep.forbidden.iter().any(|kind| self.may_have_made(server, kind));
            if matters { self.overlook(told) } else { print(&format!("{told}\n")) }
        }
        for why in &sweep.unseen {
            self.overlook(why.raw().to_owned());
        }
        if let Some(why) = &sweep.leases_unseen {
            print(&format!("whether their runs are live could not be seen: {why}\n"));
        }
    }

    /// What outlived its fault: cleared where it is of a run that is dead, or where all is asked for; else named, with whose it is.
    async fn trace(&mut self, cluster: &Cluster, sweep: &Sweep, trace: &Trace, reach: &Reach) {
        let token = trace.run.as_deref().unwrap_or_default();
        let held = sweep.lease_of(token);
        if self.live.contains(token) || held.is_some_and(|held| !self.known.contains(token) && held.is_live(sweep.now)) {
            return;
        }
        let is_dead = self.known.contains(token) || held.is_some();
        let wanted = match reach {
            Reach::Token(wanted) => wanted == token,
            Reach::Run(..) => false,
            Reach::Own => is_dead,
            Reach::All(yes) => {
                let question = format!("{}: {}. Clear it? [y/N] ", trace, whose(trace));
                is_dead || *yes || is_confirmed(&question).unwrap_or(false)
            }
        };
        if wanted {
            self.clear(cluster, trace).await;
        } else if matches!(reach, Reach::Own | Reach::All(_)) {
            let told = format!("{trace}: {}; `gameday abort --all` clears it", whose(trace));
            // what says it comes from somebody else's fault is not gameday's to answer for
            let others = trace.from.is_some() && trace.run.is_none();
            if others { print(&format!("seen, not of gameday: {told}\n")) } else { self.leave(told) }
        }
    }

    /// What is there of one run.
    async fn of_run(&mut self, cluster: &Cluster, sweep: &Sweep, token: &str, reach: &Reach) {
        let held = sweep.lease_of(token);
        let live = held.filter(|held| !self.known.contains(token) && held.is_live(sweep.now));
        match (live, held, reach) {
            (Some(held), _, Reach::Own | Reach::Token(_)) => {
                print(&format!("{} is live: left alone; `gameday abort {}` stops it\n", who(held, sweep), run_of(held)));
                return;
            }
            (Some(held), _, Reach::All(yes) | Reach::Run(_, yes)) => {
                if let Err(why) = stop(cluster, held, sweep, *yes).await {
                    self.leave(format!("what {} broke: {why}", who(held, sweep)));
                    return;
                }
            }
            (None, Some(held), _) if !self.known.contains(token) => {
                print(&format!("{} is taken to be dead: undoing what it left\n", who(held, sweep)));
            }
            (None, None, _) if !self.known.contains(token) && !may_take(sweep, token, reach) => {
                let lease = if sweep.sees_leases() { "without a Lease" } else { "whether its run is live can't be seen" };
                for found in sweep.found.iter().filter(|found| found.token == token) {
                    let object = &found.object;
                    self.leave(format!(
                        "{object}, of no run on this machine, {lease}; if nobody else needs it, `gameday abort --all` deletes it"
                    ));
                }
                return;
            }
            (None, Some(_) | None, _) => {}
        }
        let objects = sweep.found.iter().filter(|found| found.token == token).map(|found| &found.object);
        let leases = sweep.leases.iter().filter(|held| held.token == token).map(|held| &held.lease);
        for object in objects.chain(leases) {
            print(&format!("deleting {object}\n"));
            self.remove(cluster, object, &[]).await;
        }
    }
}

/// The token of the one run of this id, or of the only one whose id begins so.
fn the_one<'s>(sweep: &'s Sweep, run: &str) -> anyhow::Result<&'s str> {
    let begin_so: Vec<&Held> = sweep.leases.iter().filter(|held| !run.is_empty() && run_of(held).raw().starts_with(run)).collect();
    match begin_so.as_slice() {
        [] => Err(anyhow!("no run {run:?}, neither on this machine nor by a Lease in the cluster")),
        [one] => Ok(&one.token),
        many => {
            let ids: Vec<String> = many.iter().map(|held| run_of(held).to_string()).collect();
            let exact = many.iter().find(|held| run_of(held).raw() == run);
            exact.map(|held| held.token.as_str()).ok_or_else(|| anyhow!("{run:?} is the beginning of several runs: {}", ids.join(", ")))
        }
    }
}

/// Whether what is of no run that could be seen may be deleted: only if all is asked for, and somebody says yes.
fn may_take(sweep: &Sweep, token: &str, reach: &Reach) -> bool {
    let Reach::All(yes) = reach else { return false };
    let objects: Vec<String> = sweep.found.iter().filter(|found| found.token == token).map(|found| found.object.to_string()).collect();
    let question = format!("{}: whether a run still needs this can't be seen. Delete it? [y/N] ", objects.join(", "));
    *yes || is_confirmed(&question).unwrap_or(false)
}

/// Whose something is that outlived its fault.
fn whose(trace: &Trace) -> String {
    match (&trace.from, &trace.run) {
        (Some(from), Some(run)) => format!("of {from}, which is gone; by its name of the run {}", Untrusted::from(run.as_str())),
        (Some(from), None) => format!("of {from}, which is gone"),
        (None, _) => "nothing says whose it is, and no fault holds it".to_owned(),
    }
}

/// The id of a run, as its Lease names it.
fn run_of(held: &Held) -> Untrusted {
    held.holder.raw().rsplit(' ').next().unwrap_or_default().into()
}

/// Whose a run is, and when it was last heard of.
fn who(held: &Held, sweep: &Sweep) -> String {
    let heard = held.renewed.zip(sweep.now).and_then(|(renewed, now)| (now - renewed).to_std().ok());
    let heard = heard.map_or_else(String::new, |ago| format!(", heard of {} ago", age(ago)));
    format!("the run of {} in namespace {}{heard}", held.holder, Untrusted::from(held.lease.namespace.as_str()))
}

/// Asks a live run of somebody else to stop, and waits until it has.
async fn stop(cluster: &Cluster, held: &Held, sweep: &Sweep, yes: bool) -> anyhow::Result<()> {
    if !yes && !is_confirmed(&format!("{} is live. Stop it and undo what it broke? [y/N] ", who(held, sweep)))? {
        return Err(anyhow!("not stopped: nobody said yes; --yes says it beforehand"));
    }
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let me = set("USER").unwrap_or_else(|| "somebody".to_owned());
    lease::wish(cluster, &held.lease, &me).await?;
    print(&format!("asked {} to stop and undo\n", held.holder));
    let asked = tokio::time::Instant::now();
    let gone = async {
        loop {
            let leases = lease::list(cluster, Some(&held.lease.namespace)).await.ok();
            let now = sweep.now.map(|now| now + asked.elapsed());
            // it has ended, or has died meanwhile: what it left is undone for it
            let lives = |leases: &Vec<Held>| leases.iter().any(|other| other.lease == held.lease && other.is_live(now));
            if leases.is_some_and(|leases| !lives(&leases)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.map_err(|_| anyhow!("it did not end within {} s", PATIENCE.as_secs()))
}

fn is_confirmed(question: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    print(question);
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
