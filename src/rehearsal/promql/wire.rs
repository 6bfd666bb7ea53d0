//! Answers as the Prometheus HTTP API writes them.
//!
//! Called by the practice cluster's Prometheus endpoint, for `/api/v1/query` and
//! `/api/v1/query_range`. Renders only; it never evaluates.

use serde_json::{Map, Number, Value as Json, json};

use super::error::PromqlError;
use super::float;
use super::labels::Labels;
use super::value::{Point, Value};

/// The body of an answer: `{"status":"success","data":{"resultType":…,"result":…}}` for a
/// value, `{"status":"error","errorType":…,"error":…}` for an error.
#[must_use]
pub fn response(answer: &Result<Value, PromqlError>) -> Json {
    match answer {
        Ok(value) => json!({"status": "success", "data": data(value)}),
        Err(error) => json!({
            "status": "error",
            "errorType": error.kind(),
            "error": error.to_string(),
        }),
    }
}

/// The HTTP status code that goes with [`response`]: 200, 400 for `bad_data`, 422 for
/// `execution`.
#[must_use]
pub fn status(answer: &Result<Value, PromqlError>) -> u16 {
    match answer {
        Ok(_) => 200,
        Err(error) if error.kind() == "bad_data" => 400,
        Err(_) => 422,
    }
}

fn data(value: &Value) -> Json {
    let (kind, result) = match value {
        // a scalar is written without exponents, unlike samples: so does Prometheus
        Value::Scalar((at, number)) => ("scalar", json!([seconds(*at), float::plain(*number)])),
        Value::Text(at, text) => ("string", json!([seconds(*at), text])),
        Value::Vector(samples) => {
            let sample = samples.iter().map(|sample| json!({"metric": metric(&sample.labels), "value": point(sample.point)}));
            ("vector", Json::Array(sample.collect()))
        }
        Value::Matrix(tracks) => {
            let tracks = tracks.iter().map(|track| {
                let points: Vec<Json> = track.points.iter().map(|p| point(*p)).collect();
                json!({"metric": metric(&track.labels), "values": points})
            });
            ("matrix", Json::Array(tracks.collect()))
        }
    };
    json!({"resultType": kind, "result": result})
}

/// Labels as an object.
#[must_use]
pub fn metric(labels: &Labels) -> Json {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), Json::from(value)));
    Json::Object(pairs.collect::<Map<_, _>>())
}

fn point((at, value): Point) -> Json {
    json!([seconds(at), float::wire(value)])
}

/// Unix seconds: whole where they are, else with their milliseconds.
fn seconds(at_ms: i64) -> Json {
    if at_ms % 1_000 == 0 {
        return Json::from(at_ms / 1_000);
    }
    Number::from_f64(float::seconds(at_ms)).map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::super::value::{Sample, Track};
    use super::{Labels, PromqlError, Value, response, status};

    #[test]
    fn vector_should_be_written_as_prometheus_writes_it() {
        let answer = Ok(Value::Vector(vec![Sample {
            labels: Labels::new([("__name__", "up"), ("job", "shop")]),
            point: (1_750_001_500_500, 1e21),
        }]));
        assert_eq!(
            response(&answer).to_string(),
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"shop"},"value":[1750001500.5,"1e+21"]}]}}"#
        );
    }

    #[test]
    fn matrix_should_carry_values_and_a_scalar_none() {
        let answer = Ok(Value::Matrix(vec![Track { labels: Labels::empty(), points: vec![(0, f64::NAN), (5_000, f64::INFINITY)] }]));
        assert_eq!(
            response(&answer)["data"].to_string(),
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"NaN"],[5,"+Inf"]]}]}"#
        );
        let scalar = Ok(Value::Scalar((1, 1e21)));
        assert_eq!(response(&scalar)["data"]["result"].to_string(), r#"[0.001,"1000000000000000000000"]"#);
    }

    #[test]
    fn errors_should_say_whose_fault_they_are() {
        let answer = Err(PromqlError::DuplicateLabels);
        let body = response(&answer);
        assert_eq!(body["errorType"], "execution");
        assert_eq!(body["status"], "error");
        assert_eq!(status(&answer), 422);
        assert_eq!(status(&Err(PromqlError::StepNotPositive)), 400);
    }
}
