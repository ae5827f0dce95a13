//! A whole page: families sorted by name, each with its header once and the lines of all results.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::format::Format;
use super::gzip;
use super::headers::Headers;
use super::result::EncodedResult;
use super::self_metrics::{OwnFamily, SelfMetrics};

/// Pieces from this size on are sent as they are, shared by all pages that hold them.
const SHARED: usize = 4 * 1024;
/// Smaller ones are copied together into chunks of about this size.
const CHUNK: usize = 64 * 1024;

/// One result that goes onto the page.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Index of its collector.
    pub collector: usize,
    /// Which of the databases it is from.
    pub database: usize,
    pub result: Arc<EncodedResult>,
}

/// A page, ready to send.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub chunks: Vec<Bytes>,
    /// Bytes in all chunks.
    pub length: u64,
    /// By collector: samples dropped because another result of the page has the same series.
    pub repeated: BTreeMap<usize, u64>,
}

impl Page {
    /// Puts a page together out of results that are already encoded.
    pub fn build(headers: &Headers, parts: &[Part], own: SelfMetrics, format: Format, gzip: bool) -> Self {
        let mut by_family: Vec<Vec<(&Part, usize)>> = vec![Vec::new(); headers.iter().len()];
        for part in parts {
            for (at, (family, _)) in part.result.families.iter().enumerate() {
                by_family[*family].push((part, at));
            }
        }
        let mut own = own.into_families().into_iter().peekable();
        let mut writer = Writer::new(gzip);
        let mut repeated = BTreeMap::new();
        for ((next, header), found) in headers.iter().zip(&by_family).filter(|(_, found)| !found.is_empty()) {
            while let Some((name, family)) = own.next_if(|(name, _)| name < next) {
                writer.own_family(&name, family, format);
            }
            writer.family(header.bytes(format), || header.deflated(format));
            if may_repeat(found) {
                writer.plain(without_repeats(found, &mut repeated));
            } else {
                for (part, at) in found {
                    writer.family(&part.result.families[*at].1, || part.result.deflated(*at));
                }
            }
        }
        for (name, family) in own {
            writer.own_family(&name, family, format);
        }
        if format == Format::OpenMetrics {
            writer.plain(b"# EOF\n".to_vec());
        }
        let (chunks, length) = writer.finish();
        Self { chunks, length, repeated }
    }
}

/// Lines can only repeat when two results do not carry different databases in their labels.
fn may_repeat(found: &[(&Part, usize)]) -> bool {
    let mut databases = HashSet::new();
    found.len() > 1 && !found.iter().all(|(part, _)| part.result.scoped && databases.insert(part.database))
}

fn without_repeats(found: &[(&Part, usize)], repeated: &mut BTreeMap<usize, u64>) -> Vec<u8> {
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut kept = Vec::new();
    for (part, at) in found {
        for line in part.result.families[*at].1.split_inclusive(|byte| *byte == b'\n') {
            let series = line.iter().rposition(|byte| *byte == b' ').map_or(line, |end| &line[..end]);
            if seen.insert(series) {
                kept.extend_from_slice(line);
            } else {
                *repeated.entry(part.collector).or_default() += 1;
            }
        }
    }
    kept
}

/// Collects families into chunks, plain or compressed.
struct Writer {
    gzip: Option<crc32fast::Hasher>,
    plain_length: u64,
    pending: BytesMut,
    chunks: Vec<Bytes>,
}

impl Writer {
    fn new(gzip: bool) -> Self {
        let pending = BytesMut::from(if gzip { gzip::HEAD } else { &[] });
        Self { gzip: gzip.then(crc32fast::Hasher::new), plain_length: 0, pending, chunks: Vec::new() }
    }

    /// Adds a family that is kept both plain and, on demand, compressed.
    fn family<'a>(&mut self, plain: &'a Bytes, deflated: impl FnOnce() -> &'a Bytes) {
        self.plain_length += plain.len() as u64;
        match &mut self.gzip {
            Some(crc) => {
                crc.update(plain);
                self.push(deflated());
            }
            None => self.push(plain),
        }
    }

    /// Adds text of this page alone.
    fn plain(&mut self, text: Vec<u8>) {
        let text = Bytes::from(text);
        let deflated = if self.gzip.is_some() { gzip::deflate([&text].into_iter()).remove(0).0 } else { Bytes::new() };
        self.family(&text, || &deflated);
    }

    fn own_family(&mut self, name: &str, family: OwnFamily, format: Format) {
        let mut text = family.header(name).bytes(format).to_vec();
        text.extend_from_slice(&family.lines);
        self.plain(text);
    }

    fn push(&mut self, bytes: &Bytes) {
        if bytes.len() >= SHARED {
            self.flush();
            self.chunks.push(bytes.clone());
            return;
        }
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.chunks.push(self.pending.split().freeze());
        }
    }

    fn finish(mut self) -> (Vec<Bytes>, u64) {
        if let Some(crc) = self.gzip.take() {
            self.pending.extend_from_slice(&gzip::tail(crc.finalize(), self.plain_length));
        }
        self.flush();
        let length = self.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        (self.chunks, length)
    }
}
