//! How chance falls: the distributions of arrivals and of work.
//!
//! The logarithm and the exponential are written out in operations that every machine rounds alike, since what they give ends up in journals.

use crate::rehearsal::dice::Rolls;

const LN_2: f64 = std::f64::consts::LN_2;

/// One over the odd numbers, from the fifteenth down.
const ODD: [f64; 8] = [1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];

/// One over the factorials, from that of seven down. They are written out since a division takes as long as four multiplications, and most of what
/// traffic reckons is this.
const INVERSE_FACTORIALS: [f64; 8] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];

/// The natural logarithm of a positive, ordinary number, to nine digits.
#[must_use]
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut power = f64::from(u32::try_from(bits >> 52 & 0x7ff).unwrap_or(0)) - 1023.0;
    let mut part = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    if part > 1.5 {
        part /= 2.0;
        power += 1.0;
    }
    let t = (part - 1.0) / (part + 1.0);
    let square = t * t;
    let series = ODD.iter().fold(0.0, |sum, one| sum * square + one);
    2.0 * t * series + power * LN_2
}

/// e to this power, which is kept within -60 and 60.
#[must_use]
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-60.0, 60.0);
    let part = x / 1024.0;
    let small = INVERSE_FACTORIALS.iter().fold(0.0, |sum, one| sum * part + one);
    (0..10).fold(small, |power, _| power * power)
}

/// From -1 to 1 and back, as the sine of this share of a turn, within a thousandth.
#[must_use]
pub fn sine(turn: f64) -> f64 {
    let within = turn - turn.floor();
    let (half, sign) = if within < 0.5 { (within, 1.0) } else { (within - 0.5, -1.0) };
    let arc = 16.0 * half * (0.5 - half);
    sign * 4.0 * arc / (5.0 - arc)
}

/// A wait for something that comes at any moment alike, this long on average.
pub fn wait(rolls: &mut Rolls, mean: f64) -> f64 {
    -mean * ln(1.0 - rolls.unit())
}

/// Around 0, within about 1 most often, never above 3.5.
pub fn normal(rolls: &mut Rolls) -> f64 {
    let sum: f64 = (0..4).map(|_| rolls.unit()).sum();
    (sum - 2.0) * 1.732_050_807_568_877_2
}

/// A factor around 1, 1 on average, with a tail to the right: the wider, the longer.
pub fn factor(rolls: &mut Rolls, wide: f64) -> f64 {
    exp(wide * normal(rolls) - wide * wide / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::dice::Dice;

    #[test]
    fn series_should_agree_with_the_functions_they_stand_for() {
        for n in 1..2000 {
            let x = f64::from(n) * 0.013;
            assert!((ln(x) - x.ln()).abs() < 1e-8, "ln {x}");
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-8, "exp {x}");
            assert!((exp(-x) / (-x).exp() - 1.0).abs() < 1e-8, "exp -{x}");
            let turn = f64::from(n) / 700.0;
            assert!((sine(turn) - (turn * std::f64::consts::TAU).sin()).abs() < 0.002, "sine {turn}");
        }
    }

    #[test]
    fn waits_and_factors_should_have_the_means_they_are_asked_for() {
        let mut rolls = Dice::new(4).stream("chance");
        let mean = |draws: Vec<f64>| draws.iter().sum::<f64>() / 20_000.0;
        let waits = mean((0..20_000).map(|_| wait(&mut rolls, 3.0)).collect());
        assert!((2.9..3.1).contains(&waits), "{waits}");
        let factors = mean((0..20_000).map(|_| factor(&mut rolls, 0.5)).collect());
        assert!((0.98..1.02).contains(&factors), "{factors}");
    }
}
