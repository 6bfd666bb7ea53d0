//! What may be a name: of objects, labels, ports, places on the net.

/// A DNS label (RFC 1123): namespaces, scenario and environment names.
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_dns_part(text)
}

/// Dot-separated DNS parts of at most 253 characters: names of most objects.
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_part)
}

fn is_dns_part(text: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric) && bytes.iter().all(|b| alphanumeric(b) || *b == b'-')
}

/// A label value: empty, or at most 63 letters, digits, `-`, `_`, `.` with an alphanumeric end.
pub fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_qualified_part(text)
}

/// A label or annotation key: `name` or `prefix/name`.
pub fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_qualified_part(name),
        None => is_qualified_part(text),
    }
}

fn is_qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A port: 1 to 65535, or an IANA service name.
pub fn is_port(text: &str) -> bool {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<u16>().is_ok_and(|port| port > 0) && !text.starts_with('0');
    }
    text.len() <= 15 && is_dns_part(text) && !text.contains("--") && text.bytes().any(|b| b.is_ascii_lowercase())
}

/// Why a text is no URL that may stand in a scenario.
pub fn url_trouble(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| lower.starts_with(scheme).then(|| &text[scheme.len()..])) else {
        return Some("a URL must be absolute");
    };
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '\\' | '^' | '|')) {
        return Some("a URL can't hold this character; write it as %XX");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("a URL in a file must not carry credentials");
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("?"))),
            None => return Some("the bracket of this IPv6 address is never closed"),
        },
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit()) || !is_port(port)) {
        return Some("a port is a number from 1 to 65535");
    }
    let bracketed = authority.starts_with('[');
    let sound = if bracketed { host.parse::<std::net::Ipv6Addr>().is_ok() } else { is_host(host) };
    (!sound).then_some("this is no host name or address")
}

fn is_host(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|part| {
            !part.is_empty()
                && part.len() <= 63
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                && !part.starts_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_should_be_what_kubernetes_takes() {
        assert!(is_dns_label("task-api-2") && !is_dns_label("Task") && !is_dns_label("-a") && !is_dns_label("") && !is_dns_label("a.b"));
        assert!(is_dns_subdomain("a.b-c") && !is_dns_subdomain("a..b") && !is_dns_subdomain("Bad_Name"));
        assert!(is_label_key("app.kubernetes.io/name") && is_label_key("App_1") && !is_label_key("a/b/c") && !is_label_key("/a"));
        assert!(is_label_value("") && is_label_value("v1.2_x") && !is_label_value("a b") && !is_label_value("-a"));
        assert!(is_port("80") && is_port("http-web") && !is_port("0") && !is_port("65536") && !is_port("-") && !is_port(""));
    }

    #[test]
    fn urls_should_be_absolute() {
        for url in [
            "http://a",
            "https://prometheus.example.com/x?y=1",
            "http://task-api.staging.svc:8080/",
            "http://127.0.0.1:9090",
            "http://[::1]:80/x",
            "HTTPS://A",
        ] {
            assert_eq!(url_trouble(url), None, "{url}");
        }
        for url in [
            "a.example.com",
            "/path",
            "ftp://a",
            "http://",
            "http:///x",
            "http://a b",
            "http://u:p@a",
            "http://a:99999",
            "http://a:x",
            "http://[::1",
            "https://-a",
        ] {
            assert!(url_trouble(url).is_some(), "{url}");
        }
    }
}
