//! Reading the protobuf form that kubectl's typed clients write in. Answers are JSON always: those clients take both.
//!
//! What the fields are is [`Anatomy`]'s; which numbers they have stands in the table beside this file.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::anatomy::{Anatomy, Shape};
use super::refusal::Refusal;

/// What such a body begins with.
const MAGIC: &[u8] = b"k8s\0";
/// How deep messages may lie in each other.
const DEEPEST: usize = 40;

/// A field's name by its number, and the struct whose fields stand in its place.
type Numbers = BTreeMap<u64, (&'static str, Option<&'static str>)>;

fn tables() -> &'static BTreeMap<(&'static str, &'static str), Numbers> {
    static TABLES: OnceLock<BTreeMap<(&'static str, &'static str), Numbers>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables = BTreeMap::new();
        let mut group = "";
        for line in include_str!("protobuf.txt").lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                group = name.trim_end_matches(']');
                continue;
            }
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            let numbers = words.filter_map(|word| {
                let (field, number) = word.split_once('=')?;
                let (number, inline) = number.split_once(':').map_or((number, None), |(number, inline)| (number, Some(inline)));
                Some((number.parse().ok()?, (field, inline)))
            });
            tables.insert((group, name), numbers.collect());
        }
        tables
    })
}

/// Numbers that Go holds by pointer: a zero there was meant. Everywhere else it is the absence of one.
const MEANT_ZERO: [&str; 16] = [
    "replicas",
    "gracePeriodSeconds",
    "terminationGracePeriodSeconds",
    "backoffLimit",
    "completions",
    "parallelism",
    "tolerationSeconds",
    "minReplicas",
    "revisionHistoryLimit",
    "ttlSecondsAfterFinished",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
    "runAsUser",
    "runAsGroup",
    "partition",
    "value",
];
/// Truths that Go does not hold by pointer: a false there is the absence of one.
const PLAIN_FALSE: [&str; 12] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "stdin",
    "stdinOnce",
    "tty",
    "readOnly",
    "publishNotReadyAddresses",
    "paused",
    "unschedulable",
    "globalDefault",
    "allowed",
];
/// Structs that Go does not hold by pointer: an empty one there is the absence of one.
const PLAIN_EMPTY: [&str; 6] = ["status", "strategy", "updateStrategy", "resources", "spec", "scaleTargetRef"];

/// The object of such a body, as JSON.
///
/// # Errors
/// 400 for what is not one, 415 for a kind that is not known in this form.
pub fn read(body: &[u8]) -> Result<Value, Refusal> {
    let broken = || Refusal::bad_request("couldn't get version/kind; proto: illegal wireType");
    let unknown = body
        .strip_prefix(MAGIC)
        .ok_or_else(|| Refusal::bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"))?;
    let (mut version, mut kind, mut raw): (String, String, &[u8]) = (String::new(), String::new(), &[]);
    for field in Fields(unknown) {
        match field.ok_or_else(broken)? {
            (1, Wire::Bytes(meta)) => {
                for field in Fields(meta) {
                    match field.ok_or_else(broken)? {
                        (1, Wire::Bytes(text)) => version = string(text),
                        (2, Wire::Bytes(text)) => kind = string(text),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let anatomy = Anatomy::named(&version, &kind).ok_or_else(|| Refusal::media_type("application/json, application/yaml"))?;
    let group = version.split_once('/').map_or("core", |(group, _)| group);
    // A second version has numbers of its own.
    let group = if tables().contains_key(&(version.as_str(), anatomy.root)) { version.as_str() } else { group };
    let reader = Reader { anatomy, group };
    let mut object = Map::new();
    object.insert("kind".to_owned(), json!(kind));
    object.insert("apiVersion".to_owned(), json!(version));
    reader.message(anatomy.root, anatomy.root, raw, &mut object, 0).ok_or_else(broken)?;
    Ok(Value::Object(object))
}

struct Reader<'a> {
    anatomy: &'static Anatomy,
    group: &'a str,
}

impl Reader<'_> {
    /// Read a message of the struct `name` into a map, its fields being those of `holder` in JSON.
    fn message(&self, name: &str, holder: &str, bytes: &[u8], map: &mut Map<String, Value>, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        let numbers = [self.group, "core", "meta"].iter().find_map(|group| tables().iter().find(|((g, n), _)| g == group && *n == name))?.1;
        let fields = self.anatomy.structs.get(holder)?;
        for field in Fields(bytes) {
            let (number, wire) = field?;
            let Some((field, inline)) = numbers.get(&number) else { continue };
            if let (Some(inline), Wire::Bytes(bytes)) = (inline, &wire) {
                self.message(inline, holder, bytes, map, depth + 1)?;
                continue;
            }
            let Some((_, shape)) = fields.iter().find(|(name, _)| name == field) else { continue };
            match (shape, wire) {
                (Shape::List(item), wire) => {
                    let value = self.value(item, wire, depth)?;
                    if let Value::Array(list) = map.entry(*field).or_insert_with(|| json!([])) {
                        list.push(value);
                    }
                }
                (Shape::Map(item), Wire::Bytes(entry)) => {
                    let (mut key, mut value) = (String::new(), None);
                    for field in Fields(entry) {
                        match field? {
                            (1, Wire::Bytes(text)) => key = string(text),
                            (2, wire) => value = Some(self.value(item, wire, depth)?),
                            _ => {}
                        }
                    }
                    let value = value.unwrap_or_else(|| json!(""));
                    if let Value::Object(entries) = map.entry(*field).or_insert_with(|| json!({})) {
                        entries.insert(key, value);
                    }
                }
                (shape, wire) => {
                    let value = self.value(shape, wire, depth)?;
                    if was_said(field, &value) {
                        map.insert((*field).to_owned(), value);
                    }
                }
            }
        }
        Some(())
    }

    fn value(&self, shape: &Shape, wire: Wire<'_>, depth: usize) -> Option<Value> {
        Some(match (shape, wire) {
            (Shape::Text, Wire::Bytes(text)) => json!(string(text)),
            (Shape::Whole(_), Wire::Varint(number)) => json!(number.cast_signed()),
            (Shape::Bool, Wire::Varint(number)) => json!(number != 0),
            (Shape::Number, Wire::Fixed(bits)) => json!(f64::from_bits(bits)),
            (Shape::Named("ByteString"), Wire::Bytes(bytes)) => json!(BASE64_STANDARD.encode(bytes)),
            (Shape::Named("Time" | "MicroTime"), Wire::Bytes(bytes)) => time(bytes)?,
            (Shape::Named(_), Wire::Bytes(bytes)) => first_text(bytes)?,
            (Shape::Any, Wire::Bytes(bytes)) => any(bytes)?,
            (Shape::Struct(name), Wire::Bytes(bytes)) => {
                let mut map = Map::new();
                self.message(name, name, bytes, &mut map, depth + 1)?;
                Value::Object(map)
            }
            // A list of lists, or a wire type that its field does not have.
            _ => return None,
        })
    }
}

/// Whether a value was given, or stands there because protobuf writes what Go does not hold by pointer.
fn was_said(field: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(truth) => *truth || !PLAIN_FALSE.contains(&field),
        Value::Number(number) => number.as_i64() != Some(0) || MEANT_ZERO.contains(&field),
        Value::Object(map) => !map.is_empty() || !PLAIN_EMPTY.contains(&field),
        Value::Array(_) => true,
    }
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A quantity: its text is its first field.
fn first_text(bytes: &[u8]) -> Option<Value> {
    for field in Fields(bytes) {
        if let (1, Wire::Bytes(text)) = field? {
            return Some(json!(string(text)));
        }
    }
    Some(Value::Null)
}

fn time(bytes: &[u8]) -> Option<Value> {
    let mut seconds = None;
    for field in Fields(bytes) {
        if let (1, Wire::Varint(number)) = field? {
            seconds = Some(number.cast_signed());
        }
    }
    let moment = seconds.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    Some(moment.map_or(Value::Null, |moment| json!(crate::rehearsal::clock::stamp(moment))))
}

/// A number or a text (kind 0 or 1), or raw JSON.
fn any(bytes: &[u8]) -> Option<Value> {
    let (mut kind, mut number, mut text, mut raw) = (0, 0, String::new(), None);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Varint(which)) => kind = which,
            (1, Wire::Bytes(bytes)) => raw = serde_json::from_slice(bytes).ok(),
            (2, Wire::Varint(given)) => number = given.cast_signed(),
            (3, Wire::Bytes(bytes)) => text = string(bytes),
            _ => {}
        }
    }
    Some(raw.unwrap_or_else(|| if kind == 1 { json!(text) } else { json!(number) }))
}

/// What a field holds on the wire.
enum Wire<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in their order; `None` where it breaks off.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let key = self.varint()?;
        let fixed = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed(fixed(self.take(8)?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Fixed(fixed(self.take(4)?)),
            _ => return None,
        };
        Some((key >> 3, wire))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap_or(0)];
        out.extend(bytes);
        out
    }

    fn body(version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [field(1, version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), field(1, &meta), field(2, raw)].concat()
    }

    #[test]
    fn protobuf_should_be_read_as_the_json_it_stands_for() {
        let meta = [field(1, b"web"), field(2, b""), field(8, b""), field(11, &[field(1, b"app"), field(2, b"web")].concat())].concat();
        let port = [vec![0x18, 80], field(4, b"TCP"), vec![0x10, 0]].concat();
        let container = [field(1, b"a"), field(6, &port), field(8, b"")].concat();
        let raw = [field(1, &meta), field(2, &field(2, &container)), field(3, b"")].concat();
        assert_eq!(
            read(&body("v1", "Pod", &raw)),
            Ok(json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "labels": {"app": "web"}},
                "spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}))
        );
    }

    #[test]
    fn broken_protobuf_should_be_refused() {
        for bytes in [
            b"k8s".as_slice(),
            b"k8s\0\xff",
            b"k8s\0\x0a\x7f",
            &body("v1", "Pod", b"\x0a\xff\xff\xff\xff\x0f"),
            &body("v1", "Nothing", b""),
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
