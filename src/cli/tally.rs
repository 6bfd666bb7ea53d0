//! What is owed and what is left, over all runs of this machine.

use std::collections::BTreeSet;
use std::path::Path;

use crate::archive;
use crate::cli::{LEFT, REFUSED, print, report};
use crate::edge::connect::ConnectError;
use crate::edge::sweep::{self, Stays};
use crate::edge::{Cluster, Unreachable, residue};
use crate::effect::{ChaosRef, PodRef};
use crate::event::residue::Trace;
use crate::header::Place;
use crate::journal::Journal;
use crate::text::Untrusted;
use crate::wording::stuck;

/// What a run of this machine owes.
pub enum Owes {
    /// Nothing.
    Nothing,
    /// Another process drives it.
    Live,
    /// It died; its undo is finished from its journal.
    Undo,
    /// It ended, and said what it left; with its victims.
    Left(Box<Place>, Vec<ChaosRef>, Vec<PodRef>),
    /// Its journal can't be read.
    Unreadable(anyhow::Error),
}

/// What came of undoing.
#[derive(Default)]
pub struct Tally {
    /// What is left, in words, with the ways out of each, the safest first.
    left: Vec<(String, Vec<String>)>,
    /// What could not be looked at in a cluster that answers, in words.
    unseen: Vec<String>,
    /// How many of what is left can't be had because their cluster does not answer.
    no_cluster: usize,
    /// Whether a journal said that something is to be undone.
    pub owed: bool,
    /// The tokens of runs that are live in other processes of this machine.
    pub live: BTreeSet<String>,
    /// The tokens of all runs of this machine on clusters.
    pub known: BTreeSet<String>,
    /// The namespaces that they were run in.
    pub namespaces: BTreeSet<String>,
    /// Each API server they were run at, with the kinds they made there.
    made: BTreeSet<(String, String)>,
}

impl Tally {
    /// Something is left.
    pub fn leave(&mut self, what: String) {
        self.left.push((what, Vec::new()));
    }

    /// The same, of a run: with what holds its objects, and the ways out.
    pub fn leave_of(&mut self, folder: &Path, what: String) {
        let stuck = report::fold(folder).ok();
        let faults = stuck.iter().flat_map(|run| run.faults().iter().map(move |state| (run, state)));
        let ways = faults.filter(|(_, state)| state.undo.handed_over.is_some()).flat_map(|(run, state)| stuck::ways(run, state));
        self.left.push((what, ways.collect()));
    }

    /// Something could not be looked at.
    pub fn overlook(&mut self, what: String) {
        self.unseen.push(what);
    }

    /// Something is left, since it could not even be tried.
    pub fn failed(&mut self, what: &str, error: &anyhow::Error) {
        self.no_cluster += usize::from(error.is::<ConnectError>() || error.is::<Unreachable>());
        self.leave(format!("{what}: {error:#}"));
    }

    /// Whether runs of this machine are known at this API server.
    pub fn knows(&self, server: &str) -> bool {
        self.made.iter().any(|(known, _)| known == server)
    }

    /// Whether one of them made objects of this kind there, or may have.
    pub fn may_have_made(&self, server: &str, kind: &str) -> bool {
        !self.knows(server) || self.made.contains(&(server.to_owned(), kind.to_owned()))
    }

    /// Deletes an object; says what stays, and the ways out.
    pub async fn remove(&mut self, cluster: &Cluster, object: &ChaosRef, victims: &[PodRef]) {
        if let Err(Stays { why, held }) = sweep::remove(cluster, object, victims).await {
            let (held, ways) = held.map_or_else(Default::default, |held| {
                let (fact, pods) = *held;
                (format!("; {}", stuck::sentence(&fact, &pods)), stuck::ways_out(&fact, &pods))
            });
            self.left.push((format!("{object}: {}{held}", why.raw()), ways));
        }
    }

    /// Clears what outlived its fault.
    pub async fn clear(&mut self, cluster: &Cluster, trace: &Trace) {
        print(&format!("clearing {trace}\n"));
        if let Err(why) = residue::clear(cluster, trace).await {
            self.leave(format!("{trace}: {}", why.raw()));
        }
    }

    /// What the run of a folder owes.
    pub fn owes(&mut self, folder: &Path) -> Owes {
        // the token alone: a live run of another version need not be readable to be left alone
        let header = archive::header(folder);
        if let Some(header) = &header {
            // the tokens of rehearsals follow from seeds: they say nothing of a cluster
            if !header.place.rehearsal {
                self.known.insert(header.token.clone());
                self.namespaces.insert(header.place.namespace.clone());
                self.made.insert((header.place.server.clone(), "Lease".to_owned()));
            }
        }
        if Journal::is_live(&folder.join(archive::JOURNAL)) {
            self.live.extend(header.map(|header| header.token));
            return Owes::Live;
        }
        let run = match report::fold(folder) {
            Err(error) => return Owes::Unreadable(error),
            Ok(run) if run.header().place.rehearsal => return Owes::Nothing,
            Ok(run) => run,
        };
        let mut victims = Vec::new();
        for state in run.faults() {
            if let Some((object, _)) = state.object.as_ref().filter(|_| state.asked.is_some()) {
                self.namespaces.insert(object.namespace.clone());
                self.made.insert((run.header().place.server.clone(), object.kind.clone()));
            }
            victims.extend(state.victims.iter().map(|victim| victim.pod.clone()).filter(|pod| !pod.namespace.is_empty()));
        }
        self.namespaces.extend(victims.iter().map(|pod| pod.namespace.clone()));
        match run.conclusion() {
            None if run.touched_anything() || run.owes_anything() => Owes::Undo,
            Some(conclusion) if !conclusion.left.is_empty() => {
                Owes::Left(Box::new(run.header().place.clone()), conclusion.left.clone(), victims)
            }
            None | Some(_) => Owes::Nothing,
        }
    }

    /// Says what is left, and gives the exit code.
    pub fn conclude(&self) -> u8 {
        let safe = |text: &str| Untrusted::from(text).to_string();
        for (what, ways) in &self.left {
            print(&format!("left: {}\n", safe(what)));
            for way in ways {
                print(&format!("  {}\n", safe(way)));
            }
        }
        for what in &self.unseen {
            print(&format!("not seen: {}\n", safe(what)));
        }
        match (self.left.len(), self.unseen.len()) {
            (0, 0) => {
                print("nothing that gameday broke is left, as far as it could look\n");
                0
            }
            (0, _) => {
                print("nothing was found that gameday broke, but not everything could be looked at\n");
                LEFT
            }
            // whatever is left for another reason is left
            (left, 0) if left == self.no_cluster => REFUSED,
            (_, _) => LEFT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn silent() -> anyhow::Error {
        Unreachable { context: "staging".to_owned(), server: "https://a".to_owned(), why: "no answer".into() }.into()
    }

    #[test]
    fn what_is_left_should_end_in_7_and_in_3_only_where_no_cluster_answers() {
        let code = |told: fn(&mut Tally)| {
            let mut tally = Tally::default();
            told(&mut tally);
            tally.conclude()
        };
        assert_eq!(code(|_| {}), 0);
        assert_eq!(code(|tally| tally.failed("x", &silent())), REFUSED);
        assert_eq!(code(|tally| tally.failed("x", &anyhow!("500"))), LEFT);
        assert_eq!(code(|tally| tally.overlook("x".to_owned())), LEFT);
        // a cluster that does not answer hides nothing of what is left in another
        assert_eq!(
            code(|tally| {
                tally.failed("x", &silent());
                tally.leave("y".to_owned());
            }),
            LEFT
        );
        assert_eq!(
            code(|tally| {
                tally.failed("x", &silent());
                tally.overlook("y".to_owned());
            }),
            LEFT
        );
    }
}
