//! The rules of the house: who may import whom, and how long a file may be. The crate page says why.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{File, ItemUse, Macro, UseTree};

/// What words are made of. They import one another and nothing else of the house.
const WORDS: &[&str] = &["clock", "command", "criterion", "effect", "event", "fault", "header", "manifest", "scenario", "seat", "text"];

/// Each room: the rooms it may import beside itself, and the external crates it may use.
fn rules() -> BTreeMap<&'static str, (Vec<&'static str>, Vec<&'static str>)> {
    let with = |more: &[&'static str]| -> Vec<&'static str> { WORDS.iter().chain(more).copied().collect() };
    let data = ["serde", "serde_json", "chrono", "thiserror"];
    let also = |more: &[&'static str]| -> Vec<&'static str> { data.iter().chain(more).copied().collect() };
    let mut rules = BTreeMap::new();
    for word in WORDS {
        let external =
            if *word == "scenario" { also(&["serde_saphyr", "serde_yaml", "promql_parser", "sha2", "cel"]) } else { data.to_vec() };
        rules.insert(*word, (with(&[]), external));
    }
    rules.insert("run", (with(&[]), vec!["chrono", "serde_json"]));
    rules.insert("wording", (with(&["run"]), vec!["chrono"]));
    rules.insert("findings", (with(&["run", "wording"]), vec!["serde", "chrono"]));
    rules.insert("journal", (with(&[]), data.to_vec()));
    rules.insert("face", (with(&["run"]), vec!["chrono"]));
    rules.insert("replay", (with(&["run"]), vec![]));
    rules.insert("headless", (with(&["run", "findings", "wording", "face"]), vec!["serde_json"]));
    rules.insert(
        "tui",
        (
            with(&["run", "findings", "wording", "face"]),
            vec!["ratatui", "crossterm", "unicode_width", "tokio", "chrono", "rustix", "regex", "base64"],
        ),
    );
    rules.insert("report", (with(&["run", "findings", "wording"]), vec!["serde_json"]));
    let network = [
        "kube",
        "k8s_openapi",
        "tokio",
        "futures",
        "http",
        "reqwest",
        "prometheus_http_query",
        "base64",
        "percent_encoding",
        "jiff",
        "rustix",
        "tower",
        "serde_yaml",
    ];
    rules.insert("edge", (with(&[]), also(&network)));
    let simulation = [
        "kube",
        "tokio",
        "http",
        "http_body_util",
        "futures",
        "tower",
        "json_patch",
        "k8s_openapi",
        "sha2",
        "promql_parser",
        "regex",
        "percent_encoding",
        "serde_saphyr",
        "base64",
        "jiff",
    ];
    rules.insert("rehearsal", (with(&[]), also(&simulation)));
    rules.insert("driver", (with(&["run", "face", "journal", "edge"]), also(&["tokio", "reqwest"])));
    rules.insert("config", (with(&[]), also(&["toml"])));
    rules.insert("import", (with(&[]), also(&["serde_yaml"])));
    rules.insert("archive", (with(&["run", "findings", "journal"]), also(&[])));
    rules
}

/// Files that hold nothing but data.
const TABLES: &[&str] = &[];
const LONGEST: usize = 400;

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    files
}

/// The module path of a file below src: `run/phase.rs` is `[run, phase]`.
fn module(file: &Path) -> Vec<String> {
    let below = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap().with_extension("");
    below.iter().map(|part| part.to_string_lossy().into_owned()).filter(|part| part != "lib" && part != "main").collect()
}

/// Collects the first segments of all absolute paths, `use` or not, macros included.
struct Imports {
    module: Vec<String>,
    external: BTreeSet<String>,
    found: BTreeSet<(String, bool)>,
}

impl Imports {
    fn path(&mut self, segments: &[String]) {
        let mut at = self.module.clone();
        let mut rest = segments;
        let relative = matches!(rest.first().map(String::as_str), Some("super" | "self"));
        match rest.first().map(String::as_str) {
            Some("crate" | "gameday") => {
                if let Some(room) = rest.get(1) {
                    self.found.insert((room.clone(), false));
                }
                return;
            }
            Some(name) if self.external.contains(name) => {
                self.found.insert((name.to_owned(), true));
                return;
            }
            _ => {}
        }
        if relative {
            while let Some((first, more)) = rest.split_first() {
                match first.as_str() {
                    "super" => drop(at.pop()),
                    "self" => {}
                    _ => break,
                }
                rest = more;
            }
            at.extend(rest.iter().cloned());
            if let Some(room) = at.first() {
                self.found.insert((room.clone(), false));
            }
        }
    }

    fn tree(&mut self, tree: &UseTree, before: &[String]) {
        let mut path = before.to_vec();
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.tree(&step.tree, &path);
            }
            UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.path(&path);
            }
            UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                self.path(&path);
            }
            UseTree::Glob(_) => self.path(&path),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before)),
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let colons = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
                    if colons(index + 1)
                        && colons(index + 2)
                        && let Some(TokenTree::Ident(next)) = tokens.get(index + 3)
                    {
                        self.path(&[ident.to_string(), next.to_string()]);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&item.tree, &[]);
    }
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 || path.leading_colon.is_some() {
            self.path(&segments);
        }
        visit::visit_path(self, path);
    }
    fn visit_macro(&mut self, item: &'ast Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // tests may look anywhere
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }
}

fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let table = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    table.lines().filter_map(|line| line.split_once(" =")).map(|(name, _)| name.trim().replace('-', "_")).collect()
}

fn imports(file: &Path, parsed: &File) -> BTreeSet<(String, bool)> {
    let mut imports = Imports { module: module(file), external: dependencies(), found: BTreeSet::new() };
    imports.visit_file(parsed);
    imports.found
}

#[test]
fn rooms_should_import_only_whom_they_may() {
    let rules = rules();
    let mut wrong = Vec::new();
    for file in sources() {
        let module = module(&file);
        if module.last().is_some_and(|name| name == "tests") {
            continue;
        }
        let Some(room) = module.first().filter(|room| *room != "cli") else { continue };
        let Some((rooms, crates)) = rules.get(room.as_str()) else {
            wrong.push(format!("{}: the room {room} stands in no rule of this test", file.display()));
            continue;
        };
        let parsed = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
        for (name, external) in imports(&file, &parsed) {
            let fine = if external { crates.contains(&name.as_str()) } else { name == *room || rooms.contains(&name.as_str()) };
            if !fine {
                wrong.push(format!("{}: {room} may not import {}{name}", file.display(), if external { "the crate " } else { "crate::" }));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_should_be_found_in_every_form() {
    let text = r#"
        use crate::{edge::Cluster, driver};
        use super::journal as j;
        fn f() -> gameday::report::X { println!("{}", crate::archive::y()); kube::Client::new() }
    "#;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run.rs");
    let found: Vec<String> = imports(&file, &syn::parse_file(text).unwrap()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, ["archive", "driver", "edge", "journal", "kube", "report"]);
}

#[test]
fn files_should_be_short_enough_to_be_read() {
    let mut long = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().lines().count();
        let exempt = module(&file).last().is_some_and(|name| name == "tests") || TABLES.iter().any(|table| file.ends_with(table));
        if code > LONGEST && !exempt {
            long.push(format!("{}: {code} lines", file.display()));
        }
    }
    assert!(long.is_empty(), "split by noun:\n{}", long.join("\n"));
}
