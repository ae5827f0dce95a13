//! Compressed families that can be joined in any order into one gzip stream.
//!
//! Each family is a run of deflate blocks that begins without a dictionary and ends on a byte boundary (a full flush), so
//! a page is compressed by copying: head, families, an empty last block, checksum and length of the plain text.

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use parking_lot::Mutex;

/// A page is a third larger than at level 3 and takes a third of the time, which else would be half of what a scrape costs.
const LEVEL: u32 = 1;
/// Compressors that are kept for the next use: as many as there are threads that compress at the same time.
const KEPT: usize = 2;

pub(super) const HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const LAST_BLOCK: &[u8] = &[3, 0];

/// Compressors between two uses: making one costs as much as compressing a small result.
#[derive(Debug, Default)]
pub(crate) struct Compressors {
    idle: Mutex<Vec<Compress>>,
    turn: tokio::sync::Mutex<()>,
}

impl Compressors {
    /// Waits until no other large result is being compressed: each thread that does so keeps memory of its own.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Compresses each family by itself.
    pub(super) fn deflate<'a>(&self, families: impl IntoIterator<Item = &'a [u8]>) -> Deflated {
        let taken = self.idle.lock().pop();
        let mut compress = taken.unwrap_or_else(|| Compress::new(Compression::new(LEVEL), false));
        let (mut bytes, mut families_of_it) = (Vec::new(), Vec::new());
        for family in families {
            deflate(&mut compress, family, &mut bytes);
            let mut checksum = Hasher::new();
            checksum.update(family);
            families_of_it.push((bytes.len(), checksum));
        }
        let mut kept = self.idle.lock();
        if kept.len() < KEPT {
            kept.push(compress);
        }
        Deflated { bytes: bytes.into_boxed_slice().into(), families: families_of_it }
    }
}

fn deflate(compress: &mut Compress, mut family: &[u8], out: &mut Vec<u8>) {
    out.reserve(family.len() / 8 + 64);
    loop {
        let before = compress.total_in();
        // The only error of a compressor is one of its caller's state; what it has written until then is kept.
        let status = compress.compress_vec(family, out, FlushCompress::Full).unwrap_or(Status::StreamEnd);
        family = &family[(compress.total_in() - before) as usize..];
        // A flush is complete when it leaves room in the output.
        if out.len() < out.capacity() || status == Status::StreamEnd {
            return;
        }
        out.reserve(family.len() / 8 + 64);
    }
}

/// Compressed families, one after another.
#[derive(Debug)]
pub(crate) struct Deflated {
    bytes: Bytes,
    /// The end of each family in `bytes`, and the checksum of its plain text, which knows its length as well.
    families: Vec<(usize, Hasher)>,
}

impl Deflated {
    /// One family, and the checksum of its plain text.
    pub fn family(&self, at: usize) -> (Bytes, &Hasher) {
        let start = at.checked_sub(1).map_or(0, |before| self.families[before].0);
        let (end, checksum) = &self.families[at];
        (self.bytes.slice(start..*end), checksum)
    }

    /// The plain text of each family.
    pub fn inflate(&self) -> Vec<Bytes> {
        let mut decompress = Decompress::new(false);
        let plain =
            |(_, checksum): &(usize, Hasher)| inflate(&mut decompress, &self.bytes, checksum.total_len()).into();
        self.families.iter().map(plain).collect()
    }
}

/// The next so many bytes of plain text.
fn inflate(decompress: &mut Decompress, bytes: &[u8], length: u64) -> Vec<u8> {
    let mut plain = vec![0; length as usize];
    let mut filled = 0;
    while filled < plain.len() {
        let (read, written) = (decompress.total_in(), decompress.total_out());
        let status = decompress.decompress(&bytes[read as usize..], &mut plain[filled..], FlushDecompress::Sync);
        filled += (decompress.total_out() - written) as usize;
        // It makes progress, since this is what the compressor has written of a text of this length.
        if status.is_err() || decompress.total_out() == written {
            break;
        }
    }
    plain
}

/// What comes after the families of a page whose plain text has this checksum.
pub(super) fn tail(checksum: Hasher) -> Vec<u8> {
    let mut tail = LAST_BLOCK.to_vec();
    // The format holds the length modulo 2^32.
    let length = checksum.total_len() as u32;
    tail.extend_from_slice(&checksum.finalize().to_le_bytes());
    tail.extend_from_slice(&length.to_le_bytes());
    tail
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn families() -> Vec<Bytes> {
        let big: String = (0..50_000).map(|i| format!("metric{{a=\"{i}\"}} {}\n", i * 7919 % 1013)).collect();
        ["# one\n".into(), big, String::new(), "last\n".into()].map(Bytes::from).into()
    }

    #[test]
    fn joins_families_in_any_order() {
        let (families, compressors) = (families(), Compressors::default());
        // The second use has the compressor of the first.
        for _ in 0..2 {
            let deflated = compressors.deflate(families.iter().map(|family| &**family));
            for order in [[0, 1, 2, 3], [3, 1, 0, 2], [1, 1, 1, 3]] {
                let plain: Vec<u8> = order.iter().flat_map(|&at| families[at].to_vec()).collect();
                let (mut joined, mut all) = (HEAD.to_vec(), Hasher::new());
                for at in order {
                    let (bytes, checksum) = deflated.family(at);
                    joined.extend_from_slice(&bytes);
                    all.combine(checksum);
                }
                joined.extend(tail(all));
                let mut back = Vec::new();
                flate2::read::GzDecoder::new(&joined[..]).read_to_end(&mut back).unwrap();
                assert_eq!(back, plain);
            }
        }
    }

    #[test]
    fn inflates_what_it_has_deflated() {
        let families = families();
        assert_eq!(Compressors::default().deflate(families.iter().map(|family| &**family)).inflate(), families);
    }
}
