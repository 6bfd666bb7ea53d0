//! Tables: what `kubectl get` asks for instead of objects.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::columns::Columns;
use super::kinds::Kind;
use super::object::Object;

/// What comes with each row besides its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    Nothing,
    /// The object's metadata.
    Metadata,
    /// The whole object.
    Object,
}

impl Include {
    /// As the query's `includeObject` has it.
    #[must_use]
    pub fn of(query: &str) -> Self {
        match query {
            "None" => Self::Nothing,
            "Object" => Self::Object,
            _ => Self::Metadata,
        }
    }

    fn write(self, object: &Object, out: &mut String) {
        match self {
            Self::Nothing => out.push_str("null"),
            Self::Object => out.push_str(object.wire()),
            Self::Metadata => partial(object, out),
        }
    }
}

/// The object's metadata alone.
pub fn partial(object: &Object, out: &mut String) {
    let _ =
        write!(out, "{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{}}}", object.value()["metadata"]);
}

/// Write a table of these objects; the column definitions only where they are wanted: a watch gives them once.
pub fn write<'a>(
    kind: Kind,
    objects: impl IntoIterator<Item = &'a Object>,
    meta: &Value,
    include: Include,
    heads: bool,
    now: DateTime<Utc>,
    out: &mut String,
) {
    let columns = Columns::of(kind);
    let definitions = if heads { columns.definitions(kind) } else { Value::Null };
    let _ = write!(
        out,
        "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{meta},\"columnDefinitions\":{definitions},\"rows\":["
    );
    for (index, object) in objects.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let _ = write!(out, "{{\"cells\":{}", Value::Array(columns.cells(object, now)));
        if let Some(condition) = completed(kind, object) {
            let _ = write!(out, ",\"conditions\":[{condition}]");
        }
        out.push_str(",\"object\":");
        include.write(object, out);
        out.push('}');
    }
    out.push_str("]}");
}

/// The row condition of a pod that has ended.
fn completed(kind: Kind, object: &Object) -> Option<Value> {
    let (reason, message) = match (kind, object.text("/status/phase")) {
        (Kind::Pod, "Succeeded") => ("Succeeded", "The pod has completed successfully."),
        (Kind::Pod, "Failed") => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!({"type": "Completed", "status": "True", "reason": reason, "message": message}))
}
