//! What goes wrong in a world: `troubles`.

use super::super::super::fields::{self, Fields, Zero};
use super::super::super::keys;
use super::super::super::mistake::Mistakes;
use super::super::super::tree::{Content, Node};
use super::super::super::world::World;
use super::super::super::world::mishap::{Measure, Mishap, What, Wrong};
use super::super::items;

/// `troubles`, held against the rest of the world.
pub fn mishaps(spec: Fields<'_>, world: &World, mistakes: &mut Mistakes) -> Vec<Mishap> {
    items(spec, "troubles", false, mistakes).iter().filter_map(|node| mishap(node, world, mistakes)).collect()
}

fn mishap(node: &Node, world: &World, mistakes: &mut Mistakes) -> Option<Mishap> {
    let mishap = match &node.content {
        // as on the command line
        Content::Scalar(_) => {
            let text = fields::text(node, "a trouble", mistakes)?;
            match text.parse::<Mishap>() {
                Ok(mishap) => mishap,
                Err(wrong) => {
                    tell(node, &text, wrong, mistakes);
                    return None;
                }
            }
        }
        Content::Map(_) | Content::List(_) => written(node, mistakes)?,
    };
    if let Err(wrong) = mishap.fits(world) {
        let at = node.get("of").unwrap_or(node);
        tell(at, &at.excerpt(), wrong, mistakes);
    }
    Some(mishap)
}

fn written(node: &Node, mistakes: &mut Mistakes) -> Option<Mishap> {
    let fields = Fields::of(node, &keys::TROUBLE, mistakes)?;
    let what = fields.need("what", mistakes).and_then(|node| {
        let word = fields::text(node, "what goes wrong", mistakes)?;
        What::of(&word).map_err(|wrong| tell(node, &word, wrong, mistakes)).ok()
    });
    let of = fields.get("of").map(|node| fields::name(node, "what a trouble is about", mistakes));
    let by = fields.get("by").map(|node| {
        let text = fields::text(node, "by", mistakes)?;
        Measure::of(&text).map_err(|wrong| tell(node, &text, wrong, mistakes)).ok()
    });
    let at = fields.need("at", mistakes).and_then(|node| fields::duration(node, "at", Zero::Allowed, mistakes));
    let length = fields.get("for").map(|node| fields::duration(node, "for", Zero::Refused, mistakes));
    let inner = |given: Option<Option<_>>| given.map_or(Some(None), |found| found.map(Some));
    let of = of.map_or(Some(None), |found| found.map(Some))?;
    let by = by.map_or(Some(None), |found| found.map(Some))?;
    let mishap = Mishap { what: what?, of, by, at: at?, length: inner(length)? };
    if let Err(wrong) = mishap.whole() {
        tell(node, &node.excerpt(), wrong, mistakes);
        return None;
    }
    Some(mishap)
}

fn tell(node: &Node, offending: &str, wrong: Wrong, mistakes: &mut Mistakes) {
    let mistake = mistakes.error(node.span, offending, wrong.message);
    if let Some(allowed) = wrong.allowed {
        mistake.allow(allowed);
    }
    if let Some(hint) = wrong.hint {
        mistake.hint(hint);
    }
}
