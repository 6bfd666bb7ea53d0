//! The nodes of a world.

use super::super::super::fields::{self, Fields};
use super::super::super::keys;
use super::super::super::mistake::Mistakes;
use super::super::super::tree::{Content, Node};
use super::super::super::world::{Taint, WorldNode};
use super::super::items;
use super::{labels, object_name};

/// The most nodes of a world.
const MOST: u32 = 1000;

/// `nodes`: how many, or which.
pub fn nodes(node: &Node, mistakes: &mut Mistakes) -> Vec<WorldNode> {
    match &node.content {
        Content::List(list) => {
            let mut found: Vec<WorldNode> = Vec::new();
            for node in list {
                let before = found.len();
                found.extend(group(node, before, mistakes));
                if let Some(twice) = found.iter().skip(before).find(|new| found.iter().filter(|other| other.name == new.name).count() > 1) {
                    mistakes.error(node.span, &twice.name, "another node has this name").allow("each name once");
                }
            }
            if found.is_empty() && list.is_empty() {
                mistakes.error(node.span, "[]", "a world needs one node or more");
            }
            found
        }
        Content::Map(_) | Content::Scalar(_) => {
            let count = fields::whole(node, "nodes", 1..=MOST, mistakes).unwrap_or(1);
            (1..=count as usize).map(WorldNode::number).collect()
        }
    }
}

/// One entry: a node, or `count` of a kind.
fn group(node: &Node, before: usize, mistakes: &mut Mistakes) -> Vec<WorldNode> {
    let Some(fields) = Fields::of(node, &keys::WORLD_NODE, mistakes) else { return Vec::new() };
    let mut like = WorldNode::number(before + 1);
    let name = fields.get("name").and_then(|node| object_name(node, "the name of a node", mistakes));
    if let Some(cpu) = fields.get("cpu").and_then(|node| fields::millicores(node, mistakes)) {
        like.cpu_millis = cpu;
    }
    if let Some(memory) = fields.get("memory").and_then(|node| fields::mebibytes(node, mistakes)) {
        like.memory_mib = memory;
    }
    if let Some(pods) = fields.get("pods").and_then(|node| fields::whole(node, "pods", 1..=1000, mistakes)) {
        like.pods = pods;
    }
    if let Some(node) = fields.get("labels") {
        like.labels = labels(node, "labels", mistakes);
    }
    like.taints = taints(fields, "taints", mistakes);
    let count = fields.get("count").and_then(|node| fields::whole(node, "count", 1..=MOST, mistakes)).unwrap_or(1);
    (1..=count as usize)
        .map(|number| {
            let name = match &name {
                Some(name) if count == 1 => name.clone(),
                Some(name) => format!("{name}-{number}"),
                None => WorldNode::number(before + number).name,
            };
            WorldNode { name, ..like.clone() }
        })
        .collect()
}

/// Taints of a node, or those that a pod bears.
pub fn taints(fields: Fields<'_>, key: &'static str, mistakes: &mut Mistakes) -> Vec<Taint> {
    items(fields, key, false, mistakes).iter().filter_map(|node| taint(node, key == "taints", mistakes)).collect()
}

fn taint(node: &Node, own: bool, mistakes: &mut Mistakes) -> Option<Taint> {
    let fields = Fields::of(node, &keys::TAINT, mistakes)?;
    let key = fields.need("key", mistakes).and_then(|node| fields::name(node, "the key of a taint", mistakes));
    let value = fields.get("value").map_or(Some(String::new()), |node| fields::name(node, "the value of a taint", mistakes));
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let effect = match fields.get("effect") {
        Some(node) => fields::word(node, "the effect of a taint", &effects, mistakes).map(str::to_owned),
        None if own => Some("NoSchedule".to_owned()),
        None => Some(String::new()),
    };
    Some(Taint { key: key?, value: value?, effect: effect? })
}
