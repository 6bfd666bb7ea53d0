//! From parser events to the tree.

use std::collections::{BTreeMap, HashMap};

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span as Marks, Tag};

use super::{Content, Entry, LARGEST, Node, Scalar, Span, Style, syntax};
use crate::scenario::mistake::{Mistakes, quoted};

/// The deepest nesting that is read.
const DEEPEST: usize = 64;
/// The most values that are read, those that aliases repeat counted each time.
const MOST_VALUES: usize = 100_000;
/// The most bytes of text that aliases may repeat.
const MOST_REPEATED: usize = 1024 * 1024;

/// Reads `text` into a tree. `None` where it can't be: then there is an error that says why.
pub fn read(text: &str, mistakes: &mut Mistakes) -> Option<Node> {
    documents(text, false, mistakes)?.pop()
}

/// Reads `text` into a tree a document; those that say nothing are left out. `None` where it can't be, or says nothing at all.
pub fn read_all(text: &str, mistakes: &mut Mistakes) -> Option<Vec<Node>> {
    documents(text, true, mistakes)
}

fn documents(text: &str, several: bool, mistakes: &mut Mistakes) -> Option<Vec<Node>> {
    if text.len() > LARGEST {
        let message = format!("the file is too large to be a scenario: {} bytes", text.len());
        mistakes.error(Span::TOP, "", message).allow(format!("at most {LARGEST} bytes")).hint("is this the right file?");
        return None;
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    let mut builder = Builder {
        mistakes,
        several,
        open: Vec::new(),
        root: None,
        done: Vec::new(),
        anchors: BTreeMap::new(),
        values: 0,
        repeated: 0,
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, marks)) => builder.take(event, &marks)?,
            Err(error) => {
                syntax::tell(&error, text, builder.mistakes);
                return None;
            }
        }
        if builder.documents > 1 && !several {
            break;
        }
    }
    builder.end_document();
    let done = builder.done;
    if done.is_empty() {
        mistakes.error(Span::TOP, "", "the file is empty").hint("is this the right file?");
        return None;
    }
    Some(done)
}

struct Builder<'m> {
    mistakes: &'m mut Mistakes,
    /// Whether more than one document may stand there.
    several: bool,
    open: Vec<Open>,
    root: Option<Node>,
    done: Vec<Node>,
    anchors: BTreeMap<usize, Node>,
    values: usize,
    repeated: usize,
    documents: usize,
}

/// A collection whose end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    part: Part,
}

enum Part {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// Index by key, for finding duplicates.
        seen: HashMap<String, usize>,
        key: Option<Key>,
    },
}

/// A key whose value has not come yet; without text where it was refused.
struct Key {
    text: Option<(String, Style)>,
    span: Span,
}

impl Builder<'_> {
    /// Takes one event; `None` where reading can't go on.
    fn take(&mut self, event: Event<'_>, marks: &Marks) -> Option<()> {
        let span = place(marks);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.several {
                    self.end_document();
                } else if self.documents > 1 {
                    let line = span.line;
                    self.mistakes
                        .error(span, "---", format!("a second document begins at line {line}"))
                        .allow("one document a file")
                        .hint("put it in a file of its own");
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let style = self.style(style, tag.as_deref(), span);
                // The parser says `~` for what is not there at all.
                let absent = style == Style::Plain && span.start == span.end;
                let text = if absent { String::new() } else { text.into_owned() };
                self.place(Node { span, content: Content::Scalar(Scalar { text, style }) }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", span);
                self.descend(Open { span, anchor, part: Part::List(Vec::new()) })?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", span);
                self.descend(Open { span, anchor, part: Part::Map { entries: Vec::new(), seen: HashMap::new(), key: None } })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { mut span, anchor, part }) = self.open.pop() {
                    span.end = place(marks).end.max(span.end);
                    let content = match part {
                        Part::List(items) => Content::List(items),
                        Part::Map { entries, .. } => Content::Map(entries),
                    };
                    self.place(Node { span, content }, anchor)?;
                }
            }
            Event::Alias(id) => self.repeat(id, span)?,
            Event::UnresolvedAlias(name) => {
                self.mistakes
                    .error(span, &name, "no anchor of this name stands before this alias")
                    .hint("write & before the name where the value is first given");
                self.place(Node { span, content: Content::Scalar(Scalar { text: String::new(), style: Style::Quoted }) }, 0)?;
            }
            // Stream and document marks; whatever a later parser adds is not a node.
            _ => {}
        }
        Some(())
    }

    /// Puts the document that was read to those that are done.
    fn end_document(&mut self) {
        self.done.extend(self.root.take().filter(|root| !root.is_null()));
        self.anchors.clear();
    }

    fn style(&mut self, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Style {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        match tag {
            None => style,
            Some(tag) if tag.is_yaml_core_schema_tag("str") => Style::Quoted,
            Some(tag) => {
                self.refuse_tag(tag, span);
                Style::Quoted
            }
        }
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, own: &str, span: Span) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag(own)) {
            self.refuse_tag(tag, span);
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, span: Span) {
        self.mistakes.error(span, &tag.original(), "tags are not read here").allow("!!str, or quotes, for what is text");
    }

    fn descend(&mut self, open: Open) -> Option<()> {
        if self.open.len() >= DEEPEST {
            self.mistakes.error(open.span, "", "this is nested too deeply").allow(format!("{DEEPEST} levels"));
            return None;
        }
        self.open.push(open);
        Some(())
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, anchor: usize) -> Option<()> {
        self.values += 1;
        if self.values > MOST_VALUES {
            self.mistakes.error(node.span, "", "the file holds too many values to be a scenario").allow(format!("{MOST_VALUES} values"));
            return None;
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.part) {
            None => self.root = self.root.take().or(Some(node)),
            Some(Part::List(items)) => items.push(node),
            Some(Part::Map { entries, seen, key }) => match key.take() {
                None => *key = Some(key_of(node, self.mistakes)),
                Some(Key { text: None, .. }) => {}
                Some(Key { text: Some((text, style)), span }) => {
                    if let Some(first) = seen.get(&text) {
                        let line = entries[*first].key_span.line;
                        self.mistakes.error(span, &text, format!("this key is already given at line {line}")).allow("each key once");
                    } else {
                        seen.insert(text.clone(), entries.len());
                        entries.push(Entry { key: text, key_style: style, key_span: span, value: node });
                    }
                }
            },
        }
        Some(())
    }

    /// Puts a copy of what was anchored where the alias stands.
    fn repeat(&mut self, anchor: usize, span: Span) -> Option<()> {
        let Some(node) = self.anchors.get(&anchor) else {
            self.mistakes.error(span, "", "this alias stands inside what it repeats");
            return None;
        };
        let size = Size::of(node);
        if self.open.len() + size.depth > DEEPEST {
            self.mistakes.error(span, "", "this alias nests too deeply").allow(format!("{DEEPEST} levels"));
            return None;
        }
        self.values += size.values;
        self.repeated += size.bytes;
        if self.values > MOST_VALUES || self.repeated > MOST_REPEATED {
            self.mistakes
                .error(span, "", "aliases make the file explode")
                .allow(format!("{MOST_VALUES} values, repeated ones counted each time"));
            return None;
        }
        let node = node.clone();
        self.place(node, 0)
    }
}

fn key_of(node: Node, mistakes: &mut Mistakes) -> Key {
    let span = node.span;
    let found = node.excerpt();
    match node.content {
        Content::Scalar(Scalar { text, style: Style::Plain }) if text == "<<" => {
            mistakes
                .error(span, "<<", "merge keys are not read: YAML 1.2 has none")
                .hint("write the keys out, or repeat a whole value with an alias");
            Key { text: None, span }
        }
        Content::Scalar(Scalar { text, style }) => Key { text: Some((text, style)), span },
        Content::List(_) | Content::Map(_) => {
            mistakes.error(span, &found, "a key must be text").hint(format!("{} can't be one", quoted(&found)));
            Key { text: None, span }
        }
    }
}

/// What repeating a node costs.
#[derive(Default)]
struct Size {
    values: usize,
    bytes: usize,
    depth: usize,
}

impl Size {
    fn of(node: &Node) -> Size {
        let mut size = Size { values: 1, bytes: 0, depth: 1 };
        let mut add = |child: Size| {
            size.values += child.values;
            size.bytes += child.bytes;
            size.depth = size.depth.max(child.depth + 1);
        };
        match &node.content {
            Content::Scalar(scalar) => size.bytes = scalar.text.len(),
            Content::List(items) => items.iter().for_each(|item| add(Size::of(item))),
            Content::Map(entries) => {
                for entry in entries {
                    let value = Size::of(&entry.value);
                    add(Size { bytes: value.bytes + entry.key.len(), ..value });
                }
            }
        }
        size
    }
}

/// The parser's marks in our terms.
pub fn place(marks: &Marks) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        line: number(marks.start.line()),
        column: number(marks.start.col() + 1),
        start: marks.start.byte_offset().unwrap_or_default(),
        end: marks.end.byte_offset().unwrap_or_default(),
    }
}
