//! What the room promises as a whole, beside the golden answers.

use proptest::prelude::*;

use super::{Labels, PromqlError, STALE, Store, Value, instant, range, wire};

/// `up{pod=a|b}` every 15 s for ten minutes, `b` ending with a stale marker at 300 s, and a
/// counter `hits_total{pod}` that restarts.
fn store() -> Store {
    let mut store = Store::new();
    for pod in ["a", "b"] {
        let up = Labels::new([("__name__", "up"), ("pod", pod)]);
        let hits = Labels::new([("__name__", "hits_total"), ("pod", pod)]);
        for tick in 0..40_i32 {
            let at = i64::from(tick) * 15_000;
            store.insert(&hits, at, f64::from(tick % 25)).unwrap();
            if pod == "a" || tick < 20 {
                store.insert(&up, at, 1.0).unwrap();
            } else if tick == 20 {
                store.insert(&up, at, STALE).unwrap();
            }
        }
    }
    store
}

fn ask(text: &str, at_ms: i64) -> String {
    wire::response(&instant(&store(), text, at_ms))["data"]["result"].to_string()
}

#[test]
fn series_should_end_at_their_stale_marker_and_not_before() {
    let answer = ask("count(up)", 299_999);
    assert_eq!(answer, r#"[{"metric":{},"value":[299.999,"2"]}]"#);
    let answer = ask("up", 300_000);
    let only_a = r#"[{"metric":{"__name__":"up","pod":"a"},"value":[300,"1"]}]"#;
    assert_eq!(answer, only_a);
}

#[test]
fn look_back_should_be_five_minutes_and_open_on_the_left() {
    let newest = 39 * 15_000;
    assert_ne!(ask("up", newest + 299_999), "[]");
    assert_eq!(ask("up", newest + 300_000), "[]");
}

#[test]
fn windows_should_be_open_on_the_left() {
    let counted = ask(r#"count_over_time(up{pod="a"}[1m])"#, 60_000);
    assert_eq!(counted, r#"[{"metric":{"pod":"a"},"value":[60,"4"]}]"#);
}

#[test]
fn nothing_should_become_zero_with_or_vector() {
    assert_eq!(ask("sum(nosuch) or vector(0)", 60_000), r#"[{"metric":{},"value":[60,"0"]}]"#);
}

#[test]
fn topk_should_answer_in_order_and_break_ties_by_first_seen() {
    let answer = ask("topk(1, up)", 60_000);
    assert_eq!(answer, r#"[{"metric":{"__name__":"up","pod":"a"},"value":[60,"1"]}]"#);
}

#[test]
fn range_should_answer_what_instants_answer() {
    let store = store();
    for text in [
        "up",
        "sum by (pod) (rate(hits_total[1m]))",
        "hits_total > 10 or up",
        "topk(1, hits_total)",
        "max_over_time(sum(hits_total)[2m:30s])",
        "absent(up{pod=\"b\"})",
        "up offset 1m * on (pod) group_left hits_total @ 90",
        "label_replace(up, \"x\", \"$1\", \"pod\", \"(.*)\")",
        "quantile_over_time(0.5, hits_total[1m]) - time()",
    ] {
        let Value::Matrix(tracks) = range(&store, text, 0, 600_000, 20_000).unwrap() else {
            panic!("no matrix: {text}");
        };
        for at in (0..=600_000).step_by(20_000) {
            let Value::Vector(samples) = instant(&store, text, at).unwrap() else {
                panic!("no vector: {text}");
            };
            let columns = tracks.iter().filter_map(|track| {
                let point = track.points.iter().find(|point| point.0 == at)?;
                Some((track.labels.to_string(), point.1.to_bits()))
            });
            let mut alone: Vec<_> = samples.iter().map(|sample| (sample.labels.to_string(), sample.point.1.to_bits())).collect();
            alone.sort();
            assert_eq!(columns.collect::<Vec<_>>(), alone, "{text} at {at}");
        }
    }
}

fn refusal(text: &str) -> PromqlError {
    instant(&store(), text, 60_000).unwrap_err()
}

#[test]
fn join_should_say_why_it_cannot_pair() {
    let many = refusal("up * on () group_left up");
    assert!(many.to_string().starts_with("found duplicate series for the match group {} on the right hand-side"));
    assert_eq!(refusal("up * on () sum(up)"), PromqlError::ManyToOne);
    assert_eq!(refusal("{pod=~\".+\"} * on (pod) group_left count by (pod) (up)"), PromqlError::AmbiguousGroup);
    assert_eq!(many.kind(), "execution");
}

#[test]
fn answers_should_never_carry_a_label_set_twice() {
    assert_eq!(refusal("-{pod=~\".+\"}"), PromqlError::DuplicateLabels);
    assert_eq!(refusal("{pod=~\".+\"} + 1"), PromqlError::DuplicateLabels);
    assert_eq!(refusal("label_replace(up, \"pod\", \"x\", \"\", \"\")"), PromqlError::DuplicateLabels);
}

#[test]
fn grouping_should_take_labels_from_the_one_side_and_keep_the_many() {
    let answer = ask("up * on (pod) group_left (x) label_replace(up, \"x\", \"1\", \"pod\", \"a\")", 60_000);
    assert_eq!(answer, r#"[{"metric":{"pod":"a","x":"1"},"value":[60,"1"]},{"metric":{"pod":"b"},"value":[60,"1"]}]"#);
}

#[test]
fn patterns_should_be_anchored_and_their_dot_match_a_line_end() {
    let mut store = Store::new();
    store.insert(&Labels::new([("__name__", "x"), ("a", "1\n2")]), 0, 1.0).unwrap();
    for (text, found) in [("x{a=~`1.2`}", 1), ("x{a=~`1.`}", 0), ("x{a!~`.*`}", 0), ("x{b=\"\"}", 1), ("{a!=\"\"}", 1)] {
        let Value::Vector(samples) = instant(&store, text, 0).unwrap() else {
            panic!("no vector: {text}");
        };
        assert_eq!(samples.len(), found, "{text}");
    }
}

#[test]
fn deepest_nesting_allowed_should_be_answered() {
    for (open, close) in [("(", ")"), ("sum(", ")"), ("-", ""), ("up + ", ""), ("2 ^ ", ""), ("abs(", ")")] {
        let text = format!("{}up{}", open.repeat(63), close.repeat(63));
        assert!(instant(&store(), &text, 60_000).is_ok(), "{open}");
        for deeper in [64, 200, 201, 3_000] {
            let text = format!("{}up{}", open.repeat(deeper), close.repeat(deeper));
            assert!(matches!(refusal(&text), PromqlError::TooComplex { .. }), "{open} {deeper}");
        }
    }
}

#[test]
fn range_should_refuse_more_points_than_prometheus() {
    let refused = range(&store(), "up", 0, 11_001_000, 1_000).unwrap_err();
    assert_eq!(refused, PromqlError::TooManyPoints);
    assert_eq!(
        refused.to_string(),
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    );
}

#[test]
fn query_should_be_refused_before_it_swells() {
    for text in [
        "sum_over_time(vector(1)[10000y:1ms])",
        "count_over_time(up[1y:1ms])",
        "max_over_time(max_over_time(vector(1)[1h:1s])[1y:10s])",
        "max_over_time(count_over_time(vector(1)[5d:1s])[10d:1m])",
    ] {
        let refused = instant(&store(), text, 1_750_000_000_000).unwrap_err();
        assert_eq!(refused, PromqlError::TooManySamples, "{text}");
    }
}

#[test]
fn trimmed_samples_should_not_be_answered() {
    let mut store = store();
    store.trim(570_000);
    let answer = instant(&store, "count_over_time(hits_total[10m])", 585_000);
    let Value::Vector(samples) = answer.unwrap() else {
        panic!("no vector");
    };
    assert!(samples.iter().all(|s| (s.point.1 - 2.0).abs() < f64::EPSILON));
    assert_eq!(store.series_count(), 3);
}

#[test]
fn moments_at_the_end_of_time_should_be_answered() {
    let store = store();
    for at in [i64::MIN, i64::MIN + 1, -1, i64::MAX - 1, i64::MAX] {
        for text in [
            "up",
            "up offset 1y",
            "rate(hits_total[1y])",
            "max_over_time(up[5m:1m] offset -1y)",
            "up @ -9223372036854775",
            "hour() + minute(vector(1e300))",
            "predict_linear(hits_total[10m] @ 500, 1)",
        ] {
            let _ = wire::response(&instant(&store, text, at)).to_string();
            let _ = range(&store, text, at, at, 1);
        }
    }
}

/// Pieces that make queries which often parse.
const PIECES: [&str; 64] = [
    "up",
    "hits_total",
    "{pod=\"a\"}",
    "{pod=~\"a|b\"}",
    "{pod!~`\\d`}",
    "[5m]",
    "[1m:15s]",
    "[10m:]",
    "[1e9]",
    "(",
    ")",
    "(",
    ")",
    ",",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " ^ ",
    " == ",
    " > bool ",
    " != ",
    " and ",
    " or ",
    " unless ",
    " on (pod) ",
    " ignoring (pod) ",
    " group_left (pod) ",
    " group_right ",
    "sum",
    "avg by (pod) ",
    "topk",
    "quantile",
    "count_values",
    "stddev without (pod) ",
    "rate",
    "increase",
    "irate",
    "deriv",
    "predict_linear",
    "quantile_over_time",
    "histogram_quantile",
    "label_replace",
    "label_join",
    "vector",
    "scalar",
    "absent",
    "absent_over_time",
    "timestamp",
    "clamp",
    "round",
    "day_of_week",
    "sort_desc",
    "\"pod\"",
    "\"$1\"",
    "1",
    "0",
    "-1e308",
    "NaN",
    " offset 1m",
    " offset -7s",
    " @ end()",
    " @ 300 ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_should_be_answered_without_a_panic(text in "\\PC{0,40}") {
        let store = store();
        let _ = wire::response(&instant(&store, &text, 300_000));
        let _ = range(&store, &text, 0, 300_000, 60_000);
    }

    #[test]
    fn any_pieces_should_be_answered_without_a_panic(
        picks in prop::collection::vec(0..PIECES.len(), 0..14),
    ) {
        let store = store();
        let text: String = picks.iter().map(|pick| PIECES[*pick]).collect();
        let _ = wire::response(&instant(&store, &text, 300_000));
        let _ = range(&store, &text, 0, 300_000, 60_000);
    }

    #[test]
    fn any_symbols_should_be_answered_without_a_panic(
        text in "[a-z0-9eE_.:@#(){}\\[\\]+*/%^<>=!~,\"'`\\\\ é\u{1F980}\n-]{0,30}",
    ) {
        let _ = wire::response(&instant(&store(), &text, 300_000));
    }
}
