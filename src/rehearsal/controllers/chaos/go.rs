//! Values as Go's standard library reads them, with its words for what it cannot read.

/// Nanoseconds of a `time.ParseDuration` text.
///
/// # Errors
/// Go's words.
pub fn duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() || number == "." || number.matches('.').count() > 1 {
            return Err(invalid());
        }
        let number: f64 = number.parse().map_err(|_| invalid())?;
        if tail.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let letters = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        total += number * scale;
        rest = tail;
    }
    if total > 9.2e18 {
        return Err(invalid());
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    let nanos = total.round() as i64;
    Ok(if negative { -nanos } else { nanos })
}

/// The number of a `strconv.Atoi` text.
///
/// # Errors
/// Go's words.
pub fn atoi(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let why = if number { "value out of range" } else { "invalid syntax" };
    text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: {why}"))
}

/// How much of something a text like `256MB`, `1.5GiB` or `30%` asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Bytes.
    Bytes(f64),
    /// Percent of what there is.
    Percent(i64),
}

/// An amount of memory as Docker's units have it: decimal multiples, whatever the suffix says of binary ones.
///
/// # Errors
/// The words of Go and of Docker's library.
pub fn bytes(text: &str) -> Result<Option<Amount>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent = atoi(percent)?;
        return if (0..=100).contains(&percent) { Ok(Some(Amount::Percent(percent))) } else { Err("illegal proportion".to_owned()) };
    }
    let invalid = || format!("invalid size: '{text}'");
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
    let (number, suffix) = text.split_at(last + 1);
    let size = float(number.strip_suffix(' ').unwrap_or(number))?;
    if size < 0.0 {
        return Err(invalid());
    }
    let lower = suffix.to_ascii_lowercase();
    let bad = || format!("invalid suffix: '{}'", if suffix.len() > 3 { suffix } else { &lower });
    let scale = match lower.trim_end_matches("ib").trim_end_matches('b') {
        "" if matches!(lower.as_str(), "" | "b") => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "p" => 1e15,
        _ => return Err(bad()),
    };
    if lower.len() > 3 { Err(bad()) } else { Ok(Some(Amount::Bytes(size * scale))) }
}

/// The number of a `strconv.ParseFloat` text.
///
/// # Errors
/// Go's words.
pub fn float(text: &str) -> Result<f64, String> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    let known = matches!(text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str(), "inf" | "infinity" | "nan");
    (plain || known).then(|| text.parse().ok()).flatten().ok_or_else(|| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
}

/// Bytes a second of a rate like `1mbps` or `8mbit`.
///
/// # Errors
/// Chaos Mesh's words.
pub fn rate(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64, u64); 10] = [
        ("tbps", 1_000_000_000_000, 1),
        ("gbps", 1_000_000_000, 1),
        ("mbps", 1_000_000, 1),
        ("kbps", 1000, 1),
        ("bps", 1, 1),
        ("tbit", 1_000_000_000_000, 8),
        ("gbit", 1_000_000_000, 8),
        ("mbit", 1_000_000, 8),
        ("kbit", 1000, 8),
        ("bit", 1, 8),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let Some((number, scale, parts)) = UNITS.iter().find_map(|(unit, scale, parts)| Some((lower.strip_suffix(unit)?.trim(), scale, parts)))
    else {
        return Err("invalid unit".to_owned());
    };
    let number: u64 = number.parse().map_err(|_| format!("strconv.ParseUint: parsing {number:?}: invalid syntax"))?;
    Ok(number.saturating_mul(*scale) / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_should_be_read_as_go_reads_it() {
        assert_eq!(duration("1m30.5s"), Ok(90_500_000_000));
        assert_eq!(duration("-5s"), Ok(-5_000_000_000));
        assert_eq!(duration("0"), Ok(0));
        assert_eq!(duration("30"), Err("time: missing unit in duration \"30\"".to_owned()));
        assert_eq!(duration("1d"), Err("time: unknown unit \"d\" in duration \"1d\"".to_owned()));
        assert_eq!(duration(""), Err("time: invalid duration \"\"".to_owned()));
        assert!(duration("1.2.3s").is_err() && duration("s").is_err());
    }

    #[test]
    fn bytes_should_be_read_as_docker_reads_them() {
        assert_eq!(bytes("256MB"), Ok(Some(Amount::Bytes(256e6))));
        assert_eq!(bytes("256 MiB"), Ok(Some(Amount::Bytes(256e6))));
        assert_eq!(bytes("1.5g"), Ok(Some(Amount::Bytes(1.5e9))));
        assert_eq!(bytes("0"), Ok(Some(Amount::Bytes(0.0))));
        assert_eq!(bytes("30%"), Ok(Some(Amount::Percent(30))));
        assert_eq!(bytes(""), Ok(None));
        assert_eq!(bytes("abc"), Err("invalid size: 'abc'".to_owned()));
        assert_eq!(bytes("-1MB"), Err("invalid size: '-1MB'".to_owned()));
        assert_eq!(bytes("1XB"), Err("invalid suffix: 'xb'".to_owned()));
        assert_eq!(bytes("101%"), Err("illegal proportion".to_owned()));
        assert_eq!(bytes("x%"), Err("strconv.Atoi: parsing \"x\": invalid syntax".to_owned()));
    }

    #[test]
    fn rate_should_tell_bits_from_bytes() {
        assert_eq!(rate("1mbps"), Ok(1_000_000));
        assert_eq!(rate("8Mbit"), Ok(1_000_000));
        assert_eq!(rate("1MB"), Err("invalid unit".to_owned()));
        assert_eq!(rate("1.5mbps"), Err("strconv.ParseUint: parsing \"1.5\": invalid syntax".to_owned()));
    }
}
