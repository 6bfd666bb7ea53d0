//! What fields a built-in kind has, read off Kubernetes' own types: they are made to read a probe that notes what they ask for.

mod probe;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_openapi::{ByteString, api};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde_json::Value;

use super::kinds::{Kind, RESOURCES, group_version};
use crate::rehearsal::quantity;

/// What can stand in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// A time, a quantity: a string by another name.
    Named(&'static str),
    /// A whole number, with Go's name for its size.
    Whole(&'static str),
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// Anything: a number or a string, or JSON.
    Any,
    /// A list.
    List(Box<Shape>),
    /// A map.
    Map(Box<Shape>),
    /// Fields of this name's struct.
    Struct(&'static str),
}

/// The fields of every struct in a kind, by the struct's name.
#[derive(Debug, Default)]
pub struct Anatomy {
    /// The kind's own struct.
    pub root: &'static str,
    /// Each struct's fields, in the order of its type.
    pub structs: BTreeMap<&'static str, Vec<(&'static str, Shape)>>,
}

/// What does not belong in an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// Paths of fields that there are not.
    pub unknown: Vec<String>,
    /// The first value of another kind than its field's, as Go says it.
    pub mistyped: Option<String>,
}

impl Anatomy {
    /// The anatomy of this kind; of built-in ones only.
    #[must_use]
    pub fn of(kind: Kind) -> Option<&'static Self> {
        static ALL: [OnceLock<Option<Anatomy>>; 128] = [const { OnceLock::new() }; 128];
        ALL[kind as usize].get_or_init(|| probe_kind(kind)).as_ref()
    }

    /// The anatomy of this version and kind; also of what is asked or ordered and never stored.
    #[must_use]
    pub fn named(version: &str, name: &str) -> Option<&'static Self> {
        use api::{authentication, authorization, policy};
        static REVIEWS: [OnceLock<Anatomy>; 10] = [const { OnceLock::new() }; 10];
        if let Some(resource) = RESOURCES.iter().find(|r| r.name == name && group_version(r.group, r.version) == version) {
            return Self::of(resource.kind);
        }
        Some(match name {
            "SelfSubjectAccessReview" => REVIEWS[0].get_or_init(probe::read::<authorization::v1::SelfSubjectAccessReview>),
            "SelfSubjectRulesReview" => REVIEWS[1].get_or_init(probe::read::<authorization::v1::SelfSubjectRulesReview>),
            "SubjectAccessReview" => REVIEWS[2].get_or_init(probe::read::<authorization::v1::SubjectAccessReview>),
            "LocalSubjectAccessReview" => REVIEWS[3].get_or_init(probe::read::<authorization::v1::LocalSubjectAccessReview>),
            "SelfSubjectReview" => REVIEWS[4].get_or_init(probe::read::<authentication::v1::SelfSubjectReview>),
            "TokenRequest" => REVIEWS[9].get_or_init(probe::read::<authentication::v1::TokenRequest>),
            "Eviction" => REVIEWS[5].get_or_init(probe::read::<policy::v1::Eviction>),
            "HorizontalPodAutoscaler" if version == "autoscaling/v1" => {
                REVIEWS[7].get_or_init(probe::read::<api::autoscaling::v1::HorizontalPodAutoscaler>)
            }
            "Event" if version == "events.k8s.io/v1" => REVIEWS[8].get_or_init(probe::read::<api::events::v1::Event>),
            "DeleteOptions" => REVIEWS[6].get_or_init(probe::read::<meta::DeleteOptions>),
            _ => return None,
        })
    }

    /// What in this object has no place in it. Unknown fields are taken out, as the real server forgets them.
    #[must_use]
    pub fn prune(&self, value: &mut Value) -> Misfits {
        let mut misfits = Misfits::default();
        self.walk(value, &Shape::Struct(self.root), self.root, &mut Path::default(), &mut misfits);
        misfits
    }

    fn walk(&self, value: &mut Value, shape: &Shape, holder: &str, path: &mut Path, misfits: &mut Misfits) {
        if value.is_null() {
            return;
        }
        match (shape, value) {
            (Shape::Struct(name), Value::Object(map)) => {
                let Some(fields) = self.structs.get(name) else { return };
                let mut lost = Vec::new();
                for (key, value) in map.iter_mut() {
                    if let Some((_, shape)) = fields.iter().find(|(field, _)| field == key) {
                        path.within(key, |path| self.walk(value, shape, name, path, misfits));
                    } else {
                        lost.push(key.clone());
                        path.within(key, |path| misfits.unknown.push(path.full.clone()));
                    }
                }
                for key in lost {
                    map.shift_remove(&key);
                }
            }
            (Shape::Map(shape), Value::Object(map)) => {
                for (key, value) in map.iter_mut() {
                    path.under(key, |path| self.walk(value, shape, holder, path, misfits));
                }
            }
            (Shape::List(shape), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    path.at(index, |path| self.walk(item, shape, holder, path, misfits));
                }
            }
            (Shape::Named("ByteString"), Value::String(text)) => {
                if is_no_base64(text) {
                    let why = format!("illegal base64 data at input byte {}", faulty_byte(text));
                    misfits.mistyped.get_or_insert(why);
                }
            }
            (Shape::Named("Quantity"), Value::String(text)) => {
                if let Err(why) = quantity::check(text) {
                    misfits.mistyped.get_or_insert_with(|| why.to_owned());
                }
            }
            (Shape::Any | Shape::Named("FieldsV1" | "JSON" | "RawExtension"), _)
            | (Shape::Text | Shape::Named(_), Value::String(_))
            | (Shape::Number | Shape::Named("Quantity"), Value::Number(_))
            | (Shape::Bool, Value::Bool(_)) => {}
            (Shape::Whole(_), Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (_, value) => {
                let found = match value {
                    Value::Null => "null".to_owned(),
                    Value::Bool(_) => "bool".to_owned(),
                    Value::Number(number) if matches!(shape, Shape::Whole(_)) => format!("number {number}"),
                    Value::Number(_) => "number".to_owned(),
                    Value::String(_) => "string".to_owned(),
                    Value::Array(_) => "array".to_owned(),
                    Value::Object(_) => "object".to_owned(),
                };
                let text =
                    format!("json: cannot unmarshal {found} into Go struct field {holder}.{} of type {}", path.plain, go_type(shape));
                misfits.mistyped.get_or_insert(text);
            }
        }
    }
}

/// Where a walk is: with the indices of lists, and as Go's decoder tells it, without.
#[derive(Default)]
struct Path {
    full: String,
    plain: String,
}

impl Path {
    fn within(&mut self, key: &str, then: impl FnOnce(&mut Self)) {
        let lengths = (self.full.len(), self.plain.len());
        for text in [&mut self.full, &mut self.plain] {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
        then(self);
        self.full.truncate(lengths.0);
        self.plain.truncate(lengths.1);
    }

    /// A key of a map, which Go's decoder does not tell.
    fn under(&mut self, key: &str, then: impl FnOnce(&mut Self)) {
        let length = self.full.len();
        self.full.push_str(&format!(".{key}"));
        then(self);
        self.full.truncate(length);
    }

    fn at(&mut self, index: usize, then: impl FnOnce(&mut Self)) {
        let length = self.full.len();
        self.full.push_str(&format!("[{index}]"));
        then(self);
        self.full.truncate(length);
    }
}

fn is_no_base64(text: &str) -> bool {
    let read: Result<ByteString, serde::de::value::Error> = ByteString::deserialize(text.into_deserializer());
    read.is_err()
}

/// Where Go's reader would stop.
fn faulty_byte(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c)).unwrap_or(text.len())
}

fn go_type(shape: &Shape) -> String {
    match shape {
        Shape::Text | Shape::Any => "string".to_owned(),
        Shape::Named("Quantity") => "resource.Quantity".to_owned(),
        Shape::Named("ByteString") => "[]uint8".to_owned(),
        Shape::Named(name) | Shape::Struct(name) => format!("v1.{name}"),
        Shape::Whole(size) => (*size).to_owned(),
        Shape::Number => "float64".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::List(item) => format!("[]{}", go_type(item)),
        Shape::Map(item) => format!("map[string]{}", go_type(item)),
    }
}

fn probe_kind(kind: Kind) -> Option<Anatomy> {
    use api::{
        admissionregistration, apps, autoscaling, batch, coordination, core, discovery, networking, policy, rbac, scheduling, storage,
    };
    Some(match kind {
        Kind::Namespace => probe::read::<core::v1::Namespace>(),
        Kind::Node => probe::read::<core::v1::Node>(),
        Kind::Pod => probe::read::<core::v1::Pod>(),
        Kind::Service => probe::read::<core::v1::Service>(),
        Kind::Endpoints => probe::read::<core::v1::Endpoints>(),
        Kind::Event => probe::read::<core::v1::Event>(),
        Kind::ConfigMap => probe::read::<core::v1::ConfigMap>(),
        Kind::Secret => probe::read::<core::v1::Secret>(),
        Kind::ServiceAccount => probe::read::<core::v1::ServiceAccount>(),
        Kind::PersistentVolumeClaim => probe::read::<core::v1::PersistentVolumeClaim>(),
        Kind::PersistentVolume => probe::read::<core::v1::PersistentVolume>(),
        Kind::ResourceQuota => probe::read::<core::v1::ResourceQuota>(),
        Kind::LimitRange => probe::read::<core::v1::LimitRange>(),
        Kind::ReplicationController => probe::read::<core::v1::ReplicationController>(),
        Kind::Deployment => probe::read::<apps::v1::Deployment>(),
        Kind::ReplicaSet => probe::read::<apps::v1::ReplicaSet>(),
        Kind::StatefulSet => probe::read::<apps::v1::StatefulSet>(),
        Kind::DaemonSet => probe::read::<apps::v1::DaemonSet>(),
        Kind::ControllerRevision => probe::read::<apps::v1::ControllerRevision>(),
        Kind::Job => probe::read::<batch::v1::Job>(),
        Kind::CronJob => probe::read::<batch::v1::CronJob>(),
        Kind::HorizontalPodAutoscaler => probe::read::<autoscaling::v2::HorizontalPodAutoscaler>(),
        Kind::PodDisruptionBudget => probe::read::<policy::v1::PodDisruptionBudget>(),
        Kind::EndpointSlice => probe::read::<discovery::v1::EndpointSlice>(),
        Kind::Role => probe::read::<rbac::v1::Role>(),
        Kind::RoleBinding => probe::read::<rbac::v1::RoleBinding>(),
        Kind::ClusterRole => probe::read::<rbac::v1::ClusterRole>(),
        Kind::ClusterRoleBinding => probe::read::<rbac::v1::ClusterRoleBinding>(),
        Kind::Lease => probe::read::<coordination::v1::Lease>(),
        Kind::StorageClass => probe::read::<storage::v1::StorageClass>(),
        Kind::NetworkPolicy => probe::read::<networking::v1::NetworkPolicy>(),
        Kind::Ingress => probe::read::<networking::v1::Ingress>(),
        Kind::IngressClass => probe::read::<networking::v1::IngressClass>(),
        Kind::MutatingWebhookConfiguration => probe::read::<admissionregistration::v1::MutatingWebhookConfiguration>(),
        Kind::ValidatingWebhookConfiguration => probe::read::<admissionregistration::v1::ValidatingWebhookConfiguration>(),
        Kind::PriorityClass => probe::read::<scheduling::v1::PriorityClass>(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn anatomy_should_be_known_of_every_built_in_kind() {
        for resource in RESOURCES.iter().filter(|r| !r.kind.is_custom() && r.kind != Kind::CustomResourceDefinition) {
            let anatomy = Anatomy::of(resource.kind)
                .unwrap_or_else(|| unreachable!("{} {}", resource.name, group_version(resource.group, resource.version)));
            assert_eq!(anatomy.root, resource.name);
            assert!(
                anatomy.structs[resource.name].iter().any(|(field, shape)| *field == "metadata" && *shape == Shape::Struct("ObjectMeta")),
                "{}",
                resource.name
            );
        }
        let pod = Anatomy::of(Kind::Pod).map(|a| &a.structs);
        let shape =
            |name: &str, field: &str| pod.and_then(|p| p.get(name)?.iter().find(|(f, _)| *f == field)).map(|(_, shape)| shape.clone());
        assert_eq!(shape("Container", "ports"), Some(Shape::List(Box::new(Shape::Struct("ContainerPort")))));
        assert_eq!(shape("ResourceRequirements", "limits"), Some(Shape::Map(Box::new(Shape::Named("Quantity")))));
        assert_eq!(shape("PodStatus", "startTime"), Some(Shape::Named("Time")));
        assert_eq!(shape("ContainerPort", "containerPort"), Some(Shape::Whole("int32")));
        assert_eq!(shape("HTTPGetAction", "port"), Some(Shape::Any));
    }

    #[test]
    fn unknown_fields_should_be_told_by_their_paths_and_forgotten() {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"x": "y"}},
            "spec": {"colour": 1, "containers": [{"name": "a", "imag": "b", "ports": [{"containerPort": 80}]}]}});
        let misfits = Anatomy::of(Kind::Pod).map(|a| a.prune(&mut pod)).unwrap_or_default();
        assert_eq!(misfits.unknown, ["spec.colour", "spec.containers[0].imag"]);
        assert_eq!(misfits.mistyped, None);
        assert_eq!(pod["spec"], json!({"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]}));
        let mut deployment = json!({"spec": {"replicas": "two", "template": {"spec": {"containers": [{"image": 1}]}}}});
        let misfits = Anatomy::of(Kind::Deployment).map(|a| a.prune(&mut deployment)).unwrap_or_default();
        assert_eq!(
            misfits.mistyped.as_deref(),
            Some("json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32")
        );
    }
}
