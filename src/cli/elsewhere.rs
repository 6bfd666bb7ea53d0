//! What is in the cluster of runs that this machine does not drive: whose it is, whether they live, and what may be undone for them.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::anyhow;

use crate::cli::recover::{PATIENCE, Tally};
use crate::cli::{complain, drill, print};
use crate::edge::lease::{self, Held};
use crate::edge::pulse::Wall;
use crate::edge::sweep::{self, Sweep};
use crate::edge::{Cluster, connect};
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
                let namespace = connection.namespace.clone();
                let cluster = Cluster::reach(connection, &namespace).await?;
                self.look(&cluster, reach).await
            })
        });
        if let Err(error) = swept {
            if !self.owed {
                print("nothing in the journals is left to undo\n");
            }
            if matches!(reach, Reach::Run(..)) {
                self.left.push("the run that was to be stopped".to_owned());
            }
            complain(&error.context("the cluster could not be swept for objects of gameday"));
        }
    }

    async fn look(&mut self, cluster: &Cluster, reach: &Reach) -> anyhow::Result<()> {
        let sweep = sweep::find(cluster, &self.namespaces, &Today).await?;
        if !sweep.everywhere {
            let looked: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
            print(&format!("objects of gameday may be listed in these namespaces only: {}\n", looked.join(", ")));
        }
        if !sweep.forbidden.is_empty() {
            print(&format!("these may not be listed, so nothing is known of them: {}\n", sweep.forbidden.join(", ")));
        }
        if let Some(why) = &sweep.leases_unseen {
            print(&format!("whether their runs are live could not be seen: {why}\n"));
        }
        let mut tokens: Vec<&str> = sweep.found.iter().map(|found| found.token.as_str()).collect();
        tokens.extend(sweep.leases.iter().map(|held| held.token.as_str()));
        if let Reach::Run(run, _) = reach {
            tokens = vec![the_one(&sweep, run)?];
        }
        tokens.sort_unstable();
        tokens.dedup();
        tokens.retain(|token| !self.live.contains(*token));
        for token in tokens {
            self.of_run(cluster, &sweep, token, reach).await;
        }
        Ok(())
    }

    /// What is there of one run.
    async fn of_run(&mut self, cluster: &Cluster, sweep: &Sweep, token: &str, reach: &Reach) {
        let held = sweep.lease_of(token);
        let live = held.filter(|held| !self.known.contains(token) && held.is_live(sweep.now));
        match (live, held, reach) {
            (Some(held), _, Reach::Own) => {
                print(&format!("{} is live: left alone; `gameday abort {}` stops it\n", who(held, sweep), run_of(held)));
                return;
            }
            (Some(held), _, Reach::All(yes) | Reach::Run(_, yes)) => {
                if let Err(why) = stop(cluster, held, sweep, *yes).await {
                    self.left.push(format!("what {} broke: {why}", who(held, sweep)));
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
                    self.left.push(format!(
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
            if let Err(why) = sweep::remove(cluster, object).await {
                self.left.push(format!("{object}: {why}"));
            }
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
