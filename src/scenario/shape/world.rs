//! A scenario's `world:` block, and a file of kind `World`.

mod mishaps;
mod nodes;
mod workloads;

use std::collections::BTreeMap;

use super::super::fields::{self, Fields, Zero};
use super::super::mistake::Mistakes;
use super::super::near::did_you_mean;
use super::super::tree::{Content, Node};
use super::super::world::rules::RuleGroup;
use super::super::world::{Budget, Denial, Held, Quota, Spread, Timings, World, WorldService};
use super::super::{keys, names, query, tree};
use super::{items, namespace, places};

const DNS_NAME: &str = "lower-case letters, digits, - and ., at most 253";

/// The world of a file of kind `World`.
pub fn file(root: &Node, mistakes: &mut Mistakes) -> Option<World> {
    let file = Fields::of(root, &keys::WORLD_FILE, mistakes)?;
    if let Some(node) = file.need("apiVersion", mistakes) {
        fields::word(node, "apiVersion", &["gameday/v1"], mistakes);
    }
    if let Some(node) = file.need("kind", mistakes) {
        fields::word(node, "kind", &["World"], mistakes);
    }
    if let Some(node) = file.need("metadata", mistakes) {
        places::metadata(node, mistakes);
    }
    world(file.need("spec", mistakes)?, mistakes)
}

/// The world of a `world:` block: written there, or in the file that it names, whose mistakes go into `included`.
pub fn block(
    node: &Node,
    manifests: &dyn Fn(&str) -> Result<String, String>,
    included: &mut Mistakes,
    mistakes: &mut Mistakes,
) -> Option<World> {
    let Some(path) = node.get("file") else { return world(node, mistakes) };
    Fields::of(node, &keys::WORLD_ELSEWHERE, mistakes)?;
    let path_text = fields::text(path, "the path of a world", mistakes)?;
    match manifests(&path_text) {
        Ok(text) => {
            let mut found = Mistakes::of(&path_text);
            let world = tree::read(&text, &mut found).and_then(|root| file(&root, &mut found));
            included.absorb(found);
            world
        }
        Err(reason) => {
            let reason = crate::text::Untrusted::from(reason).short(200);
            mistakes.error(path.span, &path_text, format!("the world can't be read: {reason}"));
            None
        }
    }
}

fn world(node: &Node, mistakes: &mut Mistakes) -> Option<World> {
    let spec = Fields::of(node, &keys::WORLD, mistakes)?;
    let mut world = World { namespaces: list_of(spec, "namespaces", mistakes, namespace), ..World::default() };
    if let Some(node) = spec.get("nodes") {
        world.nodes = nodes::nodes(node, mistakes);
    }
    let timings = spec.get("timings").map(|node| workloads::timings(node, &Timings::default(), mistakes)).unwrap_or_default();
    let home = spec.get("namespace").and_then(|node| namespace(node, mistakes)).unwrap_or_default();
    let at_home = Home { namespace: &home };
    world.workloads = workloads::workloads(spec, &home, &timings, mistakes);
    world.services = items(spec, "services", false, mistakes).iter().filter_map(|node| at_home.service(node, &world, mistakes)).collect();
    let fronted = |world: &World, name: &str| world.services.iter().any(|service| service.name == name);
    let unfronted: Vec<_> =
        world.workloads.iter().filter(|w| w.containers.iter().any(|c| c.port.is_some()) && !fronted(&world, &w.name)).collect();
    let own: Vec<_> = unfronted.into_iter().map(WorldService::of).collect();
    world.services.extend(own);
    world.secrets = items(spec, "secrets", false, mistakes).iter().filter_map(|node| at_home.held(node, mistakes)).collect();
    world.config_maps = items(spec, "configMaps", false, mistakes).iter().filter_map(|node| at_home.held(node, mistakes)).collect();
    world.budgets = items(spec, "budgets", false, mistakes).iter().filter_map(|node| at_home.budget(node, &world, mistakes)).collect();
    world.quotas = items(spec, "quotas", false, mistakes).iter().filter_map(|node| at_home.quota(node, mistakes)).collect();
    world.denials = items(spec, "denials", false, mistakes).iter().filter_map(|node| denial(node, mistakes)).collect();
    world.missing_images = list_of(spec, "missingImages", mistakes, |node, mistakes| fields::name(node, "an image", mistakes));
    if let Some(present) = spec.get("chaosMesh").and_then(|node| fields::boolean(node, "chaosMesh", mistakes)) {
        world.chaos_mesh = present;
    }
    for (key, place) in [("requestLatency", &mut world.request_latency), ("daemonLatency", &mut world.daemon_latency)] {
        if let Some(found) = spec.get(key).and_then(|node| spread(node, key, mistakes)) {
            *place = found;
        }
    }
    if let Some(every) = spec.get("scrapeInterval").and_then(|node| fields::duration(node, "scrapeInterval", Zero::Refused, mistakes)) {
        world.scrape_interval = every;
    }
    world.rules = items(spec, "rules", false, mistakes).iter().filter_map(|node| rules(node, mistakes)).collect();
    world.mishaps = mishaps::mishaps(spec, &world, mistakes);
    Some(world)
}

/// A group of a Prometheus rule file.
fn rules(node: &Node, mistakes: &mut Mistakes) -> Option<RuleGroup> {
    match serde_json::from_value::<RuleGroup>(node.to_json()) {
        Ok(group) => {
            let written = node.get("rules").into_iter().flat_map(|list| match &list.content {
                Content::List(list) => list.as_slice(),
                Content::Map(_) | Content::Scalar(_) => &[],
            });
            for (rule, text) in written.zip(&group.rules) {
                if let Some(expr) = rule.get("expr") {
                    query::check(expr, &text.expr, true, mistakes);
                }
                if text.alert.is_empty() == text.record.is_empty() {
                    mistakes.error(rule.span, &rule.excerpt(), "a rule needs one of alert and record");
                }
            }
            Some(group)
        }
        Err(why) => {
            mistakes
                .error(node.span, &node.excerpt(), format!("this is no group of rules: {why}"))
                .allow("as in a rule file of Prometheus");
            None
        }
    }
}

/// What `one` makes of each entry of a list of scalars.
fn list_of<T>(spec: Fields<'_>, key: &'static str, mistakes: &mut Mistakes, one: fn(&Node, &mut Mistakes) -> Option<T>) -> Vec<T> {
    items(spec, key, false, mistakes).iter().filter_map(|node| one(node, mistakes)).collect()
}

/// A length of time, or a spread of it.
fn spread(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Spread> {
    if node.entries().is_none() {
        return fields::duration(node, what, Zero::Allowed, mistakes).map(Spread::exactly);
    }
    let spread = Fields::of(node, &keys::SPREAD, mistakes)?;
    let end =
        |key, mistakes: &mut Mistakes| spread.need(key, mistakes).and_then(|node| fields::duration(node, what, Zero::Allowed, mistakes));
    let (least, most) = (end("least", mistakes), end("most", mistakes));
    let mode = spread.get("mode").map(|node| fields::duration(node, what, Zero::Allowed, mistakes));
    let (least, most) = (least?, most?);
    let mode = match mode {
        Some(given) => given?,
        None => (least + most) / 2,
    };
    if least > mode || mode > most {
        mistakes
            .error(node.span, &node.excerpt(), format!("{what} does not rise"))
            .allow("least no more than mode, mode no more than most");
        return None;
    }
    Some(Spread { least, mode, most })
}

/// A mapping of texts whose keys and values are labels'.
fn labels(node: &Node, what: &str, mistakes: &mut Mistakes) -> BTreeMap<String, String> {
    places::labels(node, what, mistakes)
}

/// The name of an object.
fn object_name(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<String> {
    fields::text_that(node, what, names::is_dns_subdomain, DNS_NAME, mistakes)
}

fn port(node: &Node, mistakes: &mut Mistakes) -> Option<u16> {
    fields::whole(node, "a port", 1..=65_535, mistakes).and_then(|port| u16::try_from(port).ok())
}

/// Where objects live that name no namespace.
struct Home<'h> {
    namespace: &'h str,
}

impl Home<'_> {
    fn place(&self, fields: Fields<'_>, mistakes: &mut Mistakes) -> String {
        fields.get("namespace").and_then(|node| namespace(node, mistakes)).unwrap_or_else(|| self.namespace.to_owned())
    }

    fn service(&self, node: &Node, world: &World, mistakes: &mut Mistakes) -> Option<WorldService> {
        let fields = Fields::of(node, &keys::WORLD_SERVICE, mistakes)?;
        let place = self.place(fields, mistakes);
        let name = fields
            .need("name", mistakes)
            .and_then(|node| fields::text_that(node, "the name of a service", names::is_dns_label, DNS_NAME, mistakes))?;
        let behind = Self::selected(fields, &name, world, mistakes);
        let own = world.workloads.iter().find(|w| w.labels == behind).map(WorldService::of);
        let own_port = own.map_or(8080, |service| service.target_port);
        Some(WorldService {
            port: fields.get("port").and_then(|node| port(node, mistakes)).unwrap_or(80),
            target_port: fields.get("targetPort").and_then(|node| port(node, mistakes)).unwrap_or(own_port),
            namespace: place,
            selector: behind,
            name,
        })
    }

    /// The labels of pods that something is about: its own `selector`, or those of its `workload`, or of the workload of its name.
    fn selected(fields: Fields<'_>, name: &str, world: &World, mistakes: &mut Mistakes) -> BTreeMap<String, String> {
        if let Some(node) = fields.get("selector") {
            return labels(node, "a selector", mistakes);
        }
        let named = fields.get("workload").and_then(|node| {
            let name = object_name(node, "a workload", mistakes)?;
            let known: Vec<&str> = world.workloads.iter().map(|w| w.name.as_str()).collect();
            if !known.contains(&name.as_str()) {
                let mistake = mistakes.error(node.span, &name, "the world has no workload of this name");
                mistake.allow(known.join(", "));
                if let Some(hint) = did_you_mean(&name, known.iter().copied()) {
                    mistake.hint(hint);
                }
            }
            Some(name)
        });
        let wanted = named.unwrap_or_else(|| name.to_owned());
        world.workloads.iter().find(|w| w.name == wanted).map(|w| w.labels.clone()).unwrap_or_default()
    }

    fn held(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Held> {
        if let Content::Scalar(_) = node.content {
            return object_name(node, "a name", mistakes).map(|name| Held { namespace: self.namespace.to_owned(), name });
        }
        let fields = Fields::of(node, &keys::HELD, mistakes)?;
        let namespace = self.place(fields, mistakes);
        Some(Held { namespace, name: fields.need("name", mistakes).and_then(|node| object_name(node, "a name", mistakes))? })
    }

    fn budget(&self, node: &Node, world: &World, mistakes: &mut Mistakes) -> Option<Budget> {
        let fields = Fields::of(node, &keys::BUDGET, mistakes)?;
        let namespace = self.place(fields, mistakes);
        let name = fields.need("name", mistakes).and_then(|node| object_name(node, "the name of a budget", mistakes));
        let (key, bound) = fields.one_of(&["minAvailable", "maxUnavailable"], mistakes)?;
        let bound_text = bound.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
        let digits = bound_text.strip_suffix('%').unwrap_or(&bound_text);
        if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            mistakes
                .error(bound.span, &bound.excerpt(), format!("{key} is no amount"))
                .allow("a number of pods like 2, or a percentage like 50%");
            return None;
        }
        let name = name?;
        let selector = Self::selected(fields, &name, world, mistakes);
        if selector.is_empty() && fields.get("workload").is_none() {
            mistakes.error(node.span, &name, "a budget protects nobody").hint("add workload: NAME, or selector: {…}");
        }
        let (min, max) = if key == "minAvailable" { (Some(bound_text), None) } else { (None, Some(bound_text)) };
        Some(Budget { namespace, name, selector, min_available: min, max_unavailable: max })
    }

    fn quota(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Quota> {
        let fields = Fields::of(node, &keys::QUOTA, mistakes)?;
        let namespace = self.place(fields, mistakes);
        let name = fields.get("name").map_or(Some("quota".to_owned()), |node| object_name(node, "the name of a quota", mistakes));
        let hard_node = fields.need("hard", mistakes)?;
        let Some(entries) = hard_node.entries() else {
            fields::wrong_type(hard_node, "hard is a mapping", mistakes).allow("pods: 10, requests.cpu: 2");
            return None;
        };
        let hard = entries.iter().filter_map(|entry| {
            fields::quantity(&entry.value, &entry.key, mistakes)?;
            Some((entry.key.clone(), entry.value.scalar()?.text.clone()))
        });
        let hard = hard.collect();
        Some(Quota { namespace, name: name?, hard })
    }
}

fn denial(node: &Node, mistakes: &mut Mistakes) -> Option<Denial> {
    let fields = Fields::of(node, &keys::DENIAL, mistakes)?;
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "*"];
    let verb = fields.need("verb", mistakes).and_then(|node| fields::word(node, "a verb", &verbs, mistakes));
    let group = fields.get("group").map_or(Some(String::new()), |node| fields::name(node, "an API group", mistakes));
    let resource = fields.need("resource", mistakes).and_then(|node| fields::name(node, "a resource", mistakes));
    let namespace = fields.get("namespace").map(|node| namespace(node, mistakes));
    Some(Denial { verb: verb?.to_owned(), group: group?, resource: resource?, namespace: namespace.unwrap_or_default() })
}
