//! Mutations of seeds, by a generator of numbers that is the same everywhere.

/// Bytes and words at which parsers differ.
const WORDS: [&[u8]; 24] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b"\"",
    b"'",
    b"\\",
    b":",
    b"=",
    b"%",
    b"{",
    b"}",
    b"[",
    b"]",
    b"#",
    b"&",
    b"\xff",
    b"\xc3",
    "\u{202e}".as_bytes(),
    b"\x1b[2J",
    b"-1",
    b"9223372036854775808",
    b"1e999",
    b"NaN",
];
/// Longest input.
const MOST_BYTES: usize = 16 << 10;

/// Makes inputs out of seeds.
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
    /// What the seeds consist of: their words and signs.
    tokens: Vec<Vec<u8>>,
}

impl Mutator {
    /// The inputs follow from `seed` alone.
    pub fn new(seed: u64, seeds: &[Vec<u8>]) -> Self {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let words = seeds.iter().flat_map(|seed| seed.chunk_by(move |left, right| is_word(left) == is_word(right)));
        let mut tokens: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
        tokens.extend(WORDS.map(<[u8]>::to_vec));
        tokens.sort();
        tokens.dedup();
        Self { state: seed, seeds: seeds.to_vec(), tokens }
    }

    /// The next input: a seed with one to eight changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(MOST_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (start, end) = self.range(input.len());
        match self.below(7) {
            0 => drop(input.drain(start..end)),
            1 => {
                let piece = input[start..end].to_vec();
                let times = self.below(4);
                input.splice(start..start, piece.repeat(times));
            }
            2 => {
                let token = self.token();
                input.splice(start..start, token);
            }
            3 => {
                let token = self.token();
                input.splice(start..end, token);
            }
            4 => {
                let other = self.below(self.seeds.len());
                let (from, to) = self.range(self.seeds[other].len());
                let piece = self.seeds[other][from..to].to_vec();
                input.splice(start..end, piece);
            }
            5 if start < input.len() => input[start] ^= 1 << self.below(8),
            5 => {}
            _ => {
                let byte = self.below(256) as u8;
                input.insert(start, byte);
            }
        }
    }

    fn token(&mut self) -> Vec<u8> {
        let at = self.below(self.tokens.len());
        self.tokens[at].clone()
    }

    /// A part of so many bytes, mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length } else { 16 };
        (start, (start + self.below(most + 1)).min(length))
    }

    /// A number below `limit`, which is above 0 (splitmix64).
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_its_inputs() {
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed, &[b"host=a port=1".to_vec(), b"url".to_vec()]);
            (0..100).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }
}
