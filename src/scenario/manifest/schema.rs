//! The schema of the served kinds: the CRDs of Chaos Mesh 2.8 as tables.
//!
//! Here are the shapes, what every kind shares, and the two oldest kinds; each other kind has its table
//! beside its own checks.

use super::forms::Form;

/// What may stand at a place.
pub enum Shape {
    /// Text of a form.
    Text(Form),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number.
    Whole {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A list.
    List(&'static Shape),
    /// A mapping with keys of a form.
    Map(Form, &'static Shape),
    /// A mapping with known keys.
    Object(&'static Object),
}

/// A mapping with known keys.
pub struct Object {
    /// Its keys.
    pub fields: &'static [Field],
    /// Whether others may stand there too, which the server judges.
    pub open: bool,
}

/// A key.
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What stands there.
    pub shape: Shape,
    /// Whether it must be there.
    pub needed: bool,
}

/// A key that must be there.
pub(super) const fn needs(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, needed: true }
}

/// A key that may be there.
pub(super) const fn may(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, needed: false }
}

/// Text of a form.
pub(super) const fn text(form: Form) -> Shape {
    Shape::Text(form)
}

/// What stands around the `spec` of every manifest.
pub(super) const fn around(spec: &'static Object) -> [Field; 4] {
    [
        needs("apiVersion", text(Form::Any)),
        needs("kind", text(Form::Any)),
        needs("metadata", Shape::Object(&METADATA)),
        needs("spec", Shape::Object(spec)),
    ]
}

/// A whole number from zero up.
pub(super) const fn count(most: i64) -> Shape {
    Shape::Whole { least: 0, most }
}

/// `spec.mode`.
pub const MODES: &[&str] = &["one", "all", "fixed", "fixed-percent", "random-max-percent"];

/// `metadata`.
pub(super) static METADATA: Object = Object {
    fields: &[
        needs("name", text(Form::ObjectName)),
        may("namespace", text(Form::Namespace)),
        may("labels", Shape::Map(Form::LabelKey, &text(Form::LabelValue))),
        may("annotations", Shape::Map(Form::LabelKey, &text(Form::Any))),
    ],
    open: false,
};

static REQUIREMENT: Object = Object {
    fields: &[
        needs("key", text(Form::LabelKey)),
        needs("operator", Shape::Word(&["In", "NotIn", "Exists", "DoesNotExist"])),
        may("values", Shape::List(&text(Form::LabelValue))),
    ],
    open: false,
};

/// `spec.selector`.
pub(super) static SELECTOR: Object = Object {
    fields: &[
        may("namespaces", Shape::List(&text(Form::Namespace))),
        may("labelSelectors", Shape::Map(Form::LabelKey, &text(Form::LabelValue))),
        may("expressionSelectors", Shape::List(&Shape::Object(&REQUIREMENT))),
        may("annotationSelectors", Shape::Map(Form::LabelKey, &text(Form::AnnotationValue))),
        may("fieldSelectors", Shape::Map(Form::PodField, &text(Form::Any))),
        may("podPhaseSelectors", Shape::List(&text(Form::Phase))),
        may("nodes", Shape::List(&text(Form::ObjectName))),
        may("nodeSelectors", Shape::Map(Form::LabelKey, &text(Form::LabelValue))),
        may("pods", Shape::Map(Form::Namespace, &Shape::List(&text(Form::ObjectName)))),
    ],
    open: false,
};

/// `PodChaos`.
pub static POD_CHAOS: Object = Object { fields: &around(&POD_SPEC), open: false };

/// `spec` of a `PodChaos`.
pub(super) static POD_SPEC: Object = Object {
    fields: &[
        needs("action", Shape::Word(&["pod-kill", "pod-failure", "container-kill"])),
        needs("mode", Shape::Word(MODES)),
        may("value", text(Form::Any)),
        may("selector", Shape::Object(&SELECTOR)),
        may("containerNames", Shape::List(&text(Form::ContainerName))),
        may("duration", text(Form::Duration)),
        may("gracePeriod", Shape::Whole { least: 0, most: u32::MAX as i64 }),
        may("remoteCluster", text(Form::Any)),
    ],
    open: false,
};

/// `NetworkChaos`.
pub static NETWORK_CHAOS: Object = Object { fields: &around(&NETWORK_SPEC), open: false };

/// `spec` of a `NetworkChaos`.
pub(super) static NETWORK_SPEC: Object = Object {
    fields: &[
        needs("action", Shape::Word(&["netem", "delay", "loss", "duplicate", "corrupt", "partition", "bandwidth"])),
        needs("mode", Shape::Word(MODES)),
        may("value", text(Form::Any)),
        may("selector", Shape::Object(&SELECTOR)),
        may("duration", text(Form::Duration)),
        may("direction", Shape::Word(&["to", "from", "both"])),
        may("target", Shape::Object(&TARGET)),
        may("externalTargets", Shape::List(&text(Form::ExternalTarget))),
        may("device", text(Form::Any)),
        may("targetDevice", text(Form::Any)),
        may("delay", Shape::Object(&DELAY)),
        may("loss", Shape::Object(&LOSS)),
        may("duplicate", Shape::Object(&DUPLICATE)),
        may("corrupt", Shape::Object(&CORRUPT)),
        may("bandwidth", Shape::Object(&BANDWIDTH)),
        may("rate", Shape::Object(&RATE)),
        may("remoteCluster", text(Form::Any)),
    ],
    open: false,
};

static TARGET: Object = Object {
    fields: &[needs("mode", Shape::Word(MODES)), may("value", text(Form::Any)), may("selector", Shape::Object(&SELECTOR))],
    open: false,
};

static DELAY: Object = Object {
    fields: &[
        needs("latency", text(Form::Latency)),
        may("jitter", text(Form::Latency)),
        may("correlation", text(Form::Percent)),
        may("reorder", Shape::Object(&REORDER)),
    ],
    open: false,
};

static REORDER: Object = Object {
    fields: &[
        needs("reorder", text(Form::Percent)),
        needs("gap", Shape::Whole { least: 0, most: u32::MAX as i64 }),
        may("correlation", text(Form::Percent)),
    ],
    open: false,
};

static LOSS: Object = Object { fields: &[needs("loss", text(Form::Percent)), may("correlation", text(Form::Percent))], open: false };

static DUPLICATE: Object =
    Object { fields: &[needs("duplicate", text(Form::Percent)), may("correlation", text(Form::Percent))], open: false };

static CORRUPT: Object = Object { fields: &[needs("corrupt", text(Form::Percent)), may("correlation", text(Form::Percent))], open: false };

static BANDWIDTH: Object = Object {
    fields: &[
        needs("rate", text(Form::Rate)),
        needs("limit", Shape::Whole { least: 1, most: u32::MAX as i64 }),
        needs("buffer", Shape::Whole { least: 1, most: u32::MAX as i64 }),
        may("peakrate", Shape::Whole { least: 0, most: i64::MAX }),
        may("minburst", Shape::Whole { least: 0, most: u32::MAX as i64 }),
    ],
    open: false,
};

static RATE: Object = Object { fields: &[needs("rate", text(Form::Rate))], open: false };
