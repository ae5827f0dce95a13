//! A whole page: families sorted by name, each with its header once and the lines of all results.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use crc32fast::Hasher;

use super::format::Format;
use super::gzip::{self, Compressors, Deflated};
use super::headers::{Header, Headers};
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

/// How a page is sent.
#[derive(Clone, Copy)]
pub(crate) struct PageEncoding<'a> {
    pub format: Format,
    pub gzip: bool,
    pub compressors: &'a Compressors,
}

/// The lines of a part as the page has them.
enum Lines {
    Plain(Arc<[Bytes]>),
    Deflated(Arc<Deflated>),
}

impl Page {
    /// Puts a page together out of results that are already encoded.
    pub fn build(headers: &Headers, parts: &[Part], own: SelfMetrics, encoding: PageEncoding<'_>) -> Self {
        let PageEncoding { format, gzip, compressors } = encoding;
        let lines = |part: &Part| match gzip {
            true => Lines::Deflated(part.result.deflated(compressors)),
            false => Lines::Plain(part.result.plain()),
        };
        let lines: Vec<Lines> = parts.iter().map(lines).collect();
        let mut by_family: Vec<Vec<(&Part, &Lines, usize)>> = vec![Vec::new(); headers.iter().len()];
        for (part, lines) in parts.iter().zip(&lines) {
            for (at, family) in part.result.families.iter().enumerate() {
                by_family[*family].push((part, lines, at));
            }
        }
        let mut own = own.into_families().into_iter().peekable();
        let mut writer = Writer::new(encoding);
        let mut repeated = BTreeMap::new();
        for ((next, header), found) in headers.iter().zip(&by_family).filter(|(_, found)| !found.is_empty()) {
            while let Some((name, family)) = own.next_if(|(name, _)| name < next) {
                writer.own_family(&name, family);
            }
            writer.header(header);
            if may_repeat(found) {
                writer.plain(without_repeats(found, &mut repeated));
            } else {
                found.iter().for_each(|(_, lines, at)| writer.family(lines, *at));
            }
        }
        for (name, family) in own {
            writer.own_family(&name, family);
        }
        if format == Format::OpenMetrics {
            writer.plain(b"# EOF\n".to_vec());
        }
        let (chunks, length) = writer.finish();
        Self { chunks, length, repeated }
    }
}

/// Lines can only repeat when two results do not carry different databases in their labels.
fn may_repeat(found: &[(&Part, &Lines, usize)]) -> bool {
    let mut databases = HashSet::new();
    found.len() > 1 && !found.iter().all(|(part, ..)| part.result.scoped && databases.insert(part.database))
}

fn without_repeats(found: &[(&Part, &Lines, usize)], repeated: &mut BTreeMap<usize, u64>) -> Vec<u8> {
    let plain: Vec<Bytes> = found.iter().map(|(part, _, at)| part.result.plain()[*at].clone()).collect();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut kept = Vec::new();
    for ((part, ..), lines) in found.iter().zip(&plain) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
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
struct Writer<'a> {
    encoding: PageEncoding<'a>,
    /// Of the plain text of a compressed page.
    checksum: Hasher,
    pending: BytesMut,
    chunks: Vec<Bytes>,
}

impl<'a> Writer<'a> {
    fn new(encoding: PageEncoding<'a>) -> Self {
        let pending = BytesMut::from(if encoding.gzip { gzip::HEAD } else { &[] });
        Self { encoding, checksum: Hasher::new(), pending, chunks: Vec::new() }
    }

    fn header(&mut self, header: &Header) {
        let PageEncoding { format, gzip, compressors } = self.encoding;
        if gzip {
            self.deflated(header.deflated(format, compressors));
        } else {
            self.push(header.bytes(format));
        }
    }

    fn family(&mut self, lines: &Lines, at: usize) {
        match lines {
            Lines::Plain(plain) => self.push(&plain[at]),
            Lines::Deflated(deflated) => self.deflated(deflated.family(at)),
        }
    }

    fn deflated(&mut self, (bytes, checksum): (Bytes, &Hasher)) {
        self.checksum.combine(checksum);
        self.push(&bytes);
    }

    /// Adds text of this page alone.
    fn plain(&mut self, text: Vec<u8>) {
        if self.encoding.gzip {
            self.deflated(self.encoding.compressors.deflate([&*text]).family(0));
        } else {
            self.push(&text.into());
        }
    }

    fn own_family(&mut self, name: &str, family: OwnFamily) {
        let mut text = family.header(name).bytes(self.encoding.format).to_vec();
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
        if self.encoding.gzip {
            self.pending.extend_from_slice(&gzip::tail(std::mem::take(&mut self.checksum)));
        }
        self.flush();
        let length = self.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        (self.chunks, length)
    }
}
