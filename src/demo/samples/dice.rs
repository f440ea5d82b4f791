//! Chance that is the same each time: numbers that depend on a seed and on what they are for, and on nothing else.

use std::fmt::Write;

/// A row of numbers (`SplitMix64`). Good enough for samples, useless for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice for one purpose at one place.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, place: i64) -> Self {
        // FNV-1a over the purpose, so that two purposes share no numbers.
        let mut state = purpose.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        state ^= place.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut dice = Self(state);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, or zero when the limit is zero.
    pub fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit.max(1))).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of several things; the first when the list is exhausted, which it is not.
    pub fn pick<'a, T>(&mut self, first: &'a T, others: &'a [T]) -> &'a T {
        let at = self.below(u32::try_from(others.len()).unwrap_or(0).saturating_add(1));
        let at = usize::try_from(at).unwrap_or(0);
        at.checked_sub(1).and_then(|at| others.get(at)).unwrap_or(first)
    }

    /// So many lower-case hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        self.text(digits, b"0123456789abcdef")
    }

    /// So many letters of an alphabet.
    pub fn text(&mut self, letters: usize, alphabet: &[u8]) -> String {
        let size = u32::try_from(alphabet.len()).unwrap_or(1);
        (0..letters)
            .map(|_| {
                let at = usize::try_from(self.below(size)).unwrap_or(0);
                alphabet.get(at).copied().map_or('0', char::from)
            })
            .collect()
    }

    /// A random UUID (RFC 9562, version 4).
    pub fn uuid(&mut self) -> String {
        let digits = self.hex(30);
        let mut out = String::with_capacity(36);
        for (at, digit) in digits.chars().enumerate() {
            match at {
                8 | 18 => out.push('-'),
                12 => out.push_str("-4"),
                15 => out.push_str("-a"),
                _ => {}
            }
            let _ = out.write_char(digit);
        }
        out
    }
}
