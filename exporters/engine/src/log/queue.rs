//! Standard error behind a queue, so that logging does not wait for the reader of the log.
//!
//! When a reader hangs, its pipe fills up, and a write blocks until it reads again, perhaps for ever. Here only a separate
//! thread blocks. A caller waits for this thread, so that an action comes after its log line, but only for a moment, and
//! not at all once the reader is known to hang. The queue is bounded by bytes; a line
//! that finds no room is dropped and counted. (The crate tracing-appender bounds by lines and, with a hung reader, prints to
//! standard output as it ends, which may be that pipe.)

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use prometheus_client::metrics::counter::Counter;

/// What may wait to be read: more than any burst of lines, and nothing for the memory of a server.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How long a line may take until its reader counts as hung.
const PATIENCE: Duration = Duration::from_millis(250);
/// Before trying again on an output that another program has made non-blocking.
const PAUSE: Duration = Duration::from_millis(20);

/// A queue of lines, and a thread that writes them out.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    dropped: Counter,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Lines that were ever added, and those of them that the thread is done with.
    added: u64,
    done: u64,
    /// Whether a line has taken too long, and others wait still.
    is_hung: bool,
    /// The thread that writes.
    writer: Option<ThreadId>,
    /// Dropped since the last warning about it.
    unreported: u64,
}

impl Queue {
    /// A queue to standard error.
    ///
    /// # Errors
    /// It cannot be duplicated, or no thread can be started.
    pub fn start(dropped: Counter) -> io::Result<Self> {
        // Not the standard library's handle, whose lock would be held for as long as the reader hangs.
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Self::to(stderr, dropped)
    }

    fn to(out: impl Write + Send + 'static, dropped: Counter) -> io::Result<Self> {
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), dropped };
        let queue = Self(Arc::new(shared));
        let own = queue.clone();
        thread::Builder::new().name("log".into()).spawn(move || own.0.write_out(out))?;
        Ok(queue)
    }

    /// Adds a line, or drops it if there is no room. Waits a moment for it to be written.
    pub fn push(&self, line: Vec<u8>) {
        let mut state = self.0.state.lock();
        if state.bytes + line.len() > MOST_BYTES {
            state.unreported += 1;
            self.0.dropped.inc();
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        state.added += 1;
        self.0.changed.notify_all();
        if state.is_hung || state.writer == Some(thread::current().id()) {
            return;
        }
        let own = state.added;
        let is_waiting = |state: &mut State| state.done < own && !state.is_hung;
        _ = self.0.changed.wait_while_for(&mut state, is_waiting, PATIENCE);
        state.is_hung |= state.done < own;
    }

    /// Waits until all is written, no longer than `limit`.
    pub fn end(&self, limit: Duration) {
        let mut state = self.0.state.lock();
        _ = self.0.changed.wait_while_for(&mut state, |state| state.done < state.added, limit);
    }
}

impl Shared {
    fn write_out(&self, mut out: impl Write) {
        self.state.lock().writer = Some(thread::current().id());
        loop {
            let line = self.next();
            let is_written = write(&mut out, &line).is_ok();
            let unreported = self.done(is_written);
            if unreported > 0 {
                tracing::warn!(lines = unreported, "log lines dropped: standard error was blocked or not writable");
            }
        }
    }

    /// Notes that the line is written or lost. Returns how many dropped lines are unreported, once none waits.
    fn done(&self, is_written: bool) -> u64 {
        let mut state = self.state.lock();
        state.done += 1;
        if !is_written {
            // The reader is gone, or the disk is full.
            self.dropped.inc();
            state.unreported += 1;
        }
        let is_last = state.lines.is_empty();
        state.is_hung &= !is_last;
        self.changed.notify_all();
        if is_last && is_written { std::mem::take(&mut state.unreported) } else { 0 }
    }

    /// The next line, as soon as there is one.
    fn next(&self) -> Vec<u8> {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| state.lines.is_empty());
        let line = state.lines.pop_front().unwrap_or_default();
        state.bytes -= line.len();
        line
    }
}

fn write(out: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match out.write(line) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => line = &line[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_hung_reader_blocks_neither_callers_nor_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let dropped = Counter::default();
        let queue = Queue::to(writer, dropped.clone()).unwrap();
        let line = vec![b'x'; 64 * 1024];
        // The pipe takes one of them, the thread waits with the next, and the queue is bounded.
        for _ in 0..100 {
            queue.push(line.clone());
        }
        assert!((30..=36).contains(&dropped.get()), "{}", dropped.get());
        let begin = Instant::now();
        queue.end(Duration::from_millis(50));
        assert!(begin.elapsed() >= Duration::from_millis(50));

        let kept = (100 - dropped.get()) as usize * line.len();
        let mut read = vec![0; kept];
        reader.read_exact(&mut read).unwrap();
        queue.end(Duration::from_secs(60));
        queue.push(b"later\n".to_vec());
        let mut later = [0; 6];
        reader.read_exact(&mut later).unwrap();
        assert_eq!(&later, b"later\n");
        assert!((30..=36).contains(&dropped.get()), "{}", dropped.get());
    }

    #[test]
    fn counts_lines_that_cannot_be_written() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let dropped = Counter::default();
        let queue = Queue::to(writer, dropped.clone()).unwrap();
        queue.push(b"lost\n".to_vec());
        queue.end(Duration::from_secs(60));
        assert_eq!(dropped.get(), 1);
    }
}
