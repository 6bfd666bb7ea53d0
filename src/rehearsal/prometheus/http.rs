//! Prometheus' HTTP API over the samples and the rules.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Samples;
use super::rules::duration;
use super::told;
use crate::rehearsal::api::proxy::{BackendAnswer, BackendRequest};
use crate::rehearsal::promql::{self, PromqlError, wire};

/// The form of a request: query parameters, and those of a form in the body.
struct Form(Vec<(String, String)>);

/// Why a request is refused: status, type and text of the error.
struct Refused(u16, &'static str, String);

impl Refused {
    fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self(400, "bad_data", format!("invalid parameter {name:?}: {why}"))
    }
}

impl From<PromqlError> for Refused {
    fn from(error: PromqlError) -> Self {
        let kind = error.kind();
        Self(if kind == "bad_data" { 400 } else { 422 }, kind, error.to_string())
    }
}

/// The answer to one request.
pub(super) fn answer(samples: &mut Samples, request: &BackendRequest) -> BackendAnswer {
    let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
    let mut form = decode(query);
    if request.content_type.starts_with("application/x-www-form-urlencoded") {
        form.extend(decode(&String::from_utf8_lossy(&request.body)));
    }
    let now = request.at.timestamp_millis();
    let get = matches!(request.method.as_str(), "GET" | "HEAD");
    match path {
        "/-/ready" if get => return text(200, "Prometheus Server is Ready.\n"),
        "/-/healthy" if get => return text(200, "Prometheus Server is Healthy.\n"),
        _ => {}
    }
    let Some(path) = path.strip_prefix("/api/v1/") else { return text(404, "404 page not found\n") };
    let form = Form(form);
    let posted = matches!(path, "query" | "query_range" | "series" | "labels");
    let allowed = get || posted && request.method == "POST";
    if !allowed {
        return text(405, "Method Not Allowed\n");
    }
    let told = match path {
        "query" => instant(samples, &form, now),
        "query_range" => range(samples, &form),
        "series" => series(samples, &form),
        "labels" => labels(samples, &form),
        "targets" => Ok(told::targets(samples, now, form.get("state").unwrap_or("any"))),
        "metadata" => Ok(told::metadata(samples, form.get("metric").unwrap_or(""), form.get("limit").and_then(|n| n.parse().ok()))),
        "alerts" => Ok(told::alerts(samples)),
        "rules" => Ok(told::rules(samples, form.get("type").unwrap_or(""))),
        "status/buildinfo" => Ok(told::build()),
        "status/runtimeinfo" => Ok(told::runtime(samples, now)),
        _ => match path.strip_prefix("label/").and_then(|rest| rest.strip_suffix("/values")) {
            Some(name) => values(samples, &form, &plain(name)),
            None => return text(404, "404 page not found\n"),
        },
    };
    match told {
        Ok(data) => json_answer(200, &json!({"status": "success", "data": data})),
        Err(Refused(status, kind, error)) => json_answer(status, &json!({"status": "error", "errorType": kind, "error": error})),
    }
}

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A moment in Unix milliseconds; `other` when none is given.
    fn moment(&self, name: &str, other: Option<i64>) -> Result<i64, Refused> {
        let given = self.get(name).unwrap_or("");
        match (given, other) {
            ("", Some(other)) => Ok(other),
            _ => moment(given).ok_or_else(|| Refused::parameter(name, format!("cannot parse {given:?} to a valid timestamp"))),
        }
    }

    /// How many results are wanted at most.
    fn limit(&self) -> Result<usize, Refused> {
        let given = self.get("limit").unwrap_or("0");
        match given.parse() {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) => Ok(limit),
            Err(_) => Err(Refused::parameter("limit", format!("cannot parse {given:?} to a number"))),
        }
    }

    /// The time that a question for series is about.
    fn span(&self) -> Result<(i64, i64), Refused> {
        let (start, end) = (self.moment("start", Some(i64::MIN))?, self.moment("end", Some(i64::MAX))?);
        if end < start { Err(Refused::parameter("end", "end timestamp must not be before start time")) } else { Ok((start, end)) }
    }
}

fn instant(samples: &mut Samples, form: &Form, now: i64) -> Result<Value, Refused> {
    let limit = form.limit()?;
    let at = form.moment("time", Some(now))?;
    patience(form)?;
    let mut value = samples.query(form.get("query").unwrap_or_default())?.instant(&samples.store, at)?;
    match &mut value {
        promql::Value::Vector(found) => found.truncate(limit),
        promql::Value::Matrix(found) => found.truncate(limit),
        promql::Value::Scalar(_) | promql::Value::Text(..) => {}
    }
    Ok(wire::response(&Ok(value))["data"].take())
}

fn range(samples: &mut Samples, form: &Form) -> Result<Value, Refused> {
    let limit = form.limit()?;
    let (start, end) = (form.moment("start", None)?, form.moment("end", None)?);
    if end < start {
        return Err(PromqlError::EndBeforeStart.into());
    }
    let given = form.get("step").unwrap_or("");
    let step = span(given).ok_or_else(|| Refused::parameter("step", format!("cannot parse {given:?} to a valid duration")))?;
    if step <= 0 {
        return Err(PromqlError::StepNotPositive.into());
    }
    patience(form)?;
    // too many points are said before what is wrong with the query, as Prometheus does
    if end.saturating_sub(start) / step > promql::MAX_POINTS {
        return Err(PromqlError::TooManyPoints.into());
    }
    let mut value = samples.query(form.get("query").unwrap_or_default())?.range(&samples.store, start, end, step)?;
    if let promql::Value::Matrix(found) = &mut value {
        found.truncate(limit);
    }
    Ok(wire::response(&Ok(value))["data"].take())
}

/// What is given as a timeout has to be one; nothing here takes long enough to need it.
fn patience(form: &Form) -> Result<(), Refused> {
    match form.get("timeout") {
        Some(given) if span(given).is_none() => Err(Refused::parameter("timeout", format!("cannot parse {given:?} to a valid duration"))),
        Some(_) | None => Ok(()),
    }
}

fn series(samples: &Samples, form: &Form) -> Result<Value, Refused> {
    let selectors = form.all("match[]");
    if selectors.is_empty() {
        return Err(Refused(400, "bad_data", "no match[] parameter provided".to_owned()));
    }
    let (start, end) = form.span()?;
    let found = matching(samples, &selectors, start, end)?;
    Ok(found.iter().take(form.limit()?).map(wire::metric).collect())
}

fn labels(samples: &Samples, form: &Form) -> Result<Value, Refused> {
    let (start, end) = form.span()?;
    let found = matching(samples, &form.all("match[]"), start, end)?;
    let names: BTreeSet<&str> = found.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
    Ok(names.into_iter().take(form.limit()?).collect())
}

fn values(samples: &Samples, form: &Form, name: &str) -> Result<Value, Refused> {
    if name.is_empty() {
        return Err(Refused(400, "bad_data", format!("invalid label name: {name:?}")));
    }
    let (start, end) = form.span()?;
    let found = matching(samples, &form.all("match[]"), start, end)?;
    let values: BTreeSet<&str> = found.iter().map(|labels| labels.get(name)).filter(|value| !value.is_empty()).collect();
    Ok(values.into_iter().take(form.limit()?).collect())
}

fn matching(samples: &Samples, selectors: &[&str], start: i64, end: i64) -> Result<Vec<promql::Labels>, Refused> {
    promql::series(&samples.store, selectors, start, end).map_err(|error| {
        let told = error.to_string().replacen("invalid parameter \"query\"", "invalid parameter \"match[]\"", 1);
        Refused(400, "bad_data", told)
    })
}

/// A Unix time in seconds, or RFC 3339, in milliseconds.
fn moment(text: &str) -> Option<i64> {
    let parsed = || chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis());
    seconds(text).or_else(parsed)
}

/// A length in seconds, or as Prometheus writes it, in milliseconds.
fn span(text: &str) -> Option<i64> {
    seconds(text).or_else(|| i64::try_from(duration(text)?.as_millis()).ok())
}

fn seconds(text: &str) -> Option<i64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e12)?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let millis = (seconds * 1000.0).round() as i64;
    Some(millis)
}

fn plain(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn decode(form: &str) -> Vec<(String, String)> {
    form.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (plain(key), plain(value))).collect()
}

fn json_answer(status: u16, answer: &Value) -> BackendAnswer {
    BackendAnswer { status, content_type: "application/json".to_owned(), body: answer.to_string().into_bytes() }
}

fn text(status: u16, body: &str) -> BackendAnswer {
    BackendAnswer { status, content_type: "text/plain; charset=utf-8".to_owned(), body: body.as_bytes().to_vec() }
}
