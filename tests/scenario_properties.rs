//! What holds of every file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gameday::scenario::{LARGEST, Reading, Source, read, text_of};
use proptest::prelude::*;
use serde_json::Value;

const KILL: &str = include_str!("../scenarios/task-api-pod-kill.yaml");
const DELAY: &str = include_str!("../scenarios/task-api-network-delay.yaml");
const PARTITION: &str = include_str!("../scenarios/task-api-partition.yaml");

/// What queries are made of, and what they are not.
const WORDS: &[&str] = &[
    "x",
    "rate(",
    "sum by (a) (",
    "{a=~\"5..\"}",
    "{code=\"500\"}",
    "{",
    "}",
    "(",
    ")",
    "[5m]",
    "[",
    "]",
    "[5m:1m]",
    "\"",
    "'",
    "`",
    "\\",
    "\\x4",
    "#",
    "\n",
    " / ",
    " or ",
    " and on() ",
    "-",
    "+",
    "*",
    "^",
    "%",
    "== bool ",
    " offset ",
    " offset -5m",
    " @ start()",
    " @ 1e400",
    "1",
    "0x",
    "1e999",
    "NaN",
    "Inf",
    "é",
    "\u{1b}",
    "vector(0)",
    ",",
    ":",
    "=~\"((((\"",
    "a b",
    "time()",
    "label_replace(",
    "absent(",
    "topk(",
    "histogram_quantile(0.9, ",
    " group_left ",
    "ignoring(",
    "9999999999999999999d",
    "5y",
];

fn reading(text: &str) -> Reading {
    let manifests = |_: &str| Err("no manifests here".to_owned());
    read(&Source { file: "x.yaml", text, manifests: &manifests }, &BTreeMap::new())
}

fn drill(text: &str) -> String {
    let reading = reading(text);
    let told: Vec<String> = reading.mistakes.iter().map(ToString::to_string).collect();
    reading.scenario.map_or_else(|| told.join("\n"), |scenario| scenario.drill_digest)
}

/// The same value in YAML of another form: `style` decides at every node.
fn other_form(value: &Value, style: &mut impl Iterator<Item = u8>, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    let bits = style.next().unwrap_or(0);
    match value {
        Value::Object(map) if bits & 1 == 0 && !map.is_empty() => {
            let mut entries: Vec<_> = map.iter().collect();
            if bits & 2 == 0 {
                entries.reverse();
            }
            for (key, value) in entries {
                if bits & 4 == 0 {
                    let _ = write!(out, "\n{pad}# a remark");
                }
                let _ = write!(out, "\n{pad}{}: ", Value::from(key.as_str()));
                other_form(value, style, indent + 1, out);
            }
        }
        Value::Array(items) if bits & 1 == 0 && !items.is_empty() => {
            for item in items {
                let _ = write!(out, "\n{pad}- ");
                other_form(item, style, indent + 1, out);
            }
        }
        Value::String(text) if bits & 1 == 0 => {
            let _ = write!(out, "'{}'", text.replace('\'', "''"));
        }
        // JSON is YAML.
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// The pod kill as JSON, by another reader of YAML.
fn as_json(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or(Value::Null)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_should_be_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(text) = text_of("x.yaml", &bytes) {
            let _ = reading(text);
        }
        let reading = reading(&String::from_utf8_lossy(&bytes));
        prop_assert!(reading.scenario.is_none());
        prop_assert!(!reading.mistakes.is_empty());
    }

    #[test]
    fn yaml_like_text_should_be_read_without_panic(text in "([a-z]{1,3}|[-:?,\\[\\]{}#&*!|>'\"%@`~ \\n\\t$]|: |- |\\n  |&a |\\*a|\\$\\{A\\}|---\\n|<<: |é|\u{feff}){0,60}") {
        for mistake in reading(&text).mistakes {
            let shown = mistake.to_string();
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{}", shown.escape_debug());
        }
    }

    #[test]
    fn scenarios_with_bytes_changed_should_be_read_without_panic(at in 0..KILL.len(), cut in 0usize..30, with in "[-:,\\[\\]{}'\"#&* \\na-z0-9%$]{0,6}") {
        for whole in [KILL, DELAY, PARTITION] {
            let start = (0..=at.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
            let end = (start + cut..=whole.len()).find(|at| whole.is_char_boundary(*at)).unwrap_or(whole.len());
            let text = format!("{}{with}{}", &whole[..start], &whole[end..]);
            let reading = reading(&text);
            prop_assert_eq!(reading.scenario.is_none(), reading.mistakes.iter().any(gameday::scenario::Mistake::stops_run));
            for mistake in reading.mistakes {
                prop_assert!(mistake.line >= 1 && mistake.column >= 1);
                prop_assert!(!mistake.to_string().chars().any(|c| c.is_control() && c != '\n'));
            }
        }
    }

    #[test]
    fn any_query_should_be_read_without_panic(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..25)) {
        let text = format!("spec: {{panels: [{{name: p, query: {}}}]}}", Value::from(words.concat()));
        prop_assert!(reading(&text).scenario.is_none());
    }

    #[test]
    fn drill_digest_should_outlive_any_formatting(style in proptest::collection::vec(any::<u8>(), 200)) {
        let mut text = String::new();
        other_form(&as_json(KILL), &mut style.into_iter(), 0, &mut text);
        prop_assert_eq!(drill(&text), drill(KILL));
    }
}

#[test]
fn drill_digest_should_follow_the_drill_alone() {
    let digest = drill(KILL);
    assert_eq!(digest.len(), 64, "{digest}");
    for (from, to) in [
        ("# A game day in one file", "# Another remark"),
        ("context: staging # the kubeconfig", "context: elsewhere # the kubeconfig"),
        ("owner: product-team", "owner: somebody-else"),
        ("name: task-api-pod-kill\n", "name: renamed\n"),
        ("title: Task API survives", "title: Hopefully the Task API survives"),
        ("unit: percent", "unit: none"),
    ] {
        let changed = KILL.replacen(from, to, 1);
        assert_ne!(changed, KILL, "{from}");
        assert_eq!(drill(&changed), digest, "{from}");
    }
    let file = |text: &str| reading(text).scenario.map(|scenario| scenario.file_digest);
    assert_ne!(file(&KILL.replacen("# A game", "# a game", 1)), file(KILL));
    for (from, to) in [
        ("hypothesis: Task API", "hypothesis: The Task API"),
        ("observe: 60s", "observe: 61s"),
        ("mode: one\n", "mode: fixed\n          value: \"1\"\n"),
        ("below: 0.01", "below: 0.02"),
        ("above: 0.2", "above: 0.3"),
        ("maxTargets: 1", "maxTargets: 2"),
        ("{kind: Deployment, name: task-api}", "{kind: Deployment, name: task-ui}"),
        (
            "[30s])) or vector(0)) / sum(rate(http_requests_total{app=\"task-api\"}[30s]))\n        below",
            "[1m])) or vector(0)) / sum(rate(http_requests_total{app=\"task-api\"}[30s]))\n        below",
        ),
    ] {
        let changed = KILL.replacen(from, to, 1);
        assert_ne!(changed, KILL, "{from}");
        let other = drill(&changed);
        assert!(other.len() == 64 && other != digest, "{from}: {other}");
    }
}

#[test]
fn drill_digest_should_be_that_of_sorted_json() {
    let text = "\
apiVersion: gameday/v1
kind: GameDay
metadata: {name: x}
spec:
  hypothesis: \"it \\u00fcberlebt\"
  environments: {staging: {tier: staging}}
  target: {kind: Deployment, name: a}
  steps: [{name: b, observe: 1s}]
  criteria: [{name: c, promql: {query: up, below: 0.50}}, {name: d, promql: {query: up, above: 1.0}}]
";
    // Anyone can take it: `yq … | jq -cS … | sha256sum` of the six parts of spec. This one is Python's.
    assert_eq!(drill(text), "7d018bd8877cb90ab4f1663827a073b0890c63ea8c16e6d4b93ac59f01c250df");
}

#[test]
fn drill_digest_should_follow_parameters_and_manifests() {
    let manifests = |_: &str| Err("none".to_owned());
    let source = Source { file: "x.yaml", text: DELAY, manifests: &manifests };
    let of = |latency: &str| read(&source, &BTreeMap::from([("LATENCY".to_owned(), latency.to_owned())])).scenario.map(|s| s.drill_digest);
    assert_eq!(of("200ms"), Some(drill(DELAY)));
    assert!(of("1s").is_some() && of("1s") != of("200ms"));

    let fault = "apiVersion: chaos-mesh.org/v1alpha1\nkind: PodChaos\nmetadata: {name: task-api-pod-kill}\nspec: {action: pod-kill, mode: one, selector: {labelSelectors: {app: task-api}}}\n";
    let (before, rest) = KILL.split_once("      fault: #").unwrap();
    let (_, after) = rest.split_once("    - name: watch it").unwrap();
    let text = format!("{before}      fault: {{manifest: kill.yaml}}\n    - name: watch it{after}");
    let manifests = |path: &str| if path == "kill.yaml" { Ok(fault.to_owned()) } else { Err("none".to_owned()) };
    let beside = read(&Source { file: "x.yaml", text: &text, manifests: &manifests }, &BTreeMap::new()).scenario.map(|s| s.drill_digest);
    assert_eq!(beside, Some(drill(KILL)));
}

/// How long reading takes, and what is said first.
fn timed(text: &str) -> (Duration, Vec<String>) {
    #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
    let started = Instant::now();
    let reading = reading(text);
    let told = reading.mistakes.iter().map(ToString::to_string).collect();
    assert!(reading.scenario.is_none());
    (started.elapsed(), told)
}

#[test]
fn monsters_should_be_refused_quickly() {
    let head = "apiVersion: gameday/v1\nkind: GameDay\nmetadata: {name: x}\nspec:\n  hypothesis: h\n  environments: {a: {tier: staging}}\n  target: {kind: Deployment, name: a}\n  criteria: [{name: c, ready: {min: 1}}]\n  steps:\n";
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().concat();
    let steps = many(10_000, &|n| format!("    - {{name: s{n}, observe: 1s}}\n"));
    let mut laughs = "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n".to_owned();
    for n in 1..30 {
        let _ = writeln!(laughs, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(","));
    }
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 100_000].join(","));
    let chain: String = (1..3000).fold("a0: &a0 [x]\n".to_owned(), |mut out, n| {
        let _ = writeln!(out, "a{n}: &a{n} [*a{}]", n - 1);
        out
    });
    let filled = format!("spec:\n  parameters: {{A: '{}'}}\n  title: '{}'\n", "x".repeat(4000), "${A}".repeat(200_000));
    let unknown = many(40_000, &|n| format!("k{n}: 1\n"));
    let query = |q: &str| format!("{head}    - {{name: s, observe: 1s}}\n  panels: [{{name: p, query: '{q}'}}]\n  color: x\n");
    for (what, text, says) in [
        ("10 MB of garbage", "\u{1}{[*&garbage\n".repeat(800_000), "too large"),
        ("1 MB of garbage", "\u{1}{[*&garbage\n".repeat(80_000), "error"),
        ("1 MB of brackets", "[".repeat(LARGEST), "nested too deeply"),
        ("1 MB of letters", "x".repeat(LARGEST), "mapping"),
        ("1 MB of list", "- a\n".repeat(LARGEST / 4), "too many values"),
        ("1 MB of empty lines", "\n".repeat(LARGEST), "empty"),
        ("1 MB of quotes", "\"".repeat(LARGEST), "error"),
        ("10,000 steps", format!("{head}{steps}"), "at most 1000 steps"),
        ("aliases", laughs, "explode"),
        ("aliases of one long text", long, "explode"),
        ("aliases in a chain", chain, "nests too deeply"),
        ("parameters", filled, "explode"),
        ("unknown keys", unknown, "unknown key"),
        ("query of brackets", query(&"(".repeat(4000)), "nests more than"),
        ("query of signs", query(&format!("{}1", "-".repeat(4000))), "unknown key"),
        ("query of sums", query(&vec!["a"; 2000].join("+")), "unknown key"),
        ("long query", query(&"a".repeat(100_000)), "longer than"),
    ] {
        let (took, told) = timed(&text);
        assert!(told.iter().any(|line| line.contains(says)), "{what}: {told:?}");
        eprintln!("{what}: {took:?}, {} mistakes, first: {}", told.len(), told[0].chars().take(120).collect::<String>());
        // Far above what it takes (at most 0.3 s unoptimised): the machine may be busy.
        assert!(took < Duration::from_secs(3), "{what} took {took:?}");
    }
}
