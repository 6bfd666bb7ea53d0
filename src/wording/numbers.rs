//! Numbers in their units.

use crate::scenario::model::Unit;

/// A number in its unit: `2.1 %`, `212 ms`, `1.5 MiB`.
#[must_use]
pub fn number(value: f64, unit: Unit) -> String {
    let significant = |value: f64| {
        let digits = match value.abs() {
            v if v >= 100.0 || v == 0.0 => 0,
            v if v >= 10.0 => 1,
            v if v >= 1.0 => 2,
            _ => 3,
        };
        format!("{value:.digits$}")
    };
    match unit {
        Unit::None => significant(value),
        Unit::Percent => {
            let percent = value * 100.0;
            let digits = usize::from(percent.abs() < 9.95) + usize::from(percent != 0.0 && percent.abs() < 0.095);
            format!("{percent:.digits$} %")
        }
        Unit::Seconds if value.abs() < 0.9995 => format!("{:.0} ms", value * 1000.0),
        Unit::Seconds => format!("{} s", significant(value)),
        Unit::Bytes => {
            let (mut value, mut prefix) = (value, "B");
            for next in ["KiB", "MiB", "GiB", "TiB"] {
                if value.abs() >= 1024.0 {
                    (value, prefix) = (value / 1024.0, next);
                }
            }
            format!("{} {prefix}", significant(value))
        }
        Unit::Cores if value.abs() < 0.9995 => format!("{:.0} m", value * 1000.0),
        Unit::Cores => format!("{} cores", significant(value)),
        Unit::PerSecond => format!("{}/s", significant(value)),
    }
}
