//! `object`, `command` and `burn`, as criteria and stop conditions have them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::expression::Expression;
use super::super::fields::{self, Fields, Zero};
use super::super::keys;
use super::super::mistake::Mistakes;
use super::super::names;
use super::super::near::did_you_mean;
use super::super::query;
use super::super::tree::{Content, Node};
use super::namespace;
use crate::criterion::{BurnCheck, CommandCheck, Match, ObjectCheck, Which};

/// The kinds whose API group everybody knows; of others the file says it.
const GROUPS: [(&str, &[&str]); 10] = [
    (
        "",
        &[
            "Pod",
            "Service",
            "ConfigMap",
            "Secret",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Endpoints",
            "ServiceAccount",
            "ResourceQuota",
            "ReplicationController",
            "LimitRange",
        ],
    ),
    ("apps", &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision"]),
    ("batch", &["Job", "CronJob"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("policy", &["PodDisruptionBudget"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy", "IngressClass"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("coordination.k8s.io", &["Lease"]),
    ("storage.k8s.io", &["StorageClass", "VolumeAttachment"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
];

/// How long a command may take where the file does not say, and at most.
const COMMAND_TIMEOUT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// The most arguments, and the longest, in bytes.
const MOST_ARGUMENTS: (usize, usize) = (100, 4096);
/// The longest window of an error budget: a year.
const LONGEST_WINDOW: Duration = Duration::from_hours(8784);

/// `object`.
pub fn object(node: &Node, mistakes: &mut Mistakes) -> Option<ObjectCheck> {
    let fields = Fields::of(node, &keys::OBJECT, mistakes)?;
    let kind = fields.need("kind", mistakes).and_then(|node| {
        let word = |text: &str| text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric());
        let kind = fields::text_that(node, "object.kind", word, "a kind as Kubernetes writes it: Deployment", mistakes)?;
        Some((kind, node))
    });
    let place = match (fields.get("apiVersion"), &kind) {
        (Some(node), _) => fields::text(node, "object.apiVersion", mistakes).and_then(|found| {
            let (group, version) = found.rsplit_once('/').unwrap_or(("", &found));
            if names::is_dns_label(version) && (group.is_empty() || group.split('.').all(names::is_dns_label)) {
                return Some((group.to_owned(), Some(version.to_owned())));
            }
            mistakes.error(node.span, &found, "object.apiVersion is malformed").allow("VERSION or GROUP/VERSION, as in apps/v1");
            None
        }),
        (None, Some((kind, node))) => {
            let known = GROUPS.iter().find(|(_, kinds)| kinds.contains(&kind.as_str()));
            if known.is_none() {
                let mistake = mistakes.error(node.span, kind, "this kind is none of Kubernetes' own, so object needs its apiVersion");
                mistake.allow("apiVersion: GROUP/VERSION, as in chaos-mesh.org/v1alpha1");
                if let Some(hint) = did_you_mean(kind, GROUPS.iter().flat_map(|(_, kinds)| kinds.iter().copied())) {
                    mistake.hint(hint);
                }
            }
            known.map(|(group, _)| ((*group).to_owned(), None))
        }
        (None, None) => None,
    };
    let cel = fields.need("cel", mistakes).and_then(|node| expression(node, mistakes));
    let which = match fields.one_of(&["name", "selector"], mistakes) {
        Some(("name", node)) => {
            if let Some(entry) = fields.entry("match") {
                mistakes
                    .error(entry.key_span, "match", "match says of how many objects it must be true, and a name means one")
                    .hint("take it away");
            }
            fields::name(node, "object.name", mistakes).map(Which::Named)
        }
        Some((_, node)) => {
            let of = match fields.get("match").map(|node| fields::word(node, "object.match", &["all", "any"], mistakes)) {
                None | Some(Some("all")) => Some(Match::All),
                Some(Some(_)) => Some(Match::Any),
                Some(None) => None,
            };
            labels(node, mistakes).zip(of).map(|(labels, of)| Which::Labelled(labels, of))
        }
        None => None,
    };
    let namespace = match fields.get("namespace") {
        None => Some(None),
        Some(node) => namespace(node, mistakes).map(Some),
    };
    let (group, version) = place?;
    Some(ObjectCheck { group, version, kind: kind?.0, namespace: namespace?, which: which?, cel: cel? })
}

fn labels(node: &Node, mistakes: &mut Mistakes) -> Option<BTreeMap<String, String>> {
    let Some(entries) = node.entries().filter(|entries| !entries.is_empty()) else {
        fields::wrong_type(node, "object.selector is a mapping of labels", mistakes).allow("{app: task-api}");
        return None;
    };
    let read =
        entries.iter().map(|entry| Some((entry.key.clone(), fields::text(&entry.value, &format!("the label {}", entry.key), mistakes)?)));
    // each is read, so that each mistake is told
    read.collect::<Vec<_>>().into_iter().collect()
}

fn expression(node: &Node, mistakes: &mut Mistakes) -> Option<String> {
    let found = fields::text(node, "object.cel", mistakes)?;
    let Err(troubles) = Expression::parse(&found) else { return Some(found) };
    for trouble in troubles {
        let place = trouble.at.map_or_else(String::new, |(line, column)| format!(" (line {line}, column {column} of it)"));
        let mistake = mistakes.error(node.span, &found, format!("{}{place}", trouble.what));
        if let Some(hint) = trouble.hint {
            mistake.hint(hint);
        }
    }
    None
}

/// `command`, whose good exit code stands under `code`.
pub fn command(node: &Node, code: &str, mistakes: &mut Mistakes) -> Option<CommandCheck> {
    let stop = code == "unless";
    let fields = Fields::of(node, if stop { &keys::COMMAND_UNLESS } else { &keys::COMMAND }, mistakes)?;
    let argv = fields.need("argv", mistakes).and_then(|node| {
        let read = words(node, "command.argv", "[./probe.sh, --fast]", mistakes)?;
        let (most, longest) = MOST_ARGUMENTS;
        let trouble = match () {
            () if read.is_empty() => Some("command.argv is empty: its first entry is the program".to_owned()),
            () if read.len() > most => Some(format!("command.argv has more than {most} entries")),
            () if read.iter().any(|word| word.len() > longest) => Some(format!("an entry of command.argv is longer than {longest} bytes")),
            () if read.iter().any(|word| word.contains('\0')) => Some("an entry of command.argv holds a zero byte".to_owned()),
            () => None,
        };
        if let Some(trouble) = trouble {
            mistakes.error(node.span, &node.excerpt(), trouble).allow("[./probe.sh, --fast]");
            return None;
        }
        if let [one] = &read[..]
            && one.contains(char::is_whitespace)
        {
            let words: Vec<&str> = one.split_whitespace().collect();
            let mistake = mistakes.warn(node.span, one, "there is no shell: this is the name of one program, spaces and all");
            mistake.hint(format!("write [{}]", words.join(", ")));
        }
        Some(read)
    });
    let (default, longest) = COMMAND_TIMEOUT;
    let timeout = match fields.get("timeout") {
        None => Some(default),
        Some(node) => fields::duration_within(node, "command.timeout", Zero::Refused, longest, mistakes),
    };
    let expect = match fields.get(code) {
        // what is good is said where it ends a run, so that nobody reads it the other way round
        None if stop => fields.need(code, mistakes).map(|_| 0),
        None => Some(0),
        Some(node) => fields::whole(node, &format!("command.{code}"), 0..=255, mistakes),
    };
    let env = match fields.get("env") {
        None => Some(Vec::new()),
        Some(node) => words(node, "command.env", "the names of variables: [API_TOKEN]", mistakes).and_then(|read| {
            let sound = |name: &&String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
            match read.iter().find(|name| !sound(name)) {
                None => Some(read),
                Some(odd) => {
                    let mistake =
                        mistakes.error(node.span, odd, "command.env lists names of variables of gameday's own environment, not values");
                    mistake.allow("names of letters, digits and _: [API_TOKEN]");
                    if let Some((name, _)) = odd.split_once('=') {
                        mistake.hint(format!("write {name}, and set it where gameday is started"));
                    }
                    None
                }
            }
        }),
    };
    Some(CommandCheck { argv: argv?, timeout: timeout?, expect: u8::try_from(expect?).ok()?, env: env? })
}

fn words(node: &Node, what: &str, allowed: &str, mistakes: &mut Mistakes) -> Option<Vec<String>> {
    let Content::List(items) = &node.content else {
        fields::wrong_type(node, &format!("{what} is a list of text"), mistakes).allow(allowed);
        return None;
    };
    let read: Vec<_> = items.iter().map(|item| fields::text(item, &format!("an entry of {what}"), mistakes)).collect();
    read.into_iter().collect()
}

/// `burn`.
pub fn burn(node: &Node, mistakes: &mut Mistakes) -> Option<BurnCheck> {
    let fields = Fields::of(node, &keys::BURN, mistakes)?;
    let mut counter = |key: &str| {
        let node = fields.need(key, mistakes)?;
        let found = fields::text(node, &format!("burn.{key}"), mistakes)?;
        query::check_counter(node, &format!("burn.{key}"), &found, mistakes).then_some(found)
    };
    let (good, total) = (counter("good"), counter("total"));
    let objective = fields.need("objective", mistakes).and_then(|node| {
        let share = fields::share(node, "burn.objective", mistakes)?;
        if share >= 1.0 {
            mistakes
                .error(node.span, &node.excerpt(), "an objective of 100 % leaves no budget to spend")
                .allow("above 0%, below 100%")
                .hint("write 99.9%, or a promql criterion that allows no error");
            return None;
        }
        Some(share)
    });
    let window = fields
        .need("window", mistakes)
        .and_then(|node| fields::duration_within(node, "burn.window", Zero::Refused, LONGEST_WINDOW, mistakes));
    let spend = fields.need("spend", mistakes).and_then(|node| fields::share(node, "burn.spend", mistakes));
    let when_empty = match fields.get("whenEmpty") {
        None => Some(None),
        Some(node) => fields::number(node, "whenEmpty", mistakes).and_then(|number| {
            if number < 0.0 {
                mistakes.error(node.span, &node.excerpt(), "no series can't count as less than nothing").allow("0 or more");
                return None;
            }
            Some(Some(number))
        }),
    };
    Some(BurnCheck { good: good?, total: total?, objective: objective?, window: window?, spend: spend?, when_empty: when_empty? })
}
