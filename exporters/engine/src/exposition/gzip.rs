//! Compressed families that can be joined in any order into one gzip stream.
//!
//! Each family is a run of deflate results that begins without a dictionary and ends on a byte boundary (a full flush), so
//! a page is compressed by copying: head, families, an empty last result, checksum and length of the plain text.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Fast enough to cost little beside the query, and as small as the higher levels on such text within a few percent.
const LEVEL: u32 = 3;

pub(super) const HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const LAST_BLOCK: &[u8] = &[3, 0];

/// One compressed family.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deflated(pub Bytes);

/// Compresses each family by itself.
pub(super) fn deflate<'a>(families: impl Iterator<Item = &'a Bytes>) -> Vec<Deflated> {
    let mut compress = Compress::new(Compression::new(LEVEL), false);
    families.map(|family| Deflated(deflate_one(&mut compress, family).into())).collect()
}

fn deflate_one(compress: &mut Compress, mut family: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(family.len() / 8 + 64);
    loop {
        let before = compress.total_in();
        // The only error of a compressor is one of its caller's state; what it has written until then is kept.
        let status = compress.compress_vec(family, &mut out, FlushCompress::Full).unwrap_or(Status::StreamEnd);
        family = &family[(compress.total_in() - before) as usize..];
        // A flush is complete when it leaves room in the output.
        if out.len() < out.capacity() || status == Status::StreamEnd {
            out.shrink_to_fit();
            return out;
        }
        out.reserve(out.len() + 64);
    }
}

/// What comes after the families of a page whose plain text has this checksum and length.
pub(super) fn tail(crc: u32, length: u64) -> Vec<u8> {
    let mut tail = LAST_BLOCK.to_vec();
    tail.extend_from_slice(&crc.to_le_bytes());
    // The format holds the length modulo 2^32.
    tail.extend_from_slice(&(length as u32).to_le_bytes());
    tail
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn joins_families_in_any_order() {
        let big: String = (0..50_000).map(|i| format!("metric{{a=\"{i}\"}} {}\n", i * 7919 % 1013)).collect();
        let families: Vec<Bytes> = ["# one\n".into(), big, String::new(), "last\n".into()].map(Bytes::from).into();
        let deflated = deflate(families.iter());
        for order in [[0, 1, 2, 3], [3, 1, 0, 2], [1, 1, 1, 3]] {
            let plain: Vec<u8> = order.iter().flat_map(|&at| families[at].to_vec()).collect();
            let mut joined = HEAD.to_vec();
            order.iter().for_each(|&at| joined.extend_from_slice(&deflated[at].0));
            joined.extend(tail(crc32fast::hash(&plain), plain.len() as u64));
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&joined[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, plain);
        }
    }
}
