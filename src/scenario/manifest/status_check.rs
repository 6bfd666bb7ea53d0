//! `StatusCheck`: checked, and no fault.

use super::super::mistake::Mistakes;
use super::super::tree::{Node, Plain, Scalar};
use super::forms::Form;
use super::schema::{Object, Shape, around, may, needs, text as of};
use super::{Spec, text, walk};

static STATUS_CHECK: Object = Object { fields: &around(&SPEC), open: false };

static SPEC: Object = Object {
    fields: &[
        may("type", Shape::Word(&["HTTP"])),
        may("mode", Shape::Word(&["Synchronous", "Continuous"])),
        may("duration", of(Form::Duration)),
        may("timeoutSeconds", AT_LEAST_ONE),
        may("intervalSeconds", AT_LEAST_ONE),
        may("failureThreshold", AT_LEAST_ONE),
        may("successThreshold", AT_LEAST_ONE),
        may("recordsHistoryLimit", Shape::Whole { least: 1, most: 1000 }),
        may("http", Shape::Object(&HTTP)),
    ],
    open: false,
};

const AT_LEAST_ONE: Shape = Shape::Whole { least: 1, most: i64::MAX };

static HTTP: Object = Object {
    fields: &[
        needs("url", of(Form::Any)),
        may("method", Shape::Word(&["GET", "POST"])),
        may("headers", Shape::Map(Form::Any, &Shape::List(&of(Form::Any)))),
        may("body", of(Form::Any)),
        needs("criteria", Shape::Object(&CRITERIA)),
    ],
    open: false,
};

static CRITERIA: Object = Object { fields: &[needs("statusCode", of(Form::Any))], open: false };

/// Checks one, and says that it breaks nothing.
pub fn check(node: &Node, at: &Node, mistakes: &mut Mistakes) {
    walk::object(node, &STATUS_CHECK, "", mistakes);
    let spec = Spec::of(node);
    let http = spec.and_then(|spec| spec.inner("http"));
    if let Some(spec) = spec.filter(|spec| spec.get("http").is_none()) {
        mistakes
            .error(spec.span, "", "spec.http is missing: Chaos Mesh refuses it")
            .hint("http: {url: …, criteria: {statusCode: \"200\"}}");
    }
    let code = http.and_then(|http| http.inner("criteria")).and_then(|criteria| criteria.get("statusCode"));
    if let Some(code) = code.filter(|code| matches!(code.scalar().map(Scalar::resolve), Some(Plain::Text))) {
        status_code(code, mistakes);
    }
    if let Some(url) = http.and_then(|http| http.get("url")).filter(|url| !text(url).contains("://") && !text(url).starts_with('/')) {
        mistakes.error(url.span, text(url), "spec.http.url is no URL").allow("an absolute one: http://task-api.staging.svc/healthz");
    }
    let url = http.map_or("", |http| http.text("url"));
    let hint = format!("write a criterion instead: http: {{url: {}, expect: 200}}", crate::text::Untrusted::from(url).short(60));
    mistakes.error(at.span, "StatusCheck", "a StatusCheck looks and breaks nothing, so it is no fault").hint(hint);
}

fn status_code(code: &Node, mistakes: &mut Mistakes) {
    const ALLOWED: &str = "a code or a range of them in quotes: \"200\", \"200-299\"";
    let number = |text: &str| text.parse::<u32>().ok().filter(|code| (1..=999).contains(code));
    let (from, to) = text(code).split_once('-').map_or((text(code), text(code)), |range| range);
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from > to => {
            mistakes.warn(code.span, text(code), "spec.http.criteria.statusCode: no code lies in this range").allow(ALLOWED);
        }
        (Some(_), Some(_)) => {}
        _ => {
            mistakes.error(code.span, text(code), "spec.http.criteria.statusCode is no code").allow(ALLOWED);
        }
    }
}
