//! Seeded randomness: every draw of the practice cluster comes from a stream with a name.
//!
//! Streams are independent: what one stream has drawn never shifts another, so a new draw somewhere leaves the rest of a rehearsal as it was.

use std::time::Duration;

/// The seed of one rehearsal, from which any number of named streams can be taken.
#[derive(Debug, Clone, Copy)]
pub struct Dice {
    seed: u64,
}

impl Dice {
    /// Dice of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of this name. Two calls with one name give two streams that draw the same numbers.
    #[must_use]
    pub fn stream(&self, name: &str) -> Rolls {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut rolls = Rolls { state: self.seed ^ hash.rotate_left(17) };
        rolls.state = rolls.bits() ^ hash;
        rolls
    }
}

/// One stream of draws (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Rolls {
    state: u64,
}

/// The letters of generated names, as Kubernetes chooses them: no vowels, no digits that look like letters.
const NAME_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

impl Rolls {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { u64::try_from((u128::from(self.bits()) * u128::from(bound)) >> 64).unwrap_or(0) }
    }

    /// A position in a list of `len` items; 0 when the list is empty.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        // 32 bits are plenty for a model, and exact in a double.
        f64::from(u32::try_from(self.bits() >> 32).unwrap_or(0)) / 4_294_967_296.0
    }

    /// A duration between the two ends, in whole milliseconds' steps where they allow it.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let width = to.saturating_sub(from);
        from + width.mul_f64(self.unit())
    }

    /// The five random characters at the end of a generated name.
    pub fn name_suffix(&mut self) -> String {
        (0..5).map(|_| char::from(NAME_LETTERS[self.index(NAME_LETTERS.len())])).collect()
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let high = self.bits();
        let low = self.bits();
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }
}

/// The characters of a `pod-template-hash` for this number: the decimal digits in the letters of generated names, as Kubernetes writes them.
#[must_use]
pub fn safe_encode(number: u32) -> String {
    number.to_string().bytes().map(|digit| char::from(NAME_LETTERS[usize::from(digit) % NAME_LETTERS.len()])).collect()
}

/// FNV-1a of 32 bits, which Kubernetes uses for template hashes.
#[must_use]
pub fn fnv32(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_should_repeat_by_name_and_differ_between_names() {
        let dice = Dice::new(7);
        let draw = |name: &str| {
            let mut rolls = dice.stream(name);
            (rolls.bits(), rolls.uuid(), rolls.name_suffix())
        };
        assert_eq!(draw("a"), draw("a"));
        assert_ne!(draw("a"), draw("b"));
        assert_ne!(draw("a"), {
            let mut rolls = Dice::new(8).stream("a");
            (rolls.bits(), rolls.uuid(), rolls.name_suffix())
        });
    }

    #[test]
    fn template_hash_should_use_the_characters_of_the_real_one() {
        assert_eq!(safe_encode(3_349_334_686), "778f778bdb");
    }
}
