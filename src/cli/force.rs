//! `gameday recover --force`: taking the finalizers off an object that can't be had otherwise, by typed confirmation. In the
//! cluster of the run that made it: a kubeconfig's context may mean another one by now.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{anyhow, bail};

use crate::archive;
use crate::cli::recover::the_same_cluster;
use crate::cli::{Failure, LEFT, Means, USAGE, drill, print, report};
use crate::edge::residue::clear;
use crate::edge::{Cluster, chaos_mesh, connect, residue};
use crate::effect::ChaosRef;
use crate::event::residue::Trace;
use crate::header::Place;
use crate::manifest::token_of_offspring;
use crate::run::Run;
use crate::run::checks::mend::is_unasked;
use crate::run::ledger::FaultState;
use crate::text::Untrusted;
use crate::wording::stuck;

/// Takes the finalizers off `KIND/NAMESPACE/NAME` once its name was typed.
pub fn force(object: &str, context: Option<&str>) -> Result<u8, Failure> {
    let parts: Vec<&str> = object.split('/').collect();
    let [kind, namespace, name] = parts.as_slice() else {
        return Err(anyhow!("--force {object:?}: an object is named KIND/NAMESPACE/NAME, as `gameday recover` names it")).means(USAGE);
    };
    let object = ChaosRef { kind: (*kind).to_owned(), namespace: (*namespace).to_owned(), name: (*name).to_owned() };
    let made = Made::of(&object);
    let forced = drill::runtime(false).map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            let (cluster, whence) = arrive(&object, made.as_ref(), context).await?;
            print(&format!("{object}, {}\n", Untrusted::from(whence.as_str())));
            take_off(&object, &cluster, made, context.is_some()).await
        })
    });
    forced.means(LEFT)
}

/// What a journal of this machine knows of an object.
struct Made {
    run: String,
    place: Place,
    /// The namespaces of its victims.
    near: BTreeSet<String>,
}

impl Made {
    /// The newest run that made it: its own object, or one that a Workflow of its made.
    fn of(object: &ChaosRef) -> Option<Made> {
        archive::all().ok()?.iter().rev().find_map(|folder| {
            let header = archive::header(folder).filter(|header| !header.place.rehearsal)?;
            let run = report::fold(folder).ok();
            let made = |state: &&FaultState| state.object.as_ref().is_some_and(|(made, _)| made == object);
            let state = run.as_ref().and_then(|run| run.faults().iter().find(made));
            if state.is_none() && token_of_offspring(&object.name) != Some(header.token.as_str()) {
                return None;
            }
            let victims = run.iter().flat_map(Run::faults).flat_map(|state| &state.victims);
            let near = victims.map(|victim| victim.pod.namespace.clone()).filter(|namespace| !namespace.is_empty()).collect();
            Some(Made { run: header.run, place: header.place, near })
        })
    }
}

/// The cluster, and how it is known to be the one.
async fn arrive(object: &ChaosRef, made: Option<&Made>, context: Option<&str>) -> anyhow::Result<(Cluster, String)> {
    let Some(made) = made else {
        let connection = connect::connect("", None, context).await?;
        let whence = format!("by context {:?} at {}; no journal of this machine says who made it", connection.context, connection.server);
        return Ok((Cluster::reach(connection, &object.namespace).await?, whence));
    };
    let place = Place { context: context.unwrap_or(&made.place.context).to_owned(), ..made.place.clone() };
    let whence = format!("made by run {} at {}", made.run, place.server);
    Ok((the_same_cluster(&place).await?, whence))
}

async fn take_off(object: &ChaosRef, cluster: &Cluster, made: Option<Made>, chosen: bool) -> anyhow::Result<u8> {
    let mut near = made.as_ref().map(|made| made.near.clone()).unwrap_or_default();
    near.insert(object.namespace.clone());
    let Some((fact, labelled)) = chaos_mesh::get(cluster, object).await? else {
        if made.is_none() && !chosen {
            bail!("it is not in this cluster, and nothing says that this is the one it was made in: name that with --context");
        }
        print(&format!("{object} is gone already\n"));
        return tell_left(object, cluster, &near).await;
    };
    // what a Workflow of ours made bears none of our labels
    if !labelled && token_of_offspring(&object.name).is_none() {
        bail!("{object} is not gameday's: it does not bear its label; whoever made it knows what it holds");
    }
    if !fact.deleting {
        bail!("{object} is not being deleted; `gameday recover` or `gameday abort` does that, and most often nothing more is needed");
    }
    near.extend(fact.records.iter().map(|record| record.pod().namespace).filter(|namespace| !namespace.is_empty()));
    let pods = chaos_mesh::blocking_pods(cluster, &fact).await;
    print(&format!("{object} is {}\n", stuck::sentence(&fact, &pods)));
    for way in stuck::ways_out(&fact, &pods) {
        print(&format!("  {way}\n"));
    }
    if !io::stdin().is_terminal() {
        bail!("its name must be typed at a terminal: nothing was done");
    }
    print(&format!("type {} to take its finalizers off, anything else to leave it: ", Untrusted::from(object.name.as_str())));
    io::stdout().flush()?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    if typed.trim() != object.name {
        bail!("that is not its name: nothing was done");
    }
    if let Err(error) = chaos_mesh::take_finalizers_off(cluster, object, &fact.uid).await {
        if is_unasked(&error.why) {
            for line in stuck::unasked(object) {
                print(&format!("{line}\n"));
            }
        }
        return Err(error.into());
    }
    if chaos_mesh::get(cluster, object).await?.is_some() {
        bail!("{object} is still there");
    }
    print(&format!("{object} is gone\n"));
    if matches!(object.kind.as_str(), "StressChaos" | "DNSChaos" | "TimeChaos") && fact.blocking().next().is_some() {
        print("what it did leaves nothing that could be looked for: it may go on in its pods until they are replaced\n");
        return Ok(LEFT);
    }
    tell_left(object, cluster, &near).await
}

/// What of an object that is gone is left in pods: cleared where that is safe, named where it is not.
async fn tell_left(object: &ChaosRef, cluster: &Cluster, near: &BTreeSet<String>) -> anyhow::Result<u8> {
    let traces: Vec<Trace> = match residue::of_object(cluster, object, &[], near).await {
        Ok(traces) => traces,
        Err(error) => {
            print(&format!("whether something of it is left in pods could not be seen: {error}\n"));
            return Ok(LEFT);
        }
    };
    let mut code = 0;
    for trace in &traces {
        match clear(cluster, trace).await {
            Ok(()) => print(&format!("cleared: {trace}\n")),
            Err(why) => {
                code = LEFT;
                print(&format!("left: {trace}: {why}\n"));
            }
        }
    }
    let looked: Vec<String> = near.iter().map(|namespace| Untrusted::from(namespace.as_str()).to_string()).collect();
    if code == 0 {
        print(&format!("nothing of it is left in pods of namespace {}\n", looked.join(", ")));
    }
    Ok(code)
}
