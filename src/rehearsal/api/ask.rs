//! A request taken apart, and what is answered.

use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::guise::Guise;
use super::kinds::Kind;
use super::logs::LogTail;
use super::object::Object;
use super::proxy::Visited;
use super::refusal::Refusal;
use super::route::Query;
use super::watching::Watch;
use super::writes::Intent;

/// A request, taken apart.
pub struct Ask<'a> {
    /// HTTP method.
    pub method: &'a Method,
    /// Path.
    pub path: &'a str,
    /// Query, taken apart.
    pub query: Query,
    /// Query as it came.
    pub raw_query: Option<&'a str>,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: &'a [u8],
    /// The second version in which it is asked, if it is.
    pub guise: Option<&'static Guise>,
}

impl Ask<'_> {
    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The body, which is to be of this kind.
    pub(super) fn object(&self, kind: Kind) -> Result<Value, Refusal> {
        if self.body.starts_with(b"[") && self.header(header::CONTENT_TYPE).contains("json") {
            return Err(Refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }} ({})",
                kind.resource().name,
                told(self.body)
            )));
        }
        self.json().map_err(|refusal| {
            if refusal.code != 400 || !refusal.message.starts_with("couldn't get") {
                return refusal;
            }
            let name = kind.resource().name;
            Refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type {name}): {} ({})",
                refusal.message,
                told(self.body)
            ))
        })
    }

    pub(super) fn json(&self) -> Result<Value, Refusal> {
        match self.header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim() {
            "application/yaml" | "application/apply-patch+yaml" => return self.yaml(),
            "application/vnd.kubernetes.protobuf" => return super::protobuf::read(self.body),
            "" | "application/json" => {}
            patch if *self.method == Method::PATCH && patch.ends_with("+json") => {}
            _ => return Err(Refusal::media_type("application/json, application/yaml, application/vnd.kubernetes.protobuf")),
        }
        self.read().map_err(|why| Refusal::bad_request(format!("couldn't get version/kind; json parse error: {why}")))
    }

    /// The body as JSON, or why it is none.
    pub(super) fn read(&self) -> Result<Value, String> {
        serde_json::from_slice(self.body).map_err(|why| unread(self.body, &why))
    }

    fn yaml(&self) -> Result<Value, Refusal> {
        let unreadable = |why: &dyn std::fmt::Display| Refusal::bad_request(format!("error decoding YAML: {why}"));
        // JSON is YAML, and read faster as what it is.
        if let Ok(value) = serde_json::from_slice(self.body) {
            return Ok(value);
        }
        let text = std::str::from_utf8(self.body).map_err(|why| unreadable(&why))?;
        serde_saphyr::from_str(text).map_err(|why| unreadable(&why))
    }

    pub(super) fn intent(&self) -> Result<Intent, Refusal> {
        match self.query.get("dryRun") {
            "" | "All" => {}
            other => {
                let why = format!("dryRun: Unsupported value: [{other:?}]: supported values: \"All\"");
                return Err(options_refused(ask_kind(self.method), "dryRun", &why));
            }
        }
        let (strict, warn) = match self.query.get("fieldValidation") {
            "" | "Warn" => (false, true),
            "Strict" => (true, false),
            "Ignore" => (false, false),
            other => {
                let why = format!("fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\"");
                return Err(options_refused(ask_kind(self.method), "fieldValidation", &why));
            }
        };
        Ok(Intent { dry_run: self.query.get("dryRun") == "All", strict, warn, trusted: false, managed: false })
    }
}

/// Why a body is not JSON, in Go's words.
pub(super) fn unread(body: &[u8], why: &serde_json::Error) -> String {
    if why.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let line = body.split(|byte| *byte == b'\n').nth(why.line().saturating_sub(1)).unwrap_or_default();
    // Go tells the byte, as if it were a character.
    let found = match line.get(why.column().saturating_sub(1)).copied().unwrap_or_default() {
        byte @ (0x80..=0xa0 | 0xad) => format!("\\u{byte:04x}"),
        byte @ (b' '..=b'~' | 0xa1..) => char::from(byte).to_string(),
        byte => char::from(byte).escape_default().to_string(),
    };
    let aim = if why.to_string().contains("trailing characters") { "after top-level value" } else { "looking for beginning of value" };
    format!("invalid character '{found}' {aim}")
}

/// The beginning of a body, in hex where it is no JSON object.
fn told(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let start = &body[..body.len().min(SHOWN)];
    let more = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(start)),
        Some(_) => format!("{}{more}", start.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()),
    }
}

/// The options object that requests of this method have.
fn ask_kind(method: &Method) -> &'static str {
    match *method {
        Method::POST => "CreateOptions",
        Method::PATCH => "PatchOptions",
        Method::DELETE => "DeleteOptions",
        _ => "UpdateOptions",
    }
}

/// 422: options that cannot be.
pub(super) fn options_refused(kind: &str, field: &str, why: &str) -> Refusal {
    let message = why.strip_prefix(&format!("{field}: ")).unwrap_or(why);
    let reason = match message.split_whitespace().next() {
        Some("Unsupported") => "FieldValueNotSupported",
        Some("Forbidden:") => "FieldValueForbidden",
        _ => "FieldValueInvalid",
    };
    Refusal {
        code: 422,
        reason: "Invalid",
        message: format!("{kind}.meta.k8s.io \"\" is invalid: {why}"),
        details: Some(json!({"group": "meta.k8s.io", "kind": kind, "causes": [{"reason": reason, "message": message, "field": field}]})),
    }
}

/// What a response carries.
pub enum Payload {
    /// All of it.
    Whole(Vec<u8>),
    /// A log as it grows.
    Log(Box<LogTail>),
    /// A watch's chunks as they come.
    Watch(Box<Watch>),
    /// What a pod answers, when it has.
    Visit(Box<Visited>),
}

/// A response before it is one.
pub struct Answer {
    /// HTTP status code.
    pub code: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub payload: Payload,
    /// What the client is to be warned of.
    pub warnings: Vec<String>,
}

impl Answer {
    /// This JSON.
    #[must_use]
    pub fn json(code: u16, value: &Value) -> Self {
        Self::wire(code, value.to_string())
    }

    pub(super) fn wire(code: u16, text: String) -> Self {
        Self { code, content_type: "application/json".to_owned(), payload: Payload::Whole(text.into_bytes()), warnings: Vec::new() }
    }

    pub(super) fn text(code: u16, text: &str) -> Self {
        Self {
            code,
            content_type: "text/plain; charset=utf-8".to_owned(),
            payload: Payload::Whole(text.as_bytes().to_vec()),
            warnings: Vec::new(),
        }
    }

    pub(super) fn object(code: u16, object: &Object) -> Self {
        Self::wire(code, object.wire().to_owned())
    }
}
