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
    text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
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
    fn rate_should_tell_bits_from_bytes() {
        assert_eq!(rate("1mbps"), Ok(1_000_000));
        assert_eq!(rate("8Mbit"), Ok(1_000_000));
        assert_eq!(rate("1MB"), Err("invalid unit".to_owned()));
        assert_eq!(rate("1.5mbps"), Err("strconv.ParseUint: parsing \"1.5\": invalid syntax".to_owned()));
    }
}
