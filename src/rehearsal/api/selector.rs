//! Label and field selectors, as query parameters and as objects hold them.

use std::cmp::Ordering;

use serde_json::Value;

use super::kinds::Kind;
use super::object::{Object, list, pairs, text};
use super::refusal::Refusal;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    /// A number greater or less than this one.
    Beyond(String, Ordering, i64),
}

/// Which objects a list or a watch is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

impl Selector {
    /// The selector of a request's `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// 400 when either cannot be read or names a field that cannot be selected by.
    pub fn parse(kind: Kind, labels: &str, fields: &str) -> Result<Self, Refusal> {
        if let Some(why) = empty_term(labels) {
            return Err(Refusal::bad_request(why));
        }
        let labels = parse_labels(labels).map_err(|why| Refusal::bad_request(format!("unable to parse requirement: {why}")))?;
        let mut parsed = Vec::new();
        for term in fields.split(',').filter(|t| !t.is_empty()) {
            let (field, wanted, value) = if let Some((field, value)) = term.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
                (field, true, value)
            } else {
                return Err(Refusal::bad_request(format!("invalid selector: '{term}'; can't understand '{term}'")));
            };
            if !selectable(kind, field) {
                return Err(Refusal::bad_request(unselectable(kind, field)));
            }
            parsed.push((field.to_owned(), wanted, value.to_owned()));
        }
        Ok(Self { labels, fields: parsed })
    }

    /// The selector of a workload: `matchLabels` and `matchExpressions`. An empty one selects nothing.
    #[must_use]
    pub fn of_workload(selector: &Value) -> Option<Self> {
        let mut labels: Vec<Requirement> = pairs(selector, "/matchLabels")
            .into_iter()
            .map(|(key, value)| Requirement::In(key.to_owned(), vec![value.to_owned()]))
            .collect();
        for expression in list(selector, "/matchExpressions") {
            labels.push(expression_of(expression)?);
        }
        (!labels.is_empty()).then_some(Self { labels, fields: Vec::new() })
    }

    /// The selector that a Service or a Chaos Mesh `labelSelectors` is: equality of all.
    #[must_use]
    pub fn of_labels(labels: &Value) -> Self {
        let labels = pairs(labels, "").into_iter().map(|(key, value)| Requirement::In(key.to_owned(), vec![value.to_owned()])).collect();
        Self { labels, fields: Vec::new() }
    }

    /// The selector of a list of `{key, operator, values}`.
    ///
    /// # Errors
    /// The operator that there is not.
    pub fn of_expressions(expressions: &[Value]) -> Result<Self, String> {
        let labels = expressions
            .iter()
            .map(|e| expression_of(e).ok_or_else(|| format!("{:?} is not a valid label selector operator", text(e, "/operator"))))
            .collect::<Result<_, _>>()?;
        Ok(Self { labels, fields: Vec::new() })
    }

    /// Whether it selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it selects this object.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        if self.is_everything() {
            return true;
        }
        let labels = object.labels();
        self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key.as_str()).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::NotIn(key, values) => labels.get(key.as_str()).is_none_or(|v| values.iter().all(|w| w != v)),
            Requirement::Exists(key) => labels.contains_key(key.as_str()),
            Requirement::Absent(key) => !labels.contains_key(key.as_str()),
            Requirement::Beyond(key, than, number) => {
                labels.get(key.as_str()).and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v.cmp(number) == *than)
            }
        }) && self.fields.iter().all(|(field, wanted, value)| (field_value(object, field) == *value) == *wanted)
    }
}

fn expression_of(expression: &Value) -> Option<Requirement> {
    let key = text(expression, "/key").to_owned();
    let values: Vec<String> = list(expression, "/values").iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    let beyond = |than| Some(Requirement::Beyond(key.clone(), than, values.first()?.parse().ok()?));
    match text(expression, "/operator") {
        "In" => Some(Requirement::In(key, values)),
        "NotIn" => Some(Requirement::NotIn(key, values)),
        "Exists" => Some(Requirement::Exists(key)),
        "DoesNotExist" => Some(Requirement::Absent(key)),
        "Gt" => beyond(Ordering::Greater),
        "Lt" => beyond(Ordering::Less),
        _ => None,
    }
}

fn selectable(kind: Kind, field: &str) -> bool {
    match field {
        "metadata.name" => true,
        "metadata.namespace" => kind.resource().namespaced,
        _ => match kind {
            Kind::Pod => matches!(
                field,
                "spec.nodeName" | "spec.restartPolicy" | "spec.schedulerName" | "spec.serviceAccountName" | "status.phase" | "status.podIP"
            ),
            Kind::Event => {
                matches!(field, "reason" | "type" | "source" | "reportingComponent")
                    || field.strip_prefix("involvedObject.").is_some_and(|f| {
                        matches!(f, "kind" | "namespace" | "name" | "uid" | "apiVersion" | "resourceVersion" | "fieldPath")
                    })
            }
            Kind::Node => field == "spec.unschedulable",
            Kind::Namespace => field == "status.phase",
            Kind::ReplicaSet | Kind::ReplicationController => field == "status.replicas",
            Kind::Job => field == "status.successful",
            Kind::Secret => field == "type",
            Kind::Service => matches!(field, "spec.clusterIP" | "spec.type"),
            _ => false,
        },
    }
}

/// Why a kind cannot be selected by this field: kinds with fields of their own say it otherwise than those without.
fn unselectable(kind: Kind, field: &str) -> String {
    match kind {
        Kind::Job => format!("field label {field:?} not supported for Job"),
        Kind::Pod
        | Kind::Event
        | Kind::Node
        | Kind::Namespace
        | Kind::ReplicaSet
        | Kind::ReplicationController
        | Kind::Secret
        | Kind::Service => format!("field label not supported: {field}"),
        kind if kind.is_custom() => format!("field label not supported: {field}"),
        _ => format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""),
    }
}

fn field_value(object: &Object, field: &str) -> String {
    let pointer = match field {
        "source" => "/source/component".to_owned(),
        "status.successful" => "/status/succeeded".to_owned(),
        _ => format!("/{}", field.replace('.', "/")),
    };
    match object.value().pointer(&pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(_) | Value::Number(_)) => object.value().pointer(&pointer).map(Value::to_string).unwrap_or_default(),
        _ if field == "spec.unschedulable" => "false".to_owned(),
        _ => String::new(),
    }
}

fn parse_labels(selector: &str) -> Result<Vec<Requirement>, String> {
    split_terms(selector).into_iter().filter(|term| !term.is_empty()).map(parse_label).collect()
}

/// Why a selector cannot be read in which a comma has nothing before or after it.
fn empty_term(selector: &str) -> Option<String> {
    let terms = split_terms(selector);
    let empty = terms.iter().position(|term| term.is_empty()).filter(|_| terms.len() > 1)?;
    let (found, expected) = match empty {
        0 => (",", "!, identifier, or 'end of string'"),
        last if last + 1 == terms.len() => ("", "identifier after ','"),
        _ => (",", "identifier after ','"),
    };
    Some(format!("found '{found}', expected: {expected}"))
}

/// Commas separate terms, but not inside the parentheses of a set.
fn split_terms(selector: &str) -> Vec<&str> {
    let (mut terms, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (index, c) in selector.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                terms.push(selector[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(selector[start..].trim());
    terms
}

fn parse_label(term: &str) -> Result<Requirement, String> {
    let one = |key: &str, value: &str| (key.trim().to_owned(), vec![value.trim().to_owned()]);
    if let Some((key, value)) = term.split_once("!=") {
        let (key, values) = one(key, value);
        return checked(key, values, Requirement::NotIn);
    }
    if !term.contains('(')
        && let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('='))
    {
        let (key, values) = one(key, value);
        return checked(key, values, Requirement::In);
    }
    for (sign, than) in [('>', Ordering::Greater), ('<', Ordering::Less)] {
        if let Some((key, value)) = term.split_once(sign) {
            let (key, values) = one(key, value);
            let number = values[0].parse().map_err(|_| {
                format!("values[0][{key}]: Invalid value: {:?}: for 'Gt', 'Lt' operators, the value must be an integer", values[0])
            })?;
            return checked(key, Vec::new(), |key, _| Requirement::Beyond(key, than, number));
        }
    }
    if let Some((head, set)) = term.split_once('(') {
        let values = set.trim_end().strip_suffix(')').ok_or_else(|| format!("found '', expected: ')' in {term:?}"))?;
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next()) {
            (Some(key), Some("in")) => checked(key.to_owned(), values, Requirement::In),
            (Some(key), Some("notin")) => checked(key.to_owned(), values, Requirement::NotIn),
            (_, operator) => Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", operator.unwrap_or_default())),
        };
    }
    if let [_, "in" | "notin", set, ..] = term.split_whitespace().collect::<Vec<_>>().as_slice() {
        return Err(format!("found '{set}' expected: '('"));
    }
    if let Some((_, after)) = term.split_once(char::is_whitespace)
        && !term.starts_with('!')
    {
        return Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", after.split_whitespace().next().unwrap_or_default()));
    }
    let (absent, key) = term.strip_prefix('!').map_or((false, term), |key| (true, key.trim()));
    checked(key.to_owned(), Vec::new(), |key, _| if absent { Requirement::Absent(key) } else { Requirement::Exists(key) })
}

fn checked(key: String, values: Vec<String>, make: impl Fn(String, Vec<String>) -> Requirement) -> Result<Requirement, String> {
    let sound = |text: &str, also: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c)) && text.len() <= 317;
    if key.is_empty() || !sound(&key, "-_./") {
        return Err(format!(
            "<nil>: Invalid value: {key:?}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        ));
    }
    if let Some(bad) = values.iter().find(|v| !sound(v, "-_.") || v.len() > 63) {
        return Err(format!(
            "values[0][{key}]: Invalid value: {bad:?}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        ));
    }
    Ok(make(key, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(selector: &str, labels: &Value) -> bool {
        let object = Object::new(json!({"metadata": {"labels": labels}}));
        Selector::parse(Kind::Pod, selector, "").is_ok_and(|s| s.matches(&object))
    }

    #[test]
    fn label_selector_should_read_every_form() {
        let labels = || json!({"app": "task-api", "tier": "web", "size": "7"});
        for yes in [
            "size>6",
            "size < 8",
            "app=task-api",
            "app==task-api,tier",
            "app in (x, task-api)",
            "app notin (x),!gone",
            "tier!=db",
            "other!=x",
            "",
        ] {
            assert!(matches(yes, &labels()), "{yes}");
        }
        for no in ["size>7", "app<9", "app=x", "!app", "app in (x,y)", "gone", "app notin (task-api)"] {
            assert!(!matches(no, &labels()), "{no}");
        }
        for bad in ["size>big", "app in x", "a b", "app=ü", "in (", "app near (x)"] {
            assert!(Selector::parse(Kind::Pod, bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn field_selector_should_know_what_a_kind_can_be_selected_by() {
        let object = Object::new(json!({"metadata": {"name": "x"}, "status": {"phase": "Running"}}));
        let matches = |fields: &str| Selector::parse(Kind::Pod, "", fields).map(|s| s.matches(&object));
        assert_eq!(matches("metadata.name=x,status.phase!=Failed"), Ok(true));
        assert_eq!(matches("spec.nodeName="), Ok(true));
        assert_eq!(matches("status.phase=Pending"), Ok(false));
        assert_eq!(matches("spec.color=red").map_err(|r| r.message), Err("field label not supported: spec.color".to_owned()));
    }
}
