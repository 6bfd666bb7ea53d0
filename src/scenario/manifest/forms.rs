//! The forms of text in a manifest: what the webhooks parse, and what they let through that then
//! does nothing.

use super::super::names;
use super::super::units::{go_duration, meant_duration};

/// A form of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any.
    Any,
    /// A name of an object.
    ObjectName,
    /// A namespace.
    Namespace,
    /// A container.
    ContainerName,
    /// A key of a label or annotation.
    LabelKey,
    /// A value of a label.
    LabelValue,
    /// A value of an annotation, as Chaos Mesh selects by it.
    AnnotationValue,
    /// A field by which the API server selects pods.
    PodField,
    /// A pod's phase, `!` before it for all others.
    Phase,
    /// A duration as Go reads it.
    Duration,
    /// One number with one unit.
    Latency,
    /// A percentage as a number in a string.
    Percent,
    /// A rate of traffic.
    Rate,
    /// An address, a range of them or a host, and perhaps a port.
    ExternalTarget,
    /// An amount of memory, or a share of it.
    Bytes,
}

/// What is wrong with a text.
pub struct Trouble {
    /// Whether it is refused, or only not done.
    pub refused: bool,
    /// In words.
    pub message: String,
    /// What is allowed.
    pub allowed: Option<&'static str>,
    /// What to write.
    pub hint: Option<String>,
}

fn refused(message: impl Into<String>, allowed: &'static str) -> Trouble {
    Trouble { refused: true, message: message.into(), allowed: Some(allowed), hint: None }
}

fn silent(message: impl Into<String>) -> Trouble {
    Trouble { refused: false, message: message.into(), allowed: None, hint: None }
}

impl Trouble {
    fn hint(self, hint: Option<String>) -> Trouble {
        Trouble { hint, ..self }
    }
}

const PHASES: [&str; 5] = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];

const POD_FIELDS: [&str; 11] = [
    "metadata.name",
    "metadata.namespace",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];

impl Form {
    /// Whether it is a time, which needs a unit.
    pub const fn is_time(self) -> bool {
        matches!(self, Form::Duration | Form::Latency)
    }

    /// What it is, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Form::Any => "text",
            Form::ObjectName => "a name of an object",
            Form::Namespace => "a namespace",
            Form::ContainerName => "a container's name",
            Form::LabelKey => "a label's key",
            Form::LabelValue => "a label's value",
            Form::AnnotationValue => "an annotation's value, as a label's",
            Form::PodField => "a field by which pods are selected",
            Form::Phase => "a pod's phase, ! before it for all others",
            Form::Duration => "a duration: 500ms, 30s, 1m30s",
            Form::Latency => "one number with one unit: 100ms",
            Form::Percent => "a percentage as a number in quotes: \"25\"",
            Form::Rate => "a rate: 1mbps (bytes), 10mbit (bits)",
            Form::ExternalTarget => "an IPv4 address, a range of them or a host, each with an optional :PORT",
            Form::Bytes => "an amount like 256MB, or a share like 80%",
        }
    }

    /// What is wrong with `text` in this form.
    pub fn trouble(self, text: &str) -> Option<Trouble> {
        match self {
            Form::Any => None,
            Form::ObjectName => (!names::is_dns_subdomain(text))
                .then(|| refused("the API server takes no such name", "lower-case letters, digits, - and ., at most 253")),
            Form::Namespace => {
                (!names::is_dns_label(text)).then(|| refused("this can't be a namespace", "lower-case letters, digits and -, at most 63"))
            }
            Form::ContainerName => {
                (!names::is_dns_label(text)).then(|| refused("this can't be a container", "lower-case letters, digits and -, at most 63"))
            }
            Form::LabelKey => (!names::is_label_key(text))
                .then(|| refused("this can't be a key", "letters, digits, -, _ and ., at most 63, after an optional PREFIX/")),
            Form::LabelValue => (!names::is_label_value(text))
                .then(|| refused("this can't be the value of a label", "letters, digits, -, _ and ., at most 63")),
            Form::AnnotationValue => (!names::is_label_value(text)).then(|| {
                refused(
                    "Chaos Mesh reads annotations as labels, and this can't be the value of one: nothing is ever selected",
                    "letters, digits, -, _ and ., at most 63",
                )
            }),
            Form::PodField => (!POD_FIELDS.contains(&text)).then(|| {
                let hint = super::super::near::did_you_mean(text, POD_FIELDS);
                refused("the API server selects no pods by this field", "spec.nodeName, status.phase, metadata.name and a few more")
                    .hint(hint)
            }),
            Form::Phase => (!PHASES.contains(&text.strip_prefix('!').unwrap_or(text))).then(|| {
                let hint = super::super::near::did_you_mean(text, PHASES);
                refused("no pod is ever in this phase", "Pending, Running, Succeeded, Failed, Unknown, or one after !").hint(hint)
            }),
            Form::Duration => {
                let reason = if text.is_empty() { return None } else { go_duration(text).err()? };
                Some(
                    refused(reason.words(), "numbers with ns, us, ms, s, m or h: 500ms, 30s, 1m30s")
                        .hint(meant_duration(text).map(|meant| format!("write {meant}"))),
                )
            }
            Form::Latency => latency(text),
            Form::Percent => percent(text),
            Form::Rate => rate(text),
            Form::ExternalTarget => external(text),
            Form::Bytes => bytes(text),
        }
    }
}

/// The CRD's `^[0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h)$`.
fn latency(text: &str) -> Option<Trouble> {
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(number);
    let (whole, fraction) = digits.split_once('.').map_or((digits, "0"), |(whole, fraction)| (whole, fraction));
    let sound =
        !whole.is_empty() && !fraction.is_empty() && !fraction.contains('.') && matches!(unit, "ns" | "us" | "ms" | "s" | "m" | "h");
    if !sound {
        let meant = match go_duration(text) {
            _ if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => Some(format!("write {text}ms")),
            // Several units: one number in the smallest that is whole.
            Ok(nanos) if nanos > 0 && nanos % 1_000_000 == 0 => Some(format!("write {}ms", nanos / 1_000_000)),
            _ => meant_duration(text).filter(|meant| latency(meant).is_none()).map(|meant| format!("write {meant}")),
        };
        return Some(refused("this is not one number with one unit", "one number with one of ns, us, ms, s, m, h: 100ms").hint(meant));
    }
    let value: f64 = digits.parse().unwrap_or(0.0);
    if value > 0.0 && is_dropped(text) {
        let millis = go_duration(text).ok().filter(|nanos| nanos % 1_000_000 == 0).map(|nanos| format!("write {}ms", nanos / 1_000_000));
        let plain =
            millis.or_else(|| go_duration(text).ok().filter(|nanos| nanos % 1000 == 0).map(|nanos| format!("write {}us", nanos / 1000)));
        return Some(silent("Chaos Mesh compares this as text with \"0ms\" and silently drops what begins with 0").hint(plain));
    }
    None
}

/// Whether Chaos Mesh leaves a latency or jitter out: it compares texts, not times (T6).
pub fn is_dropped(text: &str) -> bool {
    text <= "0ms"
}

fn percent(text: &str) -> Option<Trouble> {
    // As Go: no spaces, no empty text; Rust's parser takes the same words but for hexadecimal.
    let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite() || !text.bytes().any(|b| b.is_ascii_digit())) else {
        let bare = text.trim().trim_end_matches('%').trim_end();
        let hint = bare.parse::<f64>().is_ok_and(|number| number.is_finite() && bare != text).then(|| format!("write \"{bare}\""));
        return Some(refused("this is no number", "a percentage from 0 to 100 as a number in quotes: \"25\"").hint(hint));
    };
    (!(0.0..=100.0).contains(&number)).then(|| {
        silent("a percentage outside 0 to 100 is accepted and then fails or does something else").hint(Some("write 0 to 100".to_owned()))
    })
}

fn rate(text: &str) -> Option<Trouble> {
    const ALLOWED: &str = "a whole number with bit, kbit, mbit, gbit, tbit, bps, kbps, mbps, gbps or tbps (bps are bytes a second): 1mbps";
    // Longest first: "kbit" ends with "bit".
    const UNITS: [&str; 10] = ["tbit", "gbit", "mbit", "kbit", "tbps", "gbps", "mbps", "kbps", "bit", "bps"];
    let lower = text.to_lowercase();
    let Some(number) = UNITS.iter().find_map(|unit| lower.strip_suffix(unit)) else {
        let bare = lower.trim_end_matches(|c: char| !c.is_ascii_digit());
        let hint = match lower[bare.len()..].trim() {
            "mb" | "mb/s" | "mib" => Some(format!("write {bare}mbps for megabytes a second, {bare}mbit for megabits")),
            "kb" | "kb/s" | "kib" => Some(format!("write {bare}kbps for kilobytes a second, {bare}kbit for kilobits")),
            "gb" | "gb/s" | "gib" => Some(format!("write {bare}gbps for gigabytes a second, {bare}gbit for gigabits")),
            _ => None,
        };
        return Some(refused("this rate has no known unit", ALLOWED).hint(hint.filter(|_| !bare.is_empty())));
    };
    if number.trim_end() != number && number.trim().parse::<u64>().is_ok() {
        let hint = Some(format!("write {}", lower.replace(' ', "")));
        return Some(
            refused("the space passes Chaos Mesh and then breaks the command, so the fault never takes effect", ALLOWED).hint(hint),
        );
    }
    (number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) || number.parse::<u64>().is_err())
        .then(|| refused("a rate is a whole number with a unit", ALLOWED))
}

fn external(text: &str) -> Option<Trouble> {
    if text.trim().is_empty() {
        return Some(refused(
            "an empty target is none",
            "an IPv4 address, a range like 10.0.0.0/8, or a host name, each with an optional :PORT",
        ));
    }
    let colons = text.matches(':').count();
    if colons > 1 || text.starts_with('[') {
        return Some(silent("IPv6 is not supported: this target is not reached").hint(Some("name an IPv4 address or a host".to_owned())));
    }
    let (host, port) = text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    if port.is_some_and(|port| !names::is_port(port) || !port.bytes().all(|b| b.is_ascii_digit())) {
        return Some(silent("the port is no number from 1 to 65535: the fault would fail to apply"));
    }
    let (address, bits) = host.split_once('/').map_or((host, None), |(address, bits)| (address, Some(bits)));
    let numeric = address.bytes().all(|b| b.is_ascii_digit() || b == b'.') && address.contains('.');
    let bad_bits = bits.is_some_and(|bits| bits.parse::<u8>().is_ok_and(|bits| bits > 32) || bits.parse::<u8>().is_err());
    if bad_bits || (numeric && address.parse::<std::net::Ipv4Addr>().is_err()) {
        return Some(silent("this is no IPv4 address or range: the fault would fail to apply"));
    }
    if host.contains("://") || host.contains(char::is_whitespace) || (bits.is_some() && !numeric) {
        return Some(silent("this is no address, range or host: the fault would fail to apply"));
    }
    None
}

/// As `docker/go-units` reads sizes, or a whole share of the limit.
fn bytes(text: &str) -> Option<Trouble> {
    const ALLOWED: &str = "an amount like 256MB or 1.5GB, or a whole share like 80%";
    if text.is_empty() {
        return None;
    }
    if let Some(share) = text.strip_suffix('%') {
        return share.parse::<u32>().ok().is_none_or(|share| share > 100).then(|| refused("a share is from 0% to 100%", ALLOWED));
    }
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(number);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let known = unit.is_empty()
        || unit == "b"
        || unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit).parse::<char>().is_ok_and(|c| "kmgtp".contains(c));
    let sound = digits.parse::<f64>().is_ok() && known;
    // what a Kubernetes quantity calls Mi
    let meant = matches!(unit.as_str(), "ki" | "mi" | "gi" | "ti").then(|| format!("write {digits}{}B", text[number..].trim()));
    (!sound).then(|| refused("this is no amount of memory", ALLOWED).hint(meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(form: Form, text: &str) -> &'static str {
        match form.trouble(text) {
            None => "fine",
            Some(trouble) if trouble.refused => "refused",
            Some(_) => "silent",
        }
    }

    #[test]
    fn forms_should_judge_as_the_webhooks_do() {
        use Form::{Bytes, ExternalTarget, Latency, Percent, Phase, Rate};
        for (form, text, expected) in [
            (Latency, "100ms", "fine"),
            (Latency, "1.5s", "fine"),
            (Latency, "0ms", "fine"),
            (Latency, "0.5s", "silent"),
            (Latency, "05ms", "silent"),
            (Latency, "0.1ms", "silent"),
            (Latency, "1m30s", "refused"),
            (Latency, "-5ms", "refused"),
            (Latency, "10", "refused"),
            (Latency, "1.ms", "refused"),
            (Latency, "", "refused"),
            (Percent, "25", "fine"),
            (Percent, "12.5", "fine"),
            (Percent, "150", "silent"),
            (Percent, "-1", "silent"),
            (Percent, "NaN", "silent"),
            (Percent, "10%", "refused"),
            (Percent, "", "refused"),
            (Percent, "1e999", "refused"),
            (Rate, "1mbps", "fine"),
            (Rate, "10MBIT", "fine"),
            (Rate, "1.5mbps", "refused"),
            (Rate, "1MB", "refused"),
            (Rate, "1 mbit", "refused"),
            (Rate, "mbit", "refused"),
            (Rate, "100", "refused"),
            (ExternalTarget, "1.1.1.1", "fine"),
            (ExternalTarget, "10.0.0.0/8", "fine"),
            (ExternalTarget, "www.example.com:443", "fine"),
            (ExternalTarget, "::1", "silent"),
            (ExternalTarget, "[2001:db8::1]:80", "silent"),
            (ExternalTarget, "10.0.0.0/33", "silent"),
            (ExternalTarget, "", "refused"),
            (Bytes, "256MB", "fine"),
            (Bytes, "256MiB", "fine"),
            (Bytes, "256M", "fine"),
            (Bytes, "1.5GB", "fine"),
            (Bytes, "256 MB", "fine"),
            (Bytes, "0", "fine"),
            (Bytes, "100%", "fine"),
            (Bytes, "101%", "refused"),
            (Bytes, "abc", "refused"),
            (Bytes, "-1MB", "refused"),
            (Bytes, "256Mi", "refused"),
            (Phase, "!Running", "fine"),
            (Phase, "running", "refused"),
        ] {
            assert_eq!(verdict(form, text), expected, "{form:?} {text:?}");
        }
    }
}
