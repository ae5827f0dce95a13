//! A whole page: families sorted by name, each with its header once and the lines of all results.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use crc32fast::Hasher;

use super::drop_reason::DropReason;
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
    /// Results that are on it.
    pub results: usize,
    /// By collector: samples dropped because another result of the page has the same series, or another type.
    pub dropped: BTreeMap<(usize, DropReason), u64>,
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
        let mut by_family: Vec<Vec<Found<'_>>> = vec![Vec::new(); headers.len()];
        for (part, lines) in parts.iter().zip(&lines) {
            for (at, family) in part.result.families.iter().enumerate() {
                by_family[*family].push((part, lines, at));
            }
        }
        let mut own = own.into_families().into_iter().peekable();
        let mut writer = Writer::new(encoding);
        let mut dropped = BTreeMap::new();
        for (first, same_name) in headers.by_name() {
            let types = &by_family[first..first + same_name.len()];
            let Some(shown) = first_type(types) else { continue };
            let (next, header) = &same_name[shown];
            while let Some((name, family)) = own.next_if(|(name, _)| name < next) {
                writer.own_family(&name, family);
            }
            writer.header(header);
            let found = of_one_type(types, shown, &mut dropped);
            if may_repeat(&found) {
                writer.plain(without_repeats(&found, &mut dropped));
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
        Self { chunks, length, results: parts.len(), dropped }
    }
}

/// One family of one result.
type Found<'a> = (&'a Part, &'a Lines, usize);

/// Which of the types that a family has on the page is that of its first collector.
fn first_type(types: &[Vec<Found<'_>>]) -> Option<usize> {
    let first = |found: &Vec<Found<'_>>| found.iter().map(|(part, ..)| part.collector).min();
    let there = types.iter().enumerate().filter_map(|(at, found)| Some((first(found)?, at)));
    there.min().map(|(_, at)| at)
}

/// What a page has of a family that collectors give different types: it takes one of them. What has another type joins
/// it, unless it is of a database that has results of that type already: two servers may have different versions.
fn of_one_type<'a>(
    types: &'a [Vec<Found<'a>>],
    shown: usize,
    dropped: &mut BTreeMap<(usize, DropReason), u64>,
) -> Cow<'a, [Found<'a>]> {
    let mut kept = Cow::Borrowed(types[shown].as_slice());
    let databases: HashSet<usize> = kept.iter().map(|(part, ..)| part.database).collect();
    let others = types.iter().enumerate().filter(|(at, _)| *at != shown);
    for found @ (part, _, at) in others.flat_map(|(_, found)| found) {
        if databases.contains(&part.database) {
            let samples = part.result.plain()[*at].iter().filter(|byte| **byte == b'\n').count();
            *dropped.entry((part.collector, DropReason::Type)).or_default() += samples as u64;
        } else {
            kept.to_mut().push(*found);
        }
    }
    kept
}

/// Lines can only repeat when two results do not carry different databases in their labels.
fn may_repeat(found: &[Found<'_>]) -> bool {
    let mut databases = HashSet::new();
    found.len() > 1 && !found.iter().all(|(part, ..)| part.result.scoped && databases.insert(part.database))
}

fn without_repeats(found: &[Found<'_>], dropped: &mut BTreeMap<(usize, DropReason), u64>) -> Vec<u8> {
    let plain: Vec<Bytes> = found.iter().map(|(part, _, at)| part.result.plain()[*at].clone()).collect();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut kept = Vec::new();
    for ((part, ..), lines) in found.iter().zip(&plain) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let series = line.iter().rposition(|byte| *byte == b' ').map_or(line, |end| &line[..end]);
            if seen.insert(series) {
                kept.extend_from_slice(line);
            } else {
                *dropped.entry((part.collector, DropReason::Duplicate)).or_default() += 1;
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
