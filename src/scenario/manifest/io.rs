//! `IOChaos`: faults of the files of one mount.

use super::super::mistake::Mistakes;
use super::super::near::did_you_mean;
use super::super::tree::{Content, Node, Plain, Scalar};
use super::super::units;
use super::forms::Form;
use super::schema::{Field, MODES, Object, SELECTOR, Shape, around, count, may, needs, text as of};
use super::{Spec, text};
use crate::fault::Action;

/// `IOChaos`.
pub static IO_CHAOS: Object = Object { fields: &around(&IO_SPEC), open: false };

/// `spec` of an `IOChaos`.
pub(super) static IO_SPEC: Object = Object {
    fields: &[
        needs("action", Shape::Word(&["latency", "fault", "attrOverride", "mistake"])),
        needs("mode", Shape::Word(MODES)),
        may("value", of(Form::Any)),
        may("selector", Shape::Object(&SELECTOR)),
        may("containerNames", Shape::List(&of(Form::ContainerName))),
        may("duration", of(Form::Duration)),
        needs("volumePath", of(Form::Any)),
        may("path", of(Form::Any)),
        may("methods", Shape::List(&of(Form::Any))),
        may("percent", count(100)),
        may("delay", of(Form::Duration)),
        may("errno", count(u32::MAX as i64)),
        may("attr", Shape::Object(&ATTRIBUTES)),
        may("mistake", Shape::Object(&MISTAKE)),
        may("remoteCluster", of(Form::Any)),
    ],
    open: false,
};

static ATTRIBUTES: Object = Object {
    fields: &[
        whole("ino", i64::MAX),
        whole("size", i64::MAX),
        whole("blocks", i64::MAX),
        may("atime", Shape::Object(&TIME)),
        may("mtime", Shape::Object(&TIME)),
        may("ctime", Shape::Object(&TIME)),
        may("kind", Shape::Word(&["namedPipe", "charDevice", "blockDevice", "directory", "regularFile", "symlink", "socket"])),
        whole("perm", u16::MAX as i64),
        whole("nlink", u32::MAX as i64),
        whole("uid", u32::MAX as i64),
        whole("gid", u32::MAX as i64),
        whole("rdev", u32::MAX as i64),
    ],
    open: false,
};

static TIME: Object =
    Object { fields: &[needs("sec", Shape::Whole { least: i64::MIN, most: i64::MAX }), needs("nsec", count(999_999_999))], open: false };

static MISTAKE: Object = Object {
    fields: &[
        may("filling", Shape::Word(&["zero", "random"])),
        may("maxOccurrences", Shape::Whole { least: 1, most: i64::MAX }),
        may("maxLength", Shape::Whole { least: 1, most: i64::MAX }),
    ],
    open: false,
};

const fn whole(key: &'static str, most: i64) -> Field {
    may(key, count(most))
}

/// The calls of a file system, as the daemon names them.
const METHODS: [&str; 32] = [
    "lookup",
    "forget",
    "getattr",
    "setattr",
    "readlink",
    "mknod",
    "mkdir",
    "unlink",
    "rmdir",
    "symlink",
    "rename",
    "link",
    "open",
    "read",
    "write",
    "flush",
    "release",
    "fsync",
    "opendir",
    "readdir",
    "releasedir",
    "fsyncdir",
    "statfs",
    "setxattr",
    "getxattr",
    "listxattr",
    "removexattr",
    "access",
    "create",
    "getlk",
    "setlk",
    "bmap",
];

/// Checks what is `IOChaos`' own; `None` where it has no known action.
pub fn check(spec: &Spec<'_>, mistakes: &mut Mistakes) -> Option<Action> {
    let action = spec.text("action");
    volume(spec, mistakes);
    if let Some(percent) = spec.get("percent").filter(|node| number(node) == Some(0)) {
        mistakes
            .error(percent.span, "0", "percent 0 is read as 100 and then refused by Chaos Mesh's own webhook: the fault never takes effect")
            .hint("write percent: 1 or more, or take it away for 100");
    }
    methods(spec, mistakes);
    blocks(spec, action, mistakes);
    matches!(action, "latency" | "fault" | "attrOverride" | "mistake")
        .then(|| Action::Io { action: action.to_owned(), volume: spec.text("volumePath").to_owned() })
}

fn number(node: &Node) -> Option<i64> {
    match node.scalar().map(Scalar::resolve) {
        Some(Plain::Int(number)) => Some(number),
        Some(Plain::Null | Plain::Bool(_) | Plain::Float(_) | Plain::Text | Plain::Ambiguous { .. }) | None => None,
    }
}

fn volume(spec: &Spec<'_>, mistakes: &mut Mistakes) {
    let Some(volume) = spec.get("volumePath").filter(|node| node.scalar().is_some()) else { return };
    let root = text(volume);
    if root.is_empty() || !root.starts_with('/') {
        mistakes
            .error(volume.span, root, "volumePath is no absolute path: the fault never takes effect, and the object can't be deleted")
            .allow("the root of a mount in the container, as its volumeMounts name it: /var/lib/data");
        return;
    }
    let Some(path) = spec.get("path").filter(|node| !text(node).is_empty()) else { return };
    let inside = root.trim_end_matches('/');
    let below = text(path).strip_prefix(inside).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !below {
        mistakes
            .warn(path.span, text(path), "path is not below volumePath: no file of the volume is ever hit")
            .hint(format!("write {inside}/**/*, or take path away for every file"));
    }
}

fn methods(spec: &Spec<'_>, mistakes: &mut Mistakes) {
    let Some(Content::List(items)) = spec.get("methods").map(|node| &node.content) else { return };
    for item in items.iter().filter(|item| item.scalar().is_some() && !METHODS.contains(&text(item))) {
        let mistake = mistakes.warn(item.span, text(item), "no file system call has this name, so it is never hit");
        mistake.allow("read, write, open, fsync, flush, getattr and others");
        if let Some(hint) = did_you_mean(text(item), METHODS) {
            mistake.hint(hint);
        }
    }
}

/// Whether the action has what it acts by, and nothing that belongs to another.
fn blocks(spec: &Spec<'_>, action: &str, mistakes: &mut Mistakes) {
    let at = spec.get("action").map_or(spec.span, |node| node.span);
    let (own, example) = match action {
        "latency" => ("delay", "delay: 100ms"),
        "fault" => ("errno", "errno: 5 (input/output error) or errno: 28 (no space left on device)"),
        "attrOverride" => ("attr", "attr: {perm: 72}"),
        "mistake" => ("mistake", "mistake: {filling: zero, maxOccurrences: 1, maxLength: 10}"),
        _ => return,
    };
    let given = spec.get(own);
    match (action, given) {
        ("fault", None) => {
            mistakes.error(at, action, "action fault needs errno: Chaos Mesh refuses 0").hint(format!("add {example}"));
        }
        ("fault", Some(errno)) if number(errno) == Some(0) => {
            mistakes.error(errno.span, "0", "errno 0 is no error, and Chaos Mesh refuses it").hint(format!("write {example}"));
        }
        (_, None) => {
            let message = format!("{action} without {own} does nothing, and Chaos Mesh says it is in effect");
            mistakes.error(at, action, message).hint(format!("add {example}"));
        }
        ("latency", Some(delay)) if units::go_duration(text(delay)).is_ok_and(|nanos| nanos <= 0) => {
            mistakes.error(delay.span, text(delay), "a delay of nothing delays nothing, and Chaos Mesh says it is in effect");
        }
        ("attrOverride", Some(empty)) if empty.entries().is_some_and(<[_]>::is_empty) => {
            mistakes
                .error(empty.span, "{}", "attr overrides nothing, and Chaos Mesh says it is in effect")
                .hint(format!("write {example}"));
        }
        _ => {}
    }
    for key in ["delay", "errno", "attr", "mistake"].into_iter().filter(|key| *key != own) {
        if let Some(entry) = spec.entry(key) {
            mistakes.warn(entry.key_span, key, format!("{action} ignores {key}")).hint("take it away");
        }
    }
}
