//! Names that mean nothing: random endings, addresses, nodes. Each gets a word that is the same on both sides.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The letters of random endings.
const LETTERS: &str = "bcdfghjklmnpqrstvwxz2456789";

#[derive(Default)]
pub struct Names {
    words: BTreeMap<String, String>,
    /// What rules are called that are named after an object of a random name.
    short: BTreeMap<String, String>,
}

impl Names {
    /// The words for all objects that these lines show, numbered by when they appeared; pods are all alike, since which of them is chosen is chance.
    pub fn of(lines: &[Value]) -> Self {
        let mut names = Self::default();
        for object in lines.iter().filter(|line| line["watch"].is_string()).map(|line| &line["object"]) {
            let name = object["metadata"]["name"].as_str().unwrap();
            if object["kind"] == "Pod" {
                names.words.insert(name.to_owned(), format!("POD-{}", object["metadata"]["labels"]["app"].as_str().unwrap_or_default()));
                for (pointer, word) in [("/status/podIP", "IP"), ("/spec/nodeName", "NODE")] {
                    if let Some(value) = object.pointer(pointer).and_then(Value::as_str) {
                        names.words.insert(value.to_owned(), word.to_owned());
                    }
                }
            } else if object["kind"] != "Event" && object["metadata"]["ownerReferences"].is_array() {
                names.child(name);
            }
        }
        names
    }

    fn child(&mut self, name: &str) {
        let Some((base, ending)) = name.rsplit_once('-') else { return };
        if self.words.contains_key(name) || ending.len() != 5 || !ending.chars().all(|c| LETTERS.contains(c)) {
            return;
        }
        let base = self.words.get(base).cloned().unwrap_or_else(|| base.to_owned());
        let number = 1 + self.words.values().filter(|word| word.rsplit_once('#').is_some_and(|(b, _)| b == base)).count();
        let word = format!("{base}#{number}");
        self.short.insert(short(name), format!("SHORT({word})"));
        self.words.insert(name.to_owned(), word);
    }

    /// A text with all names settled.
    pub fn settle(&self, text: &str) -> String {
        // Where the webhooks are called, and how that fails, is the installation's own.
        let text = text.split_once("failed to call webhook: ").map_or(text, |(before, _)| before);
        let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
            let (token, tail) = rest.split_at(end);
            out += &self.token(token);
            let next = tail.find(part).unwrap_or(tail.len());
            out += &tail[..next];
            rest = &tail[next..];
        }
        out
    }

    fn token(&self, token: &str) -> String {
        if let Some(word) = self.words.get(token) {
            return word.clone();
        }
        // A generateName.
        if let Some(word) = token.strip_suffix('-').and_then(|name| self.words.get(name)) {
            return format!("{word}-");
        }
        if let Some((short, word)) = self.short.iter().find(|(short, _)| token.starts_with(short.as_str())) {
            return format!("{word}{}", token[short.len()..].trim_start_matches(|c: char| c.is_ascii_hexdigit()));
        }
        token.to_owned()
    }

    /// A value with all names settled, fields in order, what is chance or time left out, and unordered lists in order.
    pub fn normal(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::from(if is_time(text) { "TIME".to_owned() } else { self.settle(text) }),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.normal(item)).collect();
                if items.iter().all(|item| item["type"].is_string() && item["status"].is_string())
                    || items.iter().all(|item| item["selectorKey"].is_string())
                    || items.iter().all(|item| item.as_str().is_some_and(|text| text.starts_with("IP")))
                {
                    items.sort_by_key(Value::to_string);
                }
                Value::Array(items)
            }
            Value::Object(map) => Value::Object(self.map(map)),
            other => other.clone(),
        }
    }

    fn map(&self, map: &Map<String, Value>) -> Map<String, Value> {
        let mut out: BTreeMap<String, Value> = BTreeMap::new();
        for (key, value) in map {
            let value = match key.as_str() {
                "resourceVersion" | "creationTimestamp" | "managedFields" => continue,
                "uid" | "memoryUid" => Value::from("UID"),
                _ => self.normal(value),
            };
            // Several pods may have become one word.
            let key = self.settle(key);
            let mut number = 1;
            let mut free = key.clone();
            while out.contains_key(&free) {
                number += 1;
                free = format!("{key} {number}");
            }
            out.insert(free, value);
        }
        out.into_iter().collect()
    }
}

fn is_time(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(text).is_ok_and(|time| time.timestamp() != 0)
}

/// How the names of rules begin that Chaos Mesh makes of a name; more of the same digest follows.
fn short(name: &str) -> String {
    let digest = Sha256::digest(&name.as_bytes()[5.min(name.len())..]);
    let hex: String = digest.iter().take(3).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{}_{hex}", &name[..5.min(name.len())])
}
