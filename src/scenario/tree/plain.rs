//! What a bare scalar is: YAML 1.2's core schema, and where YAML 1.1 would differ.
//!
//! kubectl reads YAML 1.1, gameday 1.2. Where the two would see different values the scalar is
//! [`Plain::Ambiguous`] and has to be quoted, so that nobody has to know which reader it met.

/// What a bare scalar is.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; may be infinite or not a number.
    Float(f64),
    /// Text.
    Text,
    /// YAML 1.1 and 1.2 disagree.
    Ambiguous {
        /// What YAML 1.1 makes of it.
        old: &'static str,
        /// What YAML 1.2 makes of it.
        new: &'static str,
    },
}

/// What the bare scalar `text` is.
pub fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Plain::Ambiguous { old: "true", new: "text" },
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Plain::Ambiguous { old: "false", new: "text" },
        ".nan" | ".NaN" | ".NAN" => return Plain::Float(f64::NAN),
        "=" => return Plain::Ambiguous { old: "a default value", new: "text" },
        _ => {}
    }
    let (sign, bare) = match text.as_bytes()[0] {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if matches!(bare, ".inf" | ".Inf" | ".INF") {
        return Plain::Float(sign * f64::INFINITY);
    }
    // Nothing else that starts neither with a digit nor with a point is a number to anyone.
    if !bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Plain::Text;
    }
    if let Some(ambiguous) = disputed(text, bare) {
        return ambiguous;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        return i64::from_str_radix(digits, 16).ok().filter(|_| hex).map_or(Plain::Text, Plain::Int);
    }
    if bare.bytes().all(|b| b.is_ascii_digit()) {
        // Too long for an integer: a float to every reader.
        return text.parse().map_or_else(|_| text.parse().map_or(Plain::Text, Plain::Float), Plain::Int);
    }
    if is_float(bare) {
        return text.parse().map_or(Plain::Text, Plain::Float);
    }
    Plain::Text
}

/// Numbers that only one of the two readers sees, or that they read differently.
fn disputed(text: &str, bare: &str) -> Option<Plain> {
    let all = |s: &str, ok: fn(u8) -> bool| !s.is_empty() && s.bytes().all(ok);
    let digits = |b: u8| b.is_ascii_digit() || b == b'_';
    if let Some(rest) = bare.strip_prefix("0o") {
        return all(rest, |b| matches!(b, b'0'..=b'7' | b'_')).then_some(Plain::Ambiguous { old: "text", new: "an octal number" });
    }
    if let Some(rest) = bare.strip_prefix("0b") {
        return all(rest, |b| matches!(b, b'0' | b'1' | b'_')).then_some(Plain::Ambiguous { old: "a binary number", new: "text" });
    }
    if let Some(rest) = bare.strip_prefix("0x") {
        let hex = all(rest, |b| b.is_ascii_hexdigit() || b == b'_');
        return (hex && (rest.contains('_') || bare.len() != text.len())).then_some(Plain::Ambiguous { old: "a number", new: "text" });
    }
    if all(bare, digits) && bare.contains('_') {
        return Some(Plain::Ambiguous { old: "a number", new: "text" });
    }
    if bare.len() > 1 && bare.starts_with('0') && all(bare, |b| b.is_ascii_digit()) {
        let octal = all(bare, |b| matches!(b, b'0'..=b'7'));
        return Some(Plain::Ambiguous { old: if octal { "an octal number" } else { "text" }, new: "a decimal number" });
    }
    // 1:30 and 1:30.5 are numbers in base 60 to YAML 1.1.
    if let Some((first, rest)) = bare.split_once(':') {
        let whole = rest.split_once('.').map_or(rest, |(whole, _)| whole);
        let fraction = rest.split_once('.').is_none_or(|(_, fraction)| fraction.is_empty() || all(fraction, digits));
        let base60 = |part: &str| part.len() <= 2 && part.parse::<u8>().is_ok_and(|n| n < 60) && all(part, |b| b.is_ascii_digit());
        if all(first, digits) && fraction && whole.split(':').all(base60) {
            return Some(Plain::Ambiguous { old: "a number in base 60", new: "text" });
        }
    }
    let without: String = bare.chars().filter(|c| *c != '_').collect();
    (without.len() < bare.len() && is_float(&without)).then_some(Plain::Ambiguous { old: "a number", new: "text" })
}

/// `\.[0-9]+ | [0-9]+(\.[0-9]*)?`, then `([eE][-+]?[0-9]+)?`.
fn is_float(bare: &str) -> bool {
    let (mantissa, exponent) = match bare.find(['e', 'E']) {
        Some(at) => (&bare[..at], Some(&bare[at + 1..])),
        None => (bare, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let sound = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    sound
        && match mantissa.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()),
            None => !mantissa.is_empty() && digits(mantissa),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_scalars_should_be_what_yaml_1_2_says() {
        for (text, is) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("true", Plain::Bool(true)),
            ("0", Plain::Int(0)),
            ("-12", Plain::Int(-12)),
            ("+12", Plain::Int(12)),
            ("0x1F", Plain::Int(31)),
            ("0.5", Plain::Float(0.5)),
            (".5", Plain::Float(0.5)),
            ("1e3", Plain::Float(1000.0)),
            ("-.inf", Plain::Float(f64::NEG_INFINITY)),
            ("99999999999999999999", Plain::Float(1e20)),
        ] {
            assert_eq!(resolve(text), is, "{text}");
        }
        for text in [
            "60s",
            "100%",
            "task-api",
            "1.2.3",
            "10.0.0.1:80",
            "-",
            "--",
            "0xZZ",
            "2024-01-01",
            "yesterday",
            ".",
            "1:99",
            "http://x:80",
            "é",
        ] {
            assert_eq!(resolve(text), Plain::Text, "{text}");
        }
    }

    #[test]
    fn bare_scalars_should_be_disputed_where_yaml_1_1_differs() {
        for text in [
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "N",
            "010",
            "-07",
            "08",
            "0o17",
            "0b101",
            "1_000",
            "1:30",
            "1:30.5",
            "190:20:30",
            "-0x1F",
            "1_000.5",
            "=",
        ] {
            assert!(matches!(resolve(text), Plain::Ambiguous { .. }), "{text}: {:?}", resolve(text));
        }
    }
}
