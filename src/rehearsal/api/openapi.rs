//! What kubectl asks of OpenAPI: which kinds take `fieldValidation`, and which fields a kind has. No descriptions: [`Anatomy`] has none.

use serde_json::{Map, Value, json};

use super::State;
use super::anatomy::{Anatomy, Shape};
use super::guise;
use super::kinds::{GROUPS, Resource, group_version};
use crate::rehearsal::controllers::chaos::schema as custom;

impl State {
    /// `/openapi/v3`: where each group's document is.
    #[must_use]
    pub fn openapi_index(&self) -> Value {
        let mut paths = Map::new();
        for (group, version) in std::iter::once(&("", "v1")).chain(GROUPS).filter(|(group, _)| self.serves(group)) {
            let path = if group.is_empty() { format!("api/{version}") } else { format!("apis/{}", group_version(group, version)) };
            let url = format!("/openapi/v3/{path}?hash={:032X}", u128::from(self.dice.stream(&format!("openapi/{path}")).bits()));
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
        json!({"paths": paths})
    }

    /// The document of one group and version.
    #[must_use]
    pub fn openapi_document(&self, group: &str, version: &str) -> Option<Value> {
        let known = (group.is_empty() && version == "v1") || GROUPS.contains(&(group, version));
        if !known || !self.serves(group) {
            return None;
        }
        let (mut paths, mut schemas) = (Map::new(), Map::new());
        for resource in &guise::resources(group, version).collect::<Vec<_>>() {
            describe_paths(resource, &mut paths);
            describe_schemas(resource, &mut schemas);
        }
        Some(
            json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": paths, "components": {"schemas": schemas}}),
        )
    }
}

/// `/openapi/v2`, for clients that ask for nothing newer: what is served, without its fields.
#[must_use]
pub fn swagger() -> Value {
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": {}, "definitions": {}})
}

fn describe_paths(resource: &Resource, paths: &mut Map<String, Value>) {
    let gvk = json!({"group": resource.group, "version": resource.version, "kind": resource.name});
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    let operation = |action: &str, parameters: &[&str]| {
        json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk,
            "parameters": parameters.iter().map(|name| parameter(name)).collect::<Vec<_>>(), "responses": {"200": {"description": "OK"}}})
    };
    let base = if resource.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}/{}", resource.group, resource.version) };
    let base = if resource.namespaced {
        format!("{base}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        format!("{base}/{}", resource.plural)
    };
    let writing = ["dryRun", "fieldManager", "fieldValidation"];
    paths.insert(
        base.clone(),
        json!({"get": operation("list", &["labelSelector", "fieldSelector", "limit", "continue"]), "post": operation("post", &writing)}),
    );
    // Strategic merge is not announced here: kubectl then computes its patches from its own types, which know every merge key.
    let mut patch = operation("patch", &["dryRun", "fieldManager", "fieldValidation", "force"]);
    patch["requestBody"] =
        json!({"content": {"application/json-patch+json": {}, "application/merge-patch+json": {}, "application/apply-patch+yaml": {}}});
    paths.insert(
        format!("{base}/{{name}}"),
        json!({"get": operation("get", &[]), "put": operation("put", &writing), "patch": patch, "delete": operation("delete", &["dryRun", "gracePeriodSeconds"])}),
    );
}

fn describe_schemas(resource: &Resource, schemas: &mut Map<String, Value>) {
    let own = |name: &str| {
        format!("io.k8s.api.{}.{}.{name}", resource.group.split('.').next().filter(|g| !g.is_empty()).unwrap_or("core"), resource.version)
    };
    let gvk = json!([{"group": resource.group, "version": resource.version, "kind": resource.name}]);
    let Some(anatomy) = Anatomy::named(&group_version(resource.group, resource.version), resource.name) else {
        schemas.insert(
            own(resource.name),
            json!({"type": "object", "x-kubernetes-group-version-kind": gvk, "required": ["spec"],
                "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": open(),
                    "spec": custom_struct(&format!("{}Spec", resource.name), &[]), "status": custom_struct(&format!("{}Status", resource.name), &[])}}),
        );
        return;
    };
    for (name, fields) in &anatomy.structs {
        let properties: Map<String, Value> = fields.iter().map(|(field, shape)| ((*field).to_owned(), schema(shape, &own))).collect();
        let mut described = json!({"type": "object", "properties": properties});
        if *name == resource.name {
            described["x-kubernetes-group-version-kind"] = gvk.clone();
        }
        schemas.insert(own(name), described);
    }
}

/// An object of which nothing is said.
fn open() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A struct of Chaos Mesh's, with all that is in it: definitions refer to nothing. What holds itself (a workflow in a workflow) is left open there.
fn custom_struct(name: &str, within: &[&str]) -> Value {
    let Some(found) = custom::find(name).filter(|found| !within.contains(&found.name)) else { return open() };
    let within = [within, &[found.name]].concat();
    let members: Vec<&custom::Field> = found.members().into_iter().map(|(_, field)| field).collect();
    let required: Vec<&str> = members.iter().filter(|field| !field.omitted && !field.optional).map(|field| field.json).collect();
    let properties: Map<String, Value> = members.iter().map(|field| (field.json.to_owned(), custom_field(field, &within))).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn custom_field(field: &custom::Field, within: &[&str]) -> Value {
    let mut schema = custom_type(&field.of, within);
    for (rule, bound) in [("minimum", field.least), ("maximum", field.most)] {
        if let Some(bound) = bound {
            schema[rule] = json!(bound);
        }
    }
    if !field.allowed.is_empty() {
        schema["enum"] = json!(field.allowed);
    }
    if let Some(default) = field.default_value() {
        schema["default"] = default;
    }
    schema
}

fn custom_type(of: &custom::Type, within: &[&str]) -> Value {
    match &of.shape {
        custom::Shape::Text => json!({"type": "string"}),
        custom::Shape::Int(size) => json!({"type": "integer", "format": if size.ends_with("64") { "int64" } else { "int32" }}),
        custom::Shape::Flag => json!({"type": "boolean"}),
        custom::Shape::Time => json!({"type": "string", "format": "date-time"}),
        custom::Shape::Bytes => json!({"type": "string", "format": "byte"}),
        custom::Shape::Any => open(),
        custom::Shape::List(item) => json!({"type": "array", "items": custom_type(item, within)}),
        custom::Shape::Map(item) => json!({"type": "object", "additionalProperties": custom_type(item, within)}),
        custom::Shape::Struct(name) => custom_struct(name, within),
    }
}

fn schema(shape: &Shape, own: &impl Fn(&str) -> String) -> Value {
    match shape {
        Shape::Text => json!({"type": "string"}),
        Shape::Named("Time" | "MicroTime") => json!({"type": "string", "format": "date-time"}),
        Shape::Named("FieldsV1") => json!({"type": "object"}),
        Shape::Named("ByteString") => json!({"type": "string", "format": "byte"}),
        Shape::Named("Quantity") => json!({"oneOf": [{"type": "string"}, {"type": "number"}], "type": "Quantity"}),
        Shape::Named(_) | Shape::Any => json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}),
        Shape::Whole(size) => json!({"type": "integer", "format": size}),
        Shape::Number => json!({"type": "number", "format": "double"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::List(item) => json!({"type": "array", "items": schema(item, own)}),
        Shape::Map(item) => json!({"type": "object", "additionalProperties": schema(item, own)}),
        Shape::Struct(name) => json!({"allOf": [{"$ref": format!("#/components/schemas/{}", own(name))}], "default": {}}),
    }
}
