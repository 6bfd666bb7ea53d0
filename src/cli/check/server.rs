//! `gameday check --server`: each fault as a dry run, as it would be sent. Its webhooks have the last word on what a manifest means.

use std::path::Path;

use anyhow::anyhow;

use crate::cli::args::CheckArgs;
use crate::cli::check::Read;
use crate::cli::drill::{self, Drill};
use crate::cli::{Failure, Means, USAGE};
use crate::edge::{Cluster, chaos_mesh, connect};
use crate::effect::{FaultId, Outcome};
use crate::fault::Fault;
use crate::header::Place;
use crate::manifest::prepared;
use crate::run::checks::mend::is_unasked;
use crate::scenario::Mistake;
use crate::scenario::model::{Injector, StepAction};

/// Asks the cluster of a sound scenario about its faults; what it refuses is a mistake of the file.
///
/// # Errors
/// The cluster can't be asked.
pub fn ask(file: &Path, read: &mut Read, args: &CheckArgs) -> Result<(), Failure> {
    let Some(scenario) = read.reading.scenario.clone() else { return Ok(()) };
    let drill = Drill::of(scenario, read.sources.clone());
    let environment = drill.environment(args.env.as_deref())?;
    let refusals = drill::runtime(false).means(USAGE)?.block_on(async {
        let connection = connect::connect(&environment.name, environment.context.as_deref(), args.context.as_deref()).await.means(USAGE)?;
        let namespace = args.namespace.clone().or_else(|| environment.namespace.clone()).unwrap_or_else(|| connection.namespace.clone());
        let place = Place {
            rehearsal: false,
            environment: environment.name.clone(),
            tier: environment.tier,
            context: connection.context.clone(),
            server: connection.server.clone(),
            namespace,
            prometheus: None,
        };
        let cluster = Cluster::reach(connection, &place.namespace).await.means(USAGE)?;
        refusals(&cluster, &drill, place, &file.to_string_lossy(), read).await
    })?;
    read.reading.mistakes.extend(refusals);
    Ok(())
}

async fn refusals(cluster: &Cluster, drill: &Drill, place: Place, file: &str, read: &Read) -> Result<Vec<Mistake>, Failure> {
    let token = format!("{:06x}", drill.random >> 40);
    let header = drill.header(String::new(), drill.started, place, drill.random, token, None);
    let mut mistakes = Vec::new();
    for ((index, step), spot) in drill.scenario.steps.iter().enumerate().zip(&read.reading.steps) {
        let StepAction::Fault(fault) = &step.action else { continue };
        let mut refuse = |why: String| mistakes.push(Mistake::of_server(file, *spot, &step.name, why));
        if !is_for_chaos_mesh(drill.scenario.injector, fault, cluster.fact.chaos_mesh) {
            continue;
        }
        if !cluster.fact.chaos_mesh {
            let why = format!("context {} does not serve chaos-mesh.org/v1alpha1, which this fault needs", cluster.fact.context);
            refuse(why);
            continue;
        }
        let (object, manifest) = prepared(fault, FaultId(index), &header);
        match chaos_mesh::create(cluster, &object, &manifest, true).await {
            Outcome::Done { .. } | Outcome::Already { .. } => {}
            Outcome::Refused { why } => refuse(format!("the API server of context {} refuses this fault: {why}", cluster.fact.context)),
            // no word on the file: neither sound nor wrong
            Outcome::Failed { why } if is_unasked(&why) => {
                let look = "Chaos Mesh's webhooks, which check it, don't answer; `kubectl -n chaos-mesh get deployments,pods` shows how its controller is";
                return Err(anyhow!("step {:?} could not be checked: {look}: {why}", step.name)).means(USAGE);
            }
            Outcome::Failed { why } => return Err(anyhow!("step {:?} could not be checked: {why}", step.name)).means(USAGE),
        }
    }
    Ok(mistakes)
}

/// Whether Chaos Mesh would do it there.
fn is_for_chaos_mesh(injector: Injector, fault: &Fault, served: bool) -> bool {
    match injector {
        Injector::ChaosMesh => true,
        Injector::Agentless | Injector::Eviction => false,
        Injector::Auto => served || !fault.is_agentless(),
    }
}
