//! A Schedule inside a Workflow: nodes, the Schedule and its faults are followed, looked for and
//! removed together. None of them but the Workflow carries our labels: their names say whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, ListParams};
use kube::runtime::watcher;

use crate::edge::api_error::{self, ApiError};
use crate::edge::chaos_mesh::{self, EXPERIMENTS, api};
use crate::edge::watching::{Project, follow};
use crate::edge::{Cluster, Inbox};
use crate::effect::{ChaosRef, FaultId};
use crate::event::{Event, FaultFact, RecordFact, Source};
use crate::manifest::offspring;
use crate::text::Untrusted;

/// The kinds between a Workflow and the faults of its Schedule.
const BETWEEN: [&str; 2] = ["WorkflowNode", "Schedule"];

/// Follows a Workflow and the faults that its Schedule spawns, as one fault.
pub async fn observe(cluster: Cluster, fault: FaultId, workflow: ChaosRef, spawns: &str, inbox: Inbox) {
    let prefix = names(&workflow);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", workflow.name));
    let (own, spawned) = (api(&cluster, &workflow.kind, &workflow.namespace), api(&cluster, spawns, &workflow.namespace));
    let whole = Arc::new(Mutex::new(Whole { fault, workflow, own: None, alive: BTreeSet::new(), records: BTreeMap::new(), told: None }));
    tokio::join!(
        follow(own, config, Source::Fault(fault), Own(whole.clone()), inbox.clone(), cluster.alive.clone()),
        follow(spawned, watcher::Config::default(), Source::Fault(fault), Spawned { whole, prefix }, inbox, cluster.alive.clone()),
    );
}

/// All of it that is left.
///
/// # Errors
/// The API server can't say.
pub async fn remnants(cluster: &Cluster, workflow: &ChaosRef) -> Result<Vec<ChaosRef>, ApiError> {
    if workflow.kind != "Workflow" {
        return Ok(Vec::new());
    }
    let prefix = names(workflow);
    let mut left = Vec::new();
    for kind in BETWEEN.iter().chain(EXPERIMENTS) {
        let listed = api(cluster, kind, &workflow.namespace);
        let listed = api_error::within(&format!("list {}", kind.to_lowercase()), listed.list(&ListParams::default())).await;
        let items = match listed {
            Ok(listed) => listed.items,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
        left.extend(items.iter().map(ResourceExt::name_any).filter(|name| name.starts_with(&prefix)).map(|name| ChaosRef {
            kind: (*kind).to_owned(),
            namespace: workflow.namespace.clone(),
            name,
        }));
    }
    Ok(left)
}

/// What the names of all that a Workflow made begin with.
#[must_use]
pub fn names(workflow: &ChaosRef) -> String {
    offspring(&workflow.name).unwrap_or_default()
}

/// Deletes what a Workflow that is gone has left: nobody else would.
///
/// # Errors
/// What could not be listed or deleted.
pub async fn delete_remnants(cluster: &Cluster, workflow: &ChaosRef) -> Result<(), Untrusted> {
    for left in remnants(cluster, workflow).await.map_err(|error| Untrusted::from(error.to_string()))? {
        let deleted = api(cluster, &left.kind, &left.namespace);
        match api_error::within(&format!("delete {left}"), deleted.delete(&left.name, &DeleteParams::background())).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.to_string().into()),
        }
    }
    Ok(())
}

/// The Workflow and every fault it ever spawned.
struct Whole {
    fault: FaultId,
    workflow: ChaosRef,
    own: Option<FaultFact>,
    alive: BTreeSet<String>,
    /// Their records by their names; those of faults that are gone stay.
    records: BTreeMap<String, Vec<RecordFact>>,
    told: Option<FaultFact>,
}

impl Whole {
    fn spawned(&mut self, object: &DynamicObject) {
        let name = object.name_any();
        let reference = ChaosRef { name: name.clone(), ..self.workflow.clone() };
        let mut records = chaos_mesh::project(self.fault, &reference, object).records;
        for record in &mut records {
            // whose record it is, beside which end of it
            record.selector = Untrusted::from(format!("{name}{}", record.selector.raw()));
        }
        if !records.is_empty() {
            self.records.insert(name.clone(), records);
        }
        self.alive.insert(name);
    }

    /// One is gone: its controller has lifted it before it let it go.
    fn lost(&mut self, name: &str) {
        self.alive.remove(name);
        for record in self.records.get_mut(name).into_iter().flatten() {
            record.phase = "Not Injected".into();
            record.recovered = record.recovered.max(record.injected);
        }
    }

    fn news(&mut self) -> Vec<Event> {
        // what the Workflow leaves behind is a part of it, and is told of until it is gone too
        let (Some(last), there) = (self.own.as_ref().or(self.told.as_ref()), self.own.is_some()) else { return Vec::new() };
        let mut fact = last.clone();
        let over = !there || fact.deleting || fact.conditions.iter().any(|condition| condition.raw() == "Accomplished");
        // with the Workflow gone nobody goes on deleting what it left
        fact.deleting &= there;
        fact.desired = Some(if over { "Stop" } else { "Run" }.into());
        fact.records = self.records.values().flatten().cloned().collect();
        fact.records.sort();
        let news = self.told.as_ref() != Some(&fact);
        let gone = !there && self.alive.is_empty();
        self.told = Some(fact.clone()).filter(|_| !gone);
        let seen = news.then_some(Event::FaultSeen(fact));
        seen.into_iter().chain(gone.then_some(Event::FaultGone { fault: self.fault, watched: false })).collect()
    }
}

fn locked(whole: &Mutex<Whole>) -> MutexGuard<'_, Whole> {
    whole.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The Workflow.
struct Own(Arc<Mutex<Whole>>);

impl Own {
    fn is(&self, object: Option<&DynamicObject>) -> Vec<Event> {
        let mut whole = locked(&self.0);
        whole.own = object.map(|object| chaos_mesh::project(whole.fault, &whole.workflow, object));
        whole.news()
    }
}

impl Project<DynamicObject> for Own {
    type Kept = DynamicObject;

    async fn keep(&mut self, object: DynamicObject) -> Option<DynamicObject> {
        Some(object)
    }

    async fn listed(&mut self, objects: Vec<DynamicObject>) -> Vec<Event> {
        self.is(objects.first())
    }

    async fn applied(&mut self, object: DynamicObject) -> Vec<Event> {
        self.is(Some(&object))
    }

    fn deleted(&mut self, object: DynamicObject) -> Vec<Event> {
        let mut events = self.is(Some(&object));
        events.extend(self.is(None));
        events
    }
}

/// The faults that its Schedule spawns.
struct Spawned {
    whole: Arc<Mutex<Whole>>,
    prefix: String,
}

impl Project<DynamicObject> for Spawned {
    type Kept = DynamicObject;

    async fn keep(&mut self, object: DynamicObject) -> Option<DynamicObject> {
        Some(object)
    }

    async fn listed(&mut self, objects: Vec<DynamicObject>) -> Vec<Event> {
        let mut whole = locked(&self.whole);
        let ours: Vec<&DynamicObject> = objects.iter().filter(|object| object.name_any().starts_with(&self.prefix)).collect();
        let there: BTreeSet<String> = ours.iter().map(|object| object.name_any()).collect();
        for name in whole.alive.difference(&there).cloned().collect::<Vec<_>>() {
            whole.lost(&name);
        }
        for object in ours {
            whole.spawned(object);
        }
        whole.news()
    }

    async fn applied(&mut self, object: DynamicObject) -> Vec<Event> {
        if !object.name_any().starts_with(&self.prefix) {
            return Vec::new();
        }
        let mut whole = locked(&self.whole);
        whole.spawned(&object);
        whole.news()
    }

    fn deleted(&mut self, object: DynamicObject) -> Vec<Event> {
        let name = object.name_any();
        if !name.starts_with(&self.prefix) {
            return Vec::new();
        }
        let mut whole = locked(&self.whole);
        whole.spawned(&object);
        whole.lost(&name);
        whole.news()
    }
}
