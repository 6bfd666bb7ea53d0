//! Getting and listing.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::State;
use super::kinds::Kind;
use super::object::{Object, text};
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
        const MEDIA: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
        let mut known = false;
        for wanted in accept.split(',') {
            let mut parts = wanted.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            known |= matches!(media, "" | "*/*" | "application/*") || MEDIA.split(", ").any(|served| served == media);
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
        // A type that the route does not have is refused by the router, before anybody looks at its parameters.
        let (message, details) = if known {
            (format!("only the following media types are accepted: {MEDIA}"), None)
        } else {
            (format!("406: Not Acceptable\n\nAvailable representations: {MEDIA}"), Some(json!({})))
        };
        Err(Refusal { code: 406, reason: "NotAcceptable", message, details })
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
            match form {
                Form::Whole if !kind.is_custom() => out.push_str(&item.item_wire()),
                _ => form.write(kind, item, true, now, &mut out),
            }
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
            whole_number(query, number)?;
        }
        let exact = query.get("resourceVersionMatch") == "Exact";
        let wanted = self.wanted_revision(query.get("resourceVersion"))?;
        let (revision, after) = if token.is_empty() {
            (if exact { wanted } else { self.store.revision() }, None)
        } else {
            if !matches!(query.get("resourceVersion"), "" | "0") {
                return Err(Refusal::bad_request("specifying resource version is not allowed when using continue"));
            }
            let (revision, after) = read_token(token, namespace)
                .map_err(|why| Refusal::bad_request(format!("invalid continue token: continue key is not valid{why}")))?;
            // The token of a page that came too late goes on with what is there now.
            let revision = revision.unwrap_or_else(|| self.store.revision());
            if revision > self.store.revision() {
                return Err(too_large(revision, self.store.revision()));
            }
            (revision, Some(after))
        };
        let all = if revision == self.store.revision() {
            self.store.list(place.kind, namespace).cloned().collect()
        } else if revision < self.store.compacted() {
            return Err(too_old(token));
        } else {
            self.store.list_at(place.kind, namespace, revision).map_err(|_| too_old(token))?
        };
        let mut all = all
            .into_iter()
            .filter(|object| after.as_ref().is_none_or(|(ns, name)| (object.namespace(), object.name()) > (ns.as_str(), name.as_str())))
            .peekable();
        let limit = query.number("limit").and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(usize::MAX);
        let items: Vec<Arc<Object>> = all.by_ref().filter(|object| selector.matches(object)).take(limit).collect();
        // A full page has one after it where anything lies behind it, selected or not: so has the real one.
        let next = match items.last() {
            Some(last) if items.len() == limit && all.peek().is_some() => token_after(last, revision, namespace.is_some()),
            _ => String::new(),
        };
        let rest = all.count();
        // The real server counts what remains only where nothing is selected away.
        let remaining = selector.is_everything().then_some(rest);
        Ok(Page { items, revision, next, remaining })
    }

    fn wanted_revision(&self, revision: &str) -> Result<u64, Refusal> {
        if revision.is_empty() || revision == "0" {
            return Ok(self.store.revision());
        }
        let wanted = parse_revision(revision).map_err(|why| Refusal::bad_request(format!("invalid resource version: {}", why.message)))?;
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
/// 500 when it is none: so a watch says it, where a list makes it a bad request.
pub fn parse_revision(revision: &str) -> Result<u64, Refusal> {
    revision.parse().map_err(|_| Refusal {
        code: 500,
        reason: "",
        message: format!("resourceVersion: Invalid value: {revision:?}: strconv.ParseUint: parsing {revision:?}: invalid syntax"),
        details: None,
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
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, \
             or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an \
             inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        )
    }
}

/// The number of an option; none when it is not given.
///
/// # Errors
/// 400, in Go's words, when it is none.
pub(super) fn whole_number(query: &Query, option: &str) -> Result<Option<i64>, Refusal> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let given = query.get(option);
    if given.is_empty() {
        return Ok(None);
    }
    given.parse().map(Some).map_err(|why: std::num::ParseIntError| {
        let why = if matches!(why.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
        Refusal::bad_request(format!("strconv.ParseInt: parsing {given:?}: {why}"))
    })
}

/// The `Status` that tells who pages that the token has expired, and gives one that goes on all the same. None for any other refusal.
#[must_use]
pub(super) fn expired_page(refusal: &Refusal, token: &str) -> Option<Value> {
    let mut read: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok().filter(|_| refusal.code == 410)?;
    read["rv"] = json!(-1);
    let mut status = refusal.status();
    status["metadata"]["continue"] = json!(URL_SAFE_NO_PAD.encode(read.to_string()));
    Some(status)
}

/// Where the next page begins, as the real server writes it: behind this object.
fn token_after(last: &Object, revision: u64, namespaced: bool) -> String {
    let start = match last.namespace() {
        namespace if !namespaced && !namespace.is_empty() => format!("{namespace}/{}\0", last.name()),
        _ => format!("{}\0", last.name()),
    };
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start}).to_string())
}

/// The revision (none: whatever it is by now), and the namespace and name of the last object before the page; or what is wrong with the token.
fn read_token(token: &str, namespace: Option<&str>) -> Result<(Option<u64>, (String, String)), String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| {
        let odd = token.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(token.len());
        format!(": illegal base64 data at input byte {odd}")
    })?;
    let read: Value = serde_json::from_slice(&bytes).map_err(|why| format!(": {}", super::ask::unread(&bytes, &why)))?;
    if !read.is_object() {
        return Err(format!(": json: cannot unmarshal {} into Go value of type storage.continueToken", super::admission::go_type(&read)));
    }
    match text(&read, "/v") {
        "meta.k8s.io/v1" => {}
        other => return Err(format!(": server does not recognize this encoded version {other}")),
    }
    let revision = read["rv"].as_i64().filter(|revision| *revision != 0).map(|revision| u64::try_from(revision).ok());
    let revision = revision.ok_or(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)")?;
    let start = text(&read, "/start").trim_end_matches('\0');
    if start.is_empty() {
        return Err(": encoded start key empty (version meta.k8s.io/v1)".to_owned());
    }
    Ok(match (namespace, start.split_once('/')) {
        (None, Some((namespace, name))) => (revision, (namespace.to_owned(), name.to_owned())),
        (namespace, _) => (revision, (namespace.unwrap_or_default().to_owned(), start.to_owned())),
    })
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
