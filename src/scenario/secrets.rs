//! Literal credentials: the text of a scenario, its manifests and the values of `--set` stand in the journal of every run
//! word by word. What looks like a credential is refused before there is one, and never told itself.

use std::collections::BTreeMap;

use super::mistake::{Mistake, Mistakes};
use super::tree::Span;

/// The words that make a name one of a secret.
const WORDS: [&str; 12] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "bearer",
    "jwt",
];
/// Pairs of words that do.
const PAIRS: [(&str, &str); 5] = [("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("signing", "key")];
/// More names that do so in the query of a URL.
const IN_QUERY: [&str; 5] = ["key", "sig", "signature", "auth", "pwd"];
/// What well-known credentials begin with, and how long they are at least.
const SHAPES: [(&str, usize); 9] = [
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 36),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("glsa_", 30),
    ("sk_live_", 20),
];

/// What of `--set` and of a text must not be kept; of a text each line once.
#[must_use]
pub fn mistakes(file: &str, text: &str, sets: &BTreeMap<String, String>) -> Vec<Mistake> {
    let mut mistakes = Mistakes::of(file);
    for name in sets.keys().filter(|name| is_secret(name)) {
        tell(&mut mistakes, Span::TOP, name, "--set: by its name this is a secret, and parameters stand in the journal");
    }
    for (line, number) in text.lines().zip(1_u32..) {
        let Some((offending, message)) = in_line(line) else { continue };
        let column = line.find(offending).map_or(1, |at| line[..at].chars().count() + 1);
        let span = Span { line: number, column: u32::try_from(column).unwrap_or(u32::MAX), ..Span::TOP };
        tell(&mut mistakes, span, offending, message);
    }
    mistakes.finish()
}

fn tell(mistakes: &mut Mistakes, span: Span, offending: &str, message: &str) {
    mistakes.error(span, offending, message).hint(
        "keep it out of files and flags: a command probe gets it by command.env, Prometheus by GAMEDAY_PROMETHEUS_TOKEN; if it is no secret, call it something else",
    );
}

/// What gives a line away, and why: a name, or the beginning of a value.
fn in_line(line: &str) -> Option<(&str, &'static str)> {
    if line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----") {
        return Some(("-----BEGIN", "this is a private key, and the text of a scenario stands in the journal"));
    }
    let is_edge = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | '"' | '\'');
    let words: Vec<&str> = line.split(is_edge).filter(|word| !word.is_empty()).collect();
    for (index, word) in words.iter().enumerate() {
        for part in word.split(['=', ':', '/', '?', '&']) {
            if let Some((shape, _)) = SHAPES.iter().find(|(shape, length)| part.starts_with(shape) && part.len() >= *length) {
                return Some((&part[..shape.len()], "this looks like a credential, and the text of a scenario stands in the journal"));
            }
            if is_jwt(part) {
                return Some((&part[..3], "this looks like a token, and the text of a scenario stands in the journal"));
            }
        }
        if let Some(name) = in_query(word) {
            return Some((name, "a credential in the query of a URL would stand in journal and report"));
        }
        let (name, value) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
        let is_flag = name.starts_with("--");
        let is_variable = value.is_some() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let given = value.map_or_else(|| words.get(index + 1).is_some_and(|next| !next.starts_with(['-', '#'])), |value| !value.is_empty());
        if (is_flag || is_variable) && given && is_secret(name.trim_start_matches('-')) {
            return Some((name, "by its name this is a secret, and the text of a scenario stands in the journal"));
        }
    }
    key(line).map(|key| (key, "by its name this is a secret, and the text of a scenario stands in the journal"))
}

/// The first key of a line, block or flow, that is called like a secret and has a value.
fn key(line: &str) -> Option<&str> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    line.split(['{', ',']).find_map(|entry| {
        let (key, value) = entry.split_once(": ")?;
        let key = key.trim_start_matches(['-', ' ']).trim().trim_matches(['"', '\'']);
        let value = value.trim().trim_end_matches('}').trim();
        let empty = matches!(value, "" | "\"\"" | "''" | "~" | "null") || value.starts_with(['#', '[', '{', '&', '|', '>']);
        let name = !key.contains(char::is_whitespace) && is_secret(key);
        (name && !empty).then_some(key)
    })
}

/// The name of a query's parameter that carries a credential.
fn in_query(word: &str) -> Option<&str> {
    let (_, rest) = word.split_once("://")?;
    let (_, query) = rest.split_once('?')?;
    query.split('#').next()?.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let named = is_secret(name) || IN_QUERY.contains(&name.to_ascii_lowercase().as_str());
        (named && !value.is_empty()).then_some(name)
    })
}

/// Whether something of this name is a secret: by its words, however they are joined.
fn is_secret(name: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (lower && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        lower = c.is_ascii_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    let pair = words.windows(2).any(|pair| PAIRS.iter().any(|(a, b)| pair[0] == *a && pair[1] == *b));
    // `secretName` names one and is none
    let names = words.last().is_some_and(|last| matches!(last.as_str(), "name" | "namespace" | "ref" | "file" | "path"));
    !names && (pair || words.iter().any(|word| WORDS.contains(&word.as_str())))
}

fn is_jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_part = |part: &&str| part.len() >= 10 && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    text.starts_with("eyJ") && parts.len() >= 3 && parts.iter().take(2).all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, sets: &[&str]) -> Vec<String> {
        let sets = sets.iter().map(|name| ((*name).to_owned(), "hunter2".to_owned())).collect();
        mistakes("x.yaml", text, &sets).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn credentials_should_be_refused_and_never_told() {
        for line in [
            "  parameters: {TOKEN: hunter2}",
            "    API_KEY: hunter2",
            "    apiKey: \"hunter2\"",
            "  - http: {url: \"https://a/x?token=hunter2\"}",
            "  runbook: https://wiki/x?a=b&sig=hunter2",
            "  argv: [./probe, --password, hunter2]",
            "  argv: [./probe, --api-key=hunter2]",
            "  argv: [env, TOKEN=hunter2, ./probe]",
            "  request_headers: {Authorization: Basic hunter2}",
            "  x: AKIAhunter2hunter2hunter2",
            "  x: \"glpat-hunter2hunter2hunter2\"",
            "  x: eyJhunter2hunter2.eyJhunter2hunter2.hunter2",
            "  x: \"-----BEGIN RSA PRIVATE KEY-----\"",
        ] {
            let told = told(line, &[]);
            assert_eq!(told.len(), 1, "{line}: {told:?}");
            assert!(told[0].starts_with("x.yaml:1:") && !told[0].contains("hunter2"), "{told:?}");
        }
        assert_eq!(told("a: b", &["DB_PASSWORD", "LOAD"]).len(), 1);
    }

    #[test]
    fn what_only_speaks_of_secrets_should_be_left_alone() {
        for line in [
            "  hypothesis: the token service answers while its secret is rotated",
            "  query: kube_secret_info{secret=\"db\"} == 0",
            "  parameters: {LOAD: \"40\", TOKEN: \"\"}",
            "  # token: see the wiki",
            "  command: {argv: [./probe, --tokens, 5], env: [API_TOKEN]}",
            "  tls: {secretName: web, secretNamespace: staging, privateKeyName: tls.key}",
            "  secrets: [db-credentials]",
            "  runbook: https://wiki/x?page=token&v=2",
            "  prometheus: https://prometheus.example.com",
        ] {
            assert_eq!(told(line, &["NAMESPACE", "MAX_TOKENS"]), Vec::<String>::new(), "{line}");
        }
    }
}
