//! From a connection to a cluster that answers, with its metrics and its own word on how careful to be.

use std::path::PathBuf;

use anyhow::Context;

use crate::cli::args::PlaceArgs;
use crate::cli::gate::{self, Judged};
use crate::cli::{Failure, Means, REFUSED};
use crate::config::Config;
use crate::driver::World;
use crate::edge::connect::Connection;
use crate::edge::prometheus::{Credentials, Prometheus};
use crate::edge::{Cluster, tier};
use crate::header::Place;
use crate::scenario::model::{Environment, PrometheusAt, Scenario};

/// A cluster that answers.
pub struct Arrival {
    /// What effects are performed on.
    pub world: World,
    /// Where that is.
    pub place: Place,
    /// How careful to be there.
    pub judged: Judged,
}

/// Reaches the cluster, and asks it what it is.
pub async fn arrive(
    connection: Connection,
    scenario: &Scenario,
    environment: &Environment,
    asked: &PlaceArgs,
    config: &Config,
) -> Result<Arrival, Failure> {
    let own = || environment.namespace.clone().unwrap_or_else(|| connection.namespace.clone());
    let namespace = asked.namespace.clone().unwrap_or_else(own);
    let (context, server) = (connection.context.clone(), connection.server.clone());
    let cluster = Cluster::reach(connection, &namespace).await.means(REFUSED)?;
    let mut namespaces = vec![namespace.clone()];
    namespaces.extend(scenario.targets.iter().filter_map(|target| target.namespace.clone()));
    namespaces.extend(scenario.aimed_at());
    namespaces.sort();
    namespaces.dedup();
    let word = tier::own_word(&cluster, &namespaces).await;
    let word = word.context("how careful to be here can't be seen").means(REFUSED)?;
    let judged = gate::tier(environment, config, &context, &server, &word);
    let at = asked.prometheus.clone().map(PrometheusAt::Url).or(environment.prometheus.clone());
    let prometheus = at.as_ref().map(|at| Prometheus::new(at, &credentials(), &cluster.client)).transpose().means(REFUSED)?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().means(REFUSED)?;
    let place = Place {
        rehearsal: false,
        environment: environment.name.clone(),
        tier: judged.tier,
        context,
        server,
        namespace,
        prometheus: at.as_ref().map(without_secrets),
    };
    Ok(Arrival { world: World { cluster, prometheus, http: Some(http), commands: true }, place, judged })
}

/// How to be let in at Prometheus: from the environment, so that neither files nor process lists hold it.
fn credentials() -> Credentials {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Credentials {
        bearer: set("GAMEDAY_PROMETHEUS_TOKEN"),
        basic: set("GAMEDAY_PROMETHEUS_USER").zip(set("GAMEDAY_PROMETHEUS_PASSWORD")),
        ca: set("GAMEDAY_PROMETHEUS_CA").map(PathBuf::from),
    }
}

/// A URL may hold credentials: the journal gets it without.
fn without_secrets(at: &PrometheusAt) -> PrometheusAt {
    let PrometheusAt::Url(url) = at else { return at.clone() };
    let bare = reqwest::Url::parse(url).ok().and_then(|mut url| {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url.to_string().trim_end_matches('/').to_owned())
    });
    PrometheusAt::Url(bare.unwrap_or_else(|| "(unreadable URL)".to_owned()))
}
