//! A tree against the schema: unknown and missing keys, wrong types, wrong words, wrong forms.

use super::super::fields::{ambiguous, ambiguous_key};
use super::super::mistake::{Mistakes, quoted};
use super::super::near::did_you_mean;
use super::super::tree::{Content, Entry, Node, Plain};
use super::forms::{Form, Trouble};
use super::schema::{Object, Shape};

/// Keys that an object read from a cluster carries and a manifest must not.
const SERVERS: [&str; 12] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
    "finalizers",
    "ownerReferences",
    "generateName",
    "status",
];

/// What Kubernetes calls elsewhere what Chaos Mesh calls so.
const ALIASES: [(&str, &str); 7] = [
    ("labels", "labelSelectors"),
    ("matchLabels", "labelSelectors"),
    ("matchExpressions", "expressionSelectors"),
    ("annotations", "annotationSelectors"),
    ("namespace", "namespaces"),
    ("containers", "containerNames"),
    ("gracePeriodSeconds", "gracePeriod"),
];

/// Holds a mapping against its keys.
pub fn object(node: &Node, object: &Object, path: &str, mistakes: &mut Mistakes) {
    let Some(entries) = node.entries() else {
        wrong(node, path, "a mapping", mistakes);
        return;
    };
    for entry in entries {
        match object.fields.iter().find(|field| field.key == entry.key) {
            Some(field) if entry.value.is_null() => {
                if field.needed {
                    missing(entry.key_span, "", &join(path, field.key), &field.shape, mistakes);
                }
            }
            Some(field) => shape(&entry.value, &field.shape, &join(path, field.key), mistakes),
            None if object.open => {}
            None => unknown(entry, object, path, mistakes),
        }
    }
    for field in object.fields.iter().filter(|field| field.needed) {
        // The manifest's own apiVersion and kind were told before.
        if node.entry(field.key).is_none() && !(path.is_empty() && matches!(field.key, "apiVersion" | "kind")) {
            missing(node.span, "", &join(path, field.key), &field.shape, mistakes);
        }
    }
}

fn missing(span: super::Span, found: &str, path: &str, shape: &Shape, mistakes: &mut Mistakes) {
    let mistake = mistakes.error(span, found, format!("{path} is missing"));
    if let Shape::Word(words) = shape {
        mistake.allow(words.join(", "));
    }
}

fn unknown(entry: &Entry, object: &Object, path: &str, mistakes: &mut Mistakes) {
    let at_top = matches!(path, "" | "metadata");
    if at_top && SERVERS.contains(&entry.key.as_str()) {
        if !entry.value.is_null() {
            mistakes.error(entry.key_span, &entry.key, "this is the cluster's to write, not a manifest's").hint("take it away");
        }
        return;
    }
    let what = if path.is_empty() { "the manifest" } else { path };
    let mistake = mistakes.error(entry.key_span, &entry.key, format!("unknown field in {what}: the API server would refuse or drop it"));
    mistake.allow(object.fields.iter().map(|field| field.key).collect::<Vec<_>>().join(", "));
    let known = || object.fields.iter().map(|field| field.key);
    let alias = ALIASES.iter().find(|(other, own)| *other == entry.key && known().any(|key| key == *own)).map(|(_, own)| *own);
    if let Some(hint) = alias.map(|own| format!("write {own}")).or_else(|| did_you_mean(&entry.key, known())) {
        mistake.hint(hint);
    }
}

fn shape(node: &Node, shape: &Shape, path: &str, mistakes: &mut Mistakes) {
    match shape {
        Shape::Object(inner) => object(node, inner, path, mistakes),
        Shape::List(item) => match &node.content {
            Content::List(items) => {
                for (at, node) in items.iter().enumerate() {
                    self::shape(node, item, &format!("{path}[{at}]"), mistakes);
                }
            }
            Content::Map(_) | Content::Scalar(_) => {
                let text = node.scalar().map(|scalar| scalar.text.clone());
                let mistake = wrong(node, path, "a list", mistakes);
                if let Some(text) = text {
                    mistake.hint(format!("write [{}]", crate::text::Untrusted::from(text).short(40)));
                }
            }
        },
        Shape::Map(key, value) => match &node.content {
            Content::Map(entries) => {
                for entry in entries {
                    map_key(entry, *key, path, mistakes);
                    let key = crate::text::Untrusted::from(entry.key.as_str()).short(40);
                    self::shape(&entry.value, value, &join(path, &key), mistakes);
                }
            }
            Content::List(_) | Content::Scalar(_) => drop(wrong(node, path, "a mapping", mistakes)),
        },
        Shape::Text(form) => {
            // A bare number where a time is meant lacks more than quotes.
            let bare = node.scalar().filter(|scalar| matches!(scalar.resolve(), Plain::Int(_) | Plain::Float(_)));
            if let Some((scalar, trouble)) = bare.filter(|_| form.is_time()).and_then(|scalar| Some((scalar, form.trouble(&scalar.text)?)))
            {
                tell(Some(trouble), node.span, &scalar.text, path, mistakes);
            } else if let Some(text) = text(node, path, mistakes) {
                tell(form.trouble(text), node.span, text, path, mistakes);
            }
        }
        Shape::Word(words) => {
            if let Some(found) = text(node, path, mistakes).filter(|found| !words.contains(found)) {
                let mistake = mistakes.error(node.span, found, format!("{path} is none of the words it may be"));
                mistake.allow(words.join(", "));
                if let Some(hint) = did_you_mean(found, words.iter().copied()) {
                    mistake.hint(hint);
                }
            }
        }
        Shape::Whole { least, most } => whole(node, *least, *most, path, mistakes),
    }
}

fn map_key(entry: &Entry, form: Form, path: &str, mistakes: &mut Mistakes) {
    if ambiguous_key(entry, mistakes) {
        return;
    }
    tell(form.trouble(&entry.key), entry.key_span, &entry.key, path, mistakes);
}

fn tell(trouble: Option<Trouble>, span: super::Span, text: &str, path: &str, mistakes: &mut Mistakes) {
    let Some(Trouble { refused, message, allowed, hint }) = trouble else { return };
    let message = format!("{path}: {message}");
    let mistake = if refused { mistakes.error(span, text, message) } else { mistakes.warn(span, text, message) };
    mistake.allowed = allowed.map(str::to_owned);
    mistake.hint = hint;
}

fn text<'t>(node: &'t Node, path: &str, mistakes: &mut Mistakes) -> Option<&'t str> {
    let Content::Scalar(scalar) = &node.content else {
        wrong(node, path, "text", mistakes);
        return None;
    };
    match scalar.resolve() {
        Plain::Text => Some(&scalar.text),
        Plain::Ambiguous { old, new } => {
            ambiguous(&scalar.text, node.span, old, new, mistakes);
            None
        }
        Plain::Null => {
            wrong(node, path, "text", mistakes);
            None
        }
        Plain::Bool(_) | Plain::Int(_) | Plain::Float(_) => {
            wrong(node, path, "text", mistakes).hint(format!("quote it: {}", quoted(&scalar.text)));
            None
        }
    }
}

fn whole(node: &Node, least: i64, most: i64, path: &str, mistakes: &mut Mistakes) {
    let allowed = if most >= i64::from(u32::MAX) {
        format!("a whole number, {least} or more")
    } else if least == i64::MIN {
        format!("a whole number, at most {most}")
    } else {
        format!("a whole number from {least} to {most}")
    };
    let Content::Scalar(scalar) = &node.content else {
        wrong(node, path, "a whole number", mistakes);
        return;
    };
    match scalar.resolve() {
        Plain::Int(number) if (least..=most).contains(&number) => {}
        Plain::Int(_) => drop(mistakes.error(node.span, &scalar.text, format!("{path} is out of range")).allow(allowed)),
        Plain::Ambiguous { old, new } => ambiguous(&scalar.text, node.span, old, new, mistakes),
        Plain::Null | Plain::Bool(_) | Plain::Float(_) | Plain::Text => {
            let mistake = wrong(node, path, "a whole number", mistakes);
            mistake.allow(allowed);
            if scalar.text.parse::<i64>().is_ok() {
                mistake.hint("take away the quotes");
            }
        }
    }
}

fn wrong<'m>(node: &Node, path: &str, expected: &str, mistakes: &'m mut Mistakes) -> &'m mut super::super::mistake::Mistake {
    let what = if path.is_empty() { "the manifest" } else { path };
    super::wrong_type(node, &format!("{what} is {expected}"), mistakes)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
