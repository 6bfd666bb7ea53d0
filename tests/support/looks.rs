//! The looks of the preflight, answered as where all is well.

use chrono::Duration;
use gameday::effect::inspection::{Inspection, KindRef};
use gameday::event::inspected::{
    ChaosMeshFact, HoursFact, Inspected, KindFact, NamespaceFact, Patience, Resource, RightFact, SampleFact, VictimFact, VictimsFact,
};
use gameday::event::residue::ResidueFact;

/// What a look sees where nothing is wrong; every pod is on node n1.
pub fn well(inspection: &Inspection) -> Inspected {
    let served = |kind: &KindRef| {
        let resource = Resource { plural: kind.kind.to_lowercase(), namespaced: true };
        KindFact { kind: kind.clone(), served: Ok(Some(resource)) }
    };
    match inspection {
        Inspection::Rights { rights } => {
            Inspected::Rights(rights.iter().map(|right| RightFact { right: right.clone(), allowed: Ok(true) }).collect())
        }
        Inspection::ChaosMesh => Inspected::ChaosMesh(Ok(chaos_mesh())),
        Inspection::Webhooks { .. } => Inspected::Webhooks(Ok(true)),
        Inspection::Namespaces { names } => {
            Inspected::Namespaces(names.iter().map(|name| NamespaceFact { name: name.clone(), inject: Ok(None) }).collect())
        }
        Inspection::Victims { pods } => {
            let victim = |pod: &_| VictimFact {
                pod: gameday::effect::PodRef::clone(pod),
                node: Some("n1".into()),
                host_network: false,
                liveness: None,
                image: Some("api:1".into()),
            };
            Inspected::Victims(VictimsFact {
                pods: Ok(pods.iter().map(victim).collect()),
                troubled: Ok(Vec::new()),
                budgets: Ok(Vec::new()),
            })
        }
        Inspection::Policies { .. } => Inspected::Policies(Ok(Vec::new())),
        Inspection::OtherFaults { .. } => Inspected::OtherFaults(Ok(Vec::new())),
        Inspection::Residue { after, .. } => Inspected::Residue { after: *after, fact: ResidueFact::default() },
        Inspection::User => Inspected::User(Ok("maria".into())),
        Inspection::Kinds { kinds } => Inspected::Kinds(kinds.iter().map(served).collect()),
        Inspection::Leases { .. } => Inspected::Leases(Ok(Vec::new())),
        Inspection::Backups { .. } => Inspected::Backups(Ok(None)),
        Inspection::Samples { selectors } => {
            let fresh =
                |selector: &String| SampleFact { selector: selector.clone(), age: Ok(Some(Patience(std::time::Duration::from_secs(2)))) };
            Inspected::Samples(selectors.iter().map(fresh).collect())
        }
        Inspection::Alerts => Inspected::Alerts(Ok(Vec::new())),
        Inspection::Hours { from, .. } => {
            let windows = vec![(*from - Duration::hours(1), *from + Duration::hours(1))];
            Inspected::Hours(Ok(HoursFact { local: "Tue 12:00".into(), windows }))
        }
    }
}

/// A Chaos Mesh that is well on node n1.
pub fn chaos_mesh() -> ChaosMeshFact {
    ChaosMeshFact { namespace: "chaos-mesh".into(), controllers: (1, 1), daemons: vec![("n1".into(), true)], filter: false }
}
