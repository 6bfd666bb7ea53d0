//! What of an answer is good, as far as criteria can say it.

use serde_json::Value;

use super::super::text_of;

/// What is good.
#[derive(Clone, Debug, PartialEq)]
pub enum Tolerance {
    /// True, or false.
    Truth(bool),
    /// This number.
    Number(f64),
    /// From one to the other, both good.
    Range(f64, f64),
    /// One of these.
    OneOf(Vec<Value>),
    /// This text.
    Text(String),
    /// What criteria have no words for, in words.
    Unspoken(&'static str),
}

impl Tolerance {
    /// Reads the tolerance of a probe whose answer has a status, or has none. Without one it is true that is good.
    pub fn of(value: Option<&Value>, has_status: bool) -> Tolerance {
        let pair = |items: &[Value]| match items {
            [from, to] => from.as_f64().zip(to.as_f64()).filter(|(from, to)| from <= to),
            _ => None,
        };
        match value {
            None | Some(Value::Null) => Tolerance::Unspoken("it has no tolerance"),
            Some(Value::Bool(truth)) => Tolerance::Truth(*truth),
            Some(Value::String(text)) => Tolerance::Text(text.clone()),
            Some(Value::Number(number)) => number.as_f64().map_or(Tolerance::Unspoken("its tolerance is no number"), Tolerance::Number),
            Some(Value::Array(items)) => match pair(items).filter(|_| !has_status) {
                Some((from, to)) => Tolerance::Range(from, to),
                None => Tolerance::OneOf(items.clone()),
            },
            Some(Value::Object(map)) => match text_of(map.get("type")) {
                "range" => map
                    .get("range")
                    .and_then(Value::as_array)
                    .and_then(|items| pair(items))
                    .map_or(Tolerance::Unspoken("its range is no pair of numbers"), |(from, to)| Tolerance::Range(from, to)),
                "regex" => Tolerance::Unspoken("its tolerance is a pattern of text, which no criterion looks at"),
                "jsonpath" => Tolerance::Unspoken("its tolerance looks into the answer by a JSON path"),
                "probe" => Tolerance::Unspoken("its tolerance is a probe of its own"),
                _ => Tolerance::Unspoken("its tolerance is of no known type"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tolerance_should_be_read_as_the_source_means_it() {
        let of = |value: Value, status| Tolerance::of(Some(&value), status);
        assert_eq!(of(json!(true), false), Tolerance::Truth(true));
        assert_eq!(of(json!(200), true), Tolerance::Number(200.0));
        assert_eq!(of(json!([1, 3]), false), Tolerance::Range(1.0, 3.0));
        assert_eq!(of(json!([200, 204]), true), Tolerance::OneOf(vec![json!(200), json!(204)]));
        assert_eq!(of(json!({"type": "range", "range": [0, 0.5]}), false), Tolerance::Range(0.0, 0.5));
        assert!(matches!(of(json!({"type": "jsonpath", "path": "$.x"}), false), Tolerance::Unspoken(_)));
        assert!(matches!(Tolerance::of(None, false), Tolerance::Unspoken(_)));
    }
}
