//! Getting and listing.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::State;
use super::kinds::Kind;
use super::object::Object;
use super::refusal::Refusal;
use super::route::{Place, Query};
use super::selector::Selector;
use super::store::Key;
use super::table::{self, Include};

/// In what form objects are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As they are.
    Whole,
    /// Their metadata alone (`PartialObjectMetadata`).
    Metadata,
    /// As rows of a table.
    Table(Include),
}

impl Form {
    /// The form that an `Accept` header asks for: the first of its media types that the server has.
    ///
    /// # Errors
    /// 406 when it has none of them.
    pub fn of(accept: &str, query: &Query) -> Result<Self, Refusal> {
        for wanted in accept.split(',') {
            let mut parts = wanted.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            if !matches!(media, "" | "application/json" | "*/*" | "application/*") {
                continue;
            }
            let shape = parts.find_map(|part| part.strip_prefix("as=")).unwrap_or_default();
            match shape {
                "" => return Ok(Self::Whole),
                "Table" => return Ok(Self::Table(Include::of(query.get("includeObject")))),
                "PartialObjectMetadata" | "PartialObjectMetadataList" => return Ok(Self::Metadata),
                _ => {}
            }
        }
        Err(Refusal {
            code: 406,
            reason: "NotAcceptable",
            message: "only the following media types are accepted: application/json".to_owned(),
            details: None,
        })
    }

    /// This object's wire form; a table has its column definitions only where `heads` says so.
    pub fn write(self, kind: Kind, object: &Object, heads: bool, now: DateTime<Utc>, out: &mut String) {
        match self {
            Self::Whole => out.push_str(object.wire()),
            Self::Metadata => table::partial(object, out),
            Self::Table(include) => table::write(kind, [object], &json!({"resourceVersion": object.revision()}), include, heads, now, out),
        }
    }
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The objects.
    pub items: Vec<Arc<Object>>,
    /// The list's revision.
    pub revision: u64,
    /// Where the next page starts; empty on the last one.
    pub next: String,
    /// How many come after this page, if that is known.
    pub remaining: Option<usize>,
}

impl Page {
    /// The list object's wire form.
    #[must_use]
    pub fn wire(&self, kind: Kind, form: Form, now: DateTime<Utc>) -> String {
        let mut meta = json!({"resourceVersion": self.revision.to_string()});
        if !self.next.is_empty() {
            meta["continue"] = json!(self.next);
            if let Some(remaining) = self.remaining {
                meta["remainingItemCount"] = json!(remaining);
            }
        }
        let (list, version) = match form {
            Form::Whole => (format!("{}List", kind.resource().name), kind.api_version()),
            Form::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            Form::Table(include) => {
                let mut out = String::new();
                table::write(kind, self.items.iter().map(AsRef::as_ref), &meta, include, true, now, &mut out);
                return out;
            }
        };
        let mut out = format!("{{\"kind\":\"{list}\",\"apiVersion\":\"{version}\",\"metadata\":{meta},\"items\":[");
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            form.write(kind, item, true, now, &mut out);
        }
        out.push_str("]}");
        out
    }
}

impl State {
    /// The object at this place.
    ///
    /// # Errors
    /// 404.
    pub fn get(&self, place: &Place) -> Result<Arc<Object>, Refusal> {
        let key = Key::new(place.kind, &place.namespace, &place.name);
        self.store.get(&key).cloned().ok_or_else(|| Refusal::not_found(place.kind, &place.name))
    }

    /// The objects at this place that the query selects.
    ///
    /// # Errors
    /// 400 for selectors and tokens that cannot be read, 410 for a revision that is gone.
    pub fn list(&self, place: &Place, query: &Query) -> Result<Page, Refusal> {
        let selector = Selector::parse(place.kind, query.get("labelSelector"), query.get("fieldSelector"))?;
        let namespace = (!place.namespace.is_empty()).then_some(place.namespace.as_str());
        let token = query.get("continue");
        match_allowed(query)?;
        for number in ["limit", "timeoutSeconds"] {
            let given = query.get(number);
            if !given.is_empty() && given.parse::<i64>().is_err() {
                return Err(Refusal::bad_request(format!("strconv.ParseInt: parsing {given:?}: invalid syntax")));
            }
        }
        let exact = query.get("resourceVersionMatch") == "Exact";
        let wanted = self.wanted_revision(query.get("resourceVersion"))?;
        let (revision, after) = if token.is_empty() {
            (if exact { wanted } else { self.store.revision() }, None)
        } else {
            let (revision, after) = read_token(token)?;
            (revision, Some(after))
        };
        let all = if revision == self.store.revision() {
            self.store.list(place.kind, namespace).cloned().collect()
        } else if revision < self.store.compacted() {
            return Err(too_old(token));
        } else {
            self.store.list_at(place.kind, namespace, revision).map_err(|_| too_old(token))?
        };
        let mut items: Vec<Arc<Object>> = all
            .into_iter()
            .filter(|object| after.as_ref().is_none_or(|(ns, name)| (object.namespace(), object.name()) > (ns.as_str(), name.as_str())))
            .filter(|object| selector.matches(object))
            .collect();
        let limit = query.number("limit").and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(usize::MAX);
        let rest = items.len().saturating_sub(limit);
        items.truncate(limit);
        let next = match items.last() {
            Some(last) if rest > 0 => format!("{revision}/{}/{}", last.namespace(), last.name()),
            _ => String::new(),
        };
        // The real server counts what remains only where nothing is selected away.
        let remaining = selector.is_everything().then_some(rest);
        Ok(Page { items, revision, next, remaining })
    }

    fn wanted_revision(&self, revision: &str) -> Result<u64, Refusal> {
        if revision.is_empty() || revision == "0" {
            return Ok(self.store.revision());
        }
        let wanted = parse_revision(revision)?;
        if wanted > self.store.revision() {
            return Err(too_large(wanted, self.store.revision()));
        }
        Ok(wanted)
    }
}

/// Refuse a `resourceVersionMatch` that does not go with the rest of a list's options.
fn match_allowed(query: &Query) -> Result<(), Refusal> {
    let refused =
        |why: String| Err(super::ask::options_refused("ListOptions", "resourceVersionMatch", &format!("resourceVersionMatch: {why}")));
    let (rule, revision) = (query.get("resourceVersionMatch"), query.get("resourceVersion"));
    match rule {
        "" => Ok(()),
        _ if revision.is_empty() => refused("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided".to_owned()),
        _ if !query.get("continue").is_empty() => {
            refused("Forbidden: resourceVersionMatch is forbidden when continue is provided".to_owned())
        }
        "Exact" if revision == "0" => {
            refused("Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"".to_owned())
        }
        "Exact" | "NotOlderThan" => Ok(()),
        other => refused(format!("Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\"")),
    }
}

/// The number of a `resourceVersion`.
///
/// # Errors
/// 400 when it is none.
pub fn parse_revision(revision: &str) -> Result<u64, Refusal> {
    revision.parse().map_err(|_| {
        Refusal::bad_request(format!(
            "resourceVersion: Invalid value: {revision:?}: strconv.ParseUint: parsing {revision:?}: invalid syntax"
        ))
    })
}

/// 504: a revision from the future.
#[must_use]
pub fn too_large(wanted: u64, current: u64) -> Refusal {
    Refusal {
        code: 504,
        reason: "Timeout",
        message: format!("Timeout: Too large resource version: {wanted}, current: {current}"),
        details: Some(
            json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1}),
        ),
    }
}

fn too_old(token: &str) -> Refusal {
    if token.is_empty() {
        Refusal::expired("The resourceVersion for the provided list is too old.")
    } else {
        Refusal::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
        )
    }
}

fn read_token(token: &str) -> Result<(u64, (String, String)), Refusal> {
    let mut parts = token.splitn(3, '/');
    let read = || Some((parts.next()?.parse().ok()?, (parts.next()?.to_owned(), parts.next()?.to_owned())));
    let mut read = read;
    read().ok_or_else(|| Refusal::bad_request("invalid continue token: continue key is not valid: invalid character"))
}

/// A successful deletion's `Status`.
#[must_use]
pub fn deleted_status(kind: Kind, object: &Object) -> Value {
    let resource = kind.resource();
    let mut details = json!({"name": object.name()});
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    details["kind"] = json!(resource.plural);
    details["uid"] = json!(object.uid());
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
