//! Kinds that are served in a second version, too: read and written in it, stored in their own.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};

use super::ApiServer;
use super::ask::{Answer, Ask, Payload};
use super::kinds::{Kind, RESOURCES, Resource, group_version};
use super::object::{at, list, map_mut, number, text};
use super::refusal::Refusal;
use super::requests;

/// A second version of a kind.
#[derive(Debug)]
pub struct Guise {
    /// The kind.
    pub kind: Kind,
    /// The group of this version.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// Fields by another name: here, and in the stored version.
    renamed: &'static [(&'static str, &'static str)],
    into_stored: fn(&mut Value),
    from_stored: fn(&mut Value),
}

/// All of them.
pub static GUISES: [Guise; 2] = [
    Guise {
        kind: Kind::HorizontalPodAutoscaler,
        group: "autoscaling",
        version: "v1",
        renamed: &[],
        into_stored: with_metrics,
        from_stored: with_utilization,
    },
    Guise {
        kind: Kind::Event,
        group: "events.k8s.io",
        version: "v1",
        renamed: &[
            ("note", "message"),
            ("regarding", "involvedObject"),
            ("reportingController", "reportingComponent"),
            ("deprecatedSource", "source"),
            ("deprecatedFirstTimestamp", "firstTimestamp"),
            ("deprecatedLastTimestamp", "lastTimestamp"),
            ("deprecatedCount", "count"),
        ],
        into_stored: |_| {},
        from_stored: |_| {},
    },
];

/// The resources of this group and version, those of second versions among them.
pub fn resources(group: &str, version: &str) -> impl Iterator<Item = Resource> {
    let of = move |resource: &Resource| resource.group == group && resource.version == version;
    let seconds = GUISES.iter().map(|guise| Resource { group: guise.group, version: guise.version, ..*guise.kind.resource() });
    RESOURCES.iter().copied().chain(seconds).filter(of)
}

impl Guise {
    /// The guise that this path asks for, and the path of the stored version.
    #[must_use]
    pub fn of(path: &str) -> Option<(&'static Self, String)> {
        GUISES.iter().find_map(|guise| {
            let rest = path.strip_prefix("/apis/")?.strip_prefix(guise.group)?.strip_prefix('/')?.strip_prefix(guise.version)?;
            let plural = guise.kind.resource().plural;
            let parts: Vec<&str> = rest.strip_prefix('/')?.split('/').collect();
            let named = matches!(parts.as_slice(), ["namespaces", _, found, ..] | [found, ..] if *found == plural);
            let stored = guise.kind.resource();
            let root = if stored.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", guise.kind.api_version()) };
            named.then(|| (guise, format!("{root}{rest}")))
        })
    }

    fn api_version(&self) -> String {
        group_version(self.group, self.version)
    }

    /// One term of a field selector, with its field as the stored version names it.
    fn stored_term(&self, term: &str) -> String {
        let end = term.find(['.', '=', '!']).unwrap_or(term.len());
        let (first, rest) = term.split_at(end);
        let stored = self.renamed.iter().find(|(here, _)| *here == first).map_or(first, |(_, stored)| stored);
        format!("{stored}{rest}")
    }

    /// Answer a request in this version by one in the stored version.
    ///
    /// # Errors
    /// As the stored version refuses it.
    pub fn answer(&'static self, server: &ApiServer, ask: &Ask<'_>, path: &str) -> Result<Answer, Refusal> {
        let mut headers: HeaderMap = ask.headers.clone();
        let content = ask.header(header::CONTENT_TYPE);
        let mut body = ask.body.to_vec();
        // A JSON patch names fields by paths, which only the renamed ones have otherwise.
        if !body.is_empty() && !content.starts_with("application/json-patch") {
            let mut value = ask.json()?;
            self.store(&mut value);
            body = value.to_string().into_bytes();
            if !content.ends_with("+json") && !content.ends_with("+yaml") {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
        }
        let fields: Vec<String> = ask.query.get("fieldSelector").split(',').map(|term| self.stored_term(term)).collect();
        let fields = fields.join(",");
        let query = ask.query.with("fieldSelector", &fields);
        let asked = Ask { path, query, headers: &headers, body: &body, guise: Some(self), ..*ask };
        let mut answer = requests::answer(server, &asked).map_err(|refusal| self.refusal(refusal))?;
        if let Payload::Whole(bytes) = &mut answer.payload
            && let Ok(mut value) = serde_json::from_slice::<Value>(bytes)
        {
            self.show(&mut value);
            *bytes = value.to_string().into_bytes();
        }
        Ok(answer)
    }

    /// A refusal of the stored version in the words of this one.
    fn refusal(&self, mut refusal: Refusal) -> Refusal {
        let stored = self.kind.resource();
        let here = Resource { group: self.group, version: self.version, ..*stored };
        for (theirs, ours) in [
            (format!("{} in version {:?}", stored.name, stored.version), format!("{} in version {:?}", here.name, here.version)),
            (format!("{} \"", stored.qualified()), format!("{} \"", here.qualified())),
        ] {
            if refusal.message.starts_with(&theirs) {
                refusal.message = refusal.message.replacen(&theirs, &ours, 1);
            }
        }
        if let Some(details) = refusal.details.as_mut().filter(|details| details["kind"] == stored.plural) {
            details["group"] = json!(self.group);
        }
        refusal
    }

    /// Turn an object, or part of one, into the stored version.
    fn store(&self, value: &mut Value) {
        let Some(map) = value.as_object_mut() else { return };
        if map.contains_key("apiVersion") {
            map.insert("apiVersion".to_owned(), json!(self.kind.api_version()));
        }
        rename(map, self.renamed.iter().map(|(here, stored)| (*here, *stored)));
        (self.into_stored)(value);
    }

    /// Turn an answer of the stored version into this one: an object, a list or a table.
    fn show(&self, value: &mut Value) {
        let stored = self.kind.resource();
        match text(value, "/kind").to_owned() {
            kind if kind == stored.name => {
                value["apiVersion"] = json!(self.api_version());
                self.show_item(value);
            }
            kind if kind == format!("{}List", stored.name) => {
                value["apiVersion"] = json!(self.api_version());
                value.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten().for_each(|item| self.show_item(item));
            }
            kind if kind == "Table" => {
                let rows = value.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten();
                rows.filter_map(|row| row.get_mut("object")).for_each(|object| self.show(object));
            }
            _ => {}
        }
    }

    fn show_item(&self, value: &mut Value) {
        (self.from_stored)(value);
        if let Some(map) = value.as_object_mut() {
            rename(map, self.renamed.iter().map(|(here, stored)| (*stored, *here)));
        }
    }

    /// Lines of a watch in this version.
    #[must_use]
    pub fn lines(&self, lines: &str) -> String {
        let mut out = String::new();
        for line in lines.lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(mut event) => {
                    self.show(&mut event["object"]);
                    out += &event.to_string();
                }
                Err(_) => out += line,
            }
            out.push('\n');
        }
        out
    }
}

fn rename<'a>(map: &mut Map<String, Value>, names: impl Iterator<Item = (&'a str, &'a str)>) {
    for (from, to) in names {
        if let Some(value) = map.shift_remove(from) {
            map.insert(to.to_owned(), value);
        }
    }
}

/// The one metric that the first version of autoscaling knows, as the second has it.
fn with_metrics(value: &mut Value) {
    let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(target) = spec.shift_remove("targetCPUUtilizationPercentage").filter(Value::is_number) {
        let target = json!({"type": "Utilization", "averageUtilization": target});
        spec.insert("metrics".to_owned(), json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
    }
}

/// The same, back. What the first version has no place for, it does not show.
fn with_utilization(value: &mut Value) {
    let of_cpu = |value: &Value, pointer: &str, within: &str| {
        let metrics = list(value, pointer).iter();
        metrics.filter(|metric| text(metric, "/resource/name") == "cpu").find_map(|metric| number(metric, within))
    };
    let target = of_cpu(value, "/spec/metrics", "/resource/target/averageUtilization");
    let current = of_cpu(value, "/status/currentMetrics", "/resource/current/averageUtilization");
    for (part, told, field, lost) in [
        ("spec", target, "targetCPUUtilizationPercentage", ["metrics", "behavior"]),
        ("status", current, "currentCPUUtilizationPercentage", ["currentMetrics", "conditions"]),
    ] {
        if at(value, &format!("/{part}")).is_some_and(Value::is_object) {
            let map = map_mut(value, part);
            for name in lost {
                map.shift_remove(name);
            }
            if let Some(told) = told {
                map.insert(field.to_owned(), json!(told));
            }
        }
    }
}
