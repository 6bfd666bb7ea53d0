//! The evaluator held against a real Prometheus 3.5.3.
//!
//! `tests/promql/samples.json.gz` holds 437 series; `tests/promql/answers.jsonl.gz` 509 queries
//! over them with the answers of the HTTP API. Labels must agree exactly and values to 1e-9
//! relative; NaN agrees with NaN and an infinity with itself. The order of series is not compared,
//! nor is the text of errors.
#![expect(clippy::unwrap_used, reason = "a broken fixture should stop the test where it breaks")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use gameday::rehearsal::promql::{Labels, PromqlError, Store, instant, range, wire};
use serde_json::Value as Json;

/// Queries answered as Prometheus answers them, refusals of both included.
const AGREE: usize = 505;
/// Queries refused by name that Prometheus, too, refuses unless a flag is set.
const NOT_IN_REHEARSAL: usize = 4;
/// Queries answered differently on purpose, with the reason.
const DELIBERATE: [(&str, &str); 0] = [];

fn lines(path: &str) -> impl Iterator<Item = String> {
    let file = File::open(path).unwrap();
    BufReader::new(GzDecoder::new(file)).lines().map(Result::unwrap)
}

fn store() -> Store {
    let text: String = lines("tests/promql/samples.json.gz").collect();
    let series: Vec<Json> = serde_json::from_str(&text).unwrap();
    let mut store = Store::new();
    for one in &series {
        let labels = one["labels"].as_object().unwrap();
        let labels = Labels::new(labels.iter().map(|(name, v)| (name, v.as_str().unwrap())));
        let id = store.series(&labels).unwrap();
        for sample in one["samples"].as_array().unwrap() {
            let bits = u64::from_str_radix(sample[1].as_str().unwrap(), 16).unwrap();
            let at = sample[0].as_i64().unwrap();
            store.append(id, at, f64::from_bits(bits)).unwrap();
        }
    }
    store
}

fn number(text: &Json) -> f64 {
    text.as_str().unwrap().parse().unwrap()
}

fn same_point(ours: &Json, theirs: &Json) -> bool {
    let at = |point: &Json| point[0].as_f64().unwrap();
    let (left, right) = (number(&ours[1]), number(&theirs[1]));
    let same = match (left.is_finite(), right.is_finite()) {
        (true, true) => (left - right).abs() <= 1e-9 * left.abs().max(right.abs()),
        _ => left.total_cmp(&right).is_eq() || left.is_nan() && right.is_nan(),
    };
    (at(ours) - at(theirs)).abs() < 1e-6 && same
}

fn by_labels(result: &Json) -> BTreeMap<String, Vec<Json>> {
    let mut all = BTreeMap::new();
    for series in result.as_array().unwrap() {
        let labels: BTreeMap<_, _> = series["metric"].as_object().unwrap().iter().collect();
        let points = match series.get("values") {
            Some(values) => values.as_array().unwrap().clone(),
            None => vec![series["value"].clone()],
        };
        assert!(all.insert(format!("{labels:?}"), points).is_none());
    }
    all
}

fn same_result(ours: &Json, theirs: &Json) -> bool {
    if ours["resultType"] != theirs["resultType"] {
        return false;
    }
    let (left, right) = (&ours["result"], &theirs["result"]);
    match theirs["resultType"].as_str().unwrap() {
        "scalar" => same_point(left, right),
        "string" => left[1] == right[1],
        _ => {
            let (left, right) = (by_labels(left), by_labels(right));
            left.len() == right.len()
                && left.iter().all(|(labels, ours)| {
                    right
                        .get(labels)
                        .is_some_and(|theirs| ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same_point(a, b)))
                })
        }
    }
}

#[test]
fn evaluator_should_agree_with_a_real_prometheus() {
    let store = store();
    let (mut agree, mut refused, mut differ) = (0, Vec::new(), Vec::new());
    for line in lines("tests/promql/answers.jsonl.gz") {
        let case: Json = serde_json::from_str(&line).unwrap();
        let (text, theirs) = (case["q"].as_str().unwrap(), &case["answer"]);
        let at = |name: &str| case[name].as_i64().unwrap();
        let answer = if case["kind"] == "instant" {
            instant(&store, text, at("t"))
        } else {
            range(&store, text, at("start"), at("end"), at("step"))
        };
        if let Err(PromqlError::NotInRehearsal { what, .. }) = &answer {
            assert_eq!(theirs["status"], "error", "Prometheus answers {text}");
            refused.push(what.clone());
            continue;
        }
        let ours = wire::response(&answer);
        let same = ours["status"] == theirs["status"] && (answer.is_err() || same_result(&ours["data"], &theirs["data"]));
        if same {
            agree += 1;
        } else if !DELIBERATE.iter().any(|(query, _)| *query == text) {
            differ.push(format!("{text}\n  ours   {ours}\n  theirs {theirs}"));
        }
    }
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
    assert_eq!(refused.len(), NOT_IN_REHEARSAL, "not in rehearsal: {refused:?}");
    assert_eq!(agree, AGREE);
}
