//! What a YAML file says: a tree in which every node knows its place.
//!
//! The one reader of YAML in the program. Our own keys and the manifests inside both come out of
//! it; nothing else decides what a file says. It never panics, and its work is bounded whatever
//! the bytes are: size, depth, number of values, growth through aliases.

mod build;
mod plain;
mod syntax;

use std::fmt::Write as _;

use serde_json::{Map, Value};

pub use self::build::{read, read_all};
pub use self::plain::{Plain, resolve};

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// A place in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The top of a file.
    pub const TOP: Span = Span { line: 1, column: 1, start: 0, end: 0 };
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands; of an alias, where the anchor stands.
    pub span: Span,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A scalar.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping in file order, no key twice.
    Map(Vec<Entry>),
}

/// A scalar as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// Its text, escapes and folding undone.
    pub text: String,
    /// How it is written.
    pub style: Style,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Bare: its text decides what it is.
    Plain,
    /// Between quotes, or tagged `!!str`: always text.
    Quoted,
    /// `|` or `>`: always text.
    Block,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// How the key is written.
    pub key_style: Style,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The entries, if it is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The value under `key`, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, if it is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// Whether it says nothing: `~`, `null` or no text at all.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| matches!(scalar.resolve(), Plain::Null))
    }

    /// What it is, in words, for "X where Y is meant".
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
            Content::Scalar(scalar) => match scalar.resolve() {
                Plain::Null => "nothing",
                Plain::Bool(_) => "true or false",
                Plain::Int(_) | Plain::Float(_) => "a number",
                Plain::Text | Plain::Ambiguous { .. } => "text",
            },
        }
    }

    /// Its text in one short line, for telling what was found.
    pub fn excerpt(&self) -> String {
        match &self.content {
            Content::Scalar(scalar) => scalar.text.chars().take(200).collect(),
            Content::List(items) if items.is_empty() => "[]".to_owned(),
            Content::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Content::List(items) => format!("[{}, …]", items[0].excerpt().chars().take(30).collect::<String>()),
            Content::Map(entries) => {
                let mut out = String::from("{");
                for entry in entries.iter().take(3) {
                    let _ = write!(out, "{}: …, ", entry.key.chars().take(30).collect::<String>());
                }
                out.truncate(out.len() - 2);
                out.push_str(if entries.len() > 3 { ", …}" } else { "}" });
                out
            }
        }
    }

    /// The JSON of it as YAML 1.2's core schema reads it. Scalars that mean different things to
    /// different readers become text: whoever sends the value has refused them before.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Content::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>())
            }
            Content::Scalar(scalar) => match scalar.resolve() {
                Plain::Null => Value::Null,
                Plain::Bool(truth) => Value::Bool(truth),
                Plain::Int(number) => Value::from(number),
                Plain::Float(number) => Value::from(number),
                Plain::Text | Plain::Ambiguous { .. } => Value::String(scalar.text.clone()),
            },
        }
    }
}

impl Scalar {
    /// What the scalar is to a reader of YAML 1.2.
    pub fn resolve(&self) -> Plain {
        match self.style {
            Style::Plain => resolve(&self.text),
            Style::Quoted | Style::Block => Plain::Text,
        }
    }
}
