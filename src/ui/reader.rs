//! The thread that reads logs for the screen, so that no disk and no search ever holds up a key. It decides nothing.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::line;
use super::log_view::{Counted, Range, Row, Rows};
use super::source::{Direction, Source};
use super::state::{LogNews, Msg};

/// What the screen wants from the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read this log from now on.
    Show {
        /// Its path; none: no log.
        path: Option<PathBuf>,
        /// Its first byte; what is before it belongs to something else.
        from: u64,
    },
    /// Read these lines.
    Lines(Range),
    /// Look for text.
    Find {
        /// What to look for.
        needle: String,
        /// Whether case matters.
        case_sensitive: bool,
        /// The line to begin with.
        from: u64,
        /// Which way.
        way: Way,
    },
    /// Look for an error or a warning.
    FindTrouble {
        /// The line to begin with.
        from: u64,
        /// Which way.
        way: Way,
    },
    /// Forget the search.
    Forget,
    /// Give these lines as text for the clipboard.
    Copy(Range),
    /// Feed the bytes of this log, from there on, to the shell pane.
    Shell {
        /// The log of the shell.
        path: PathBuf,
        /// Its first byte.
        from: u64,
    },
    /// The shell was left.
    NoShell,
}

/// Which way to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Towards the end, then from the beginning.
    Down,
    /// Towards the beginning, then from the end.
    Up,
}

/// How often a growing log is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long counting may go on before requests are looked at again.
const SLICE: Duration = Duration::from_millis(30);
/// How much text may be copied: terminals drop longer OSC 52 sequences.
const CLIPBOARD: usize = 70_000;
/// How many bytes of a shell are shown at once; a flood beyond it is skipped.
const SHELL_CHUNK: u64 = 256 << 10;
/// How far the shell pane may lag behind before it skips.
const SHELL_LAG: u64 = 8 << 20;

/// A running reader.
#[derive(Debug)]
pub struct Reader {
    requests: Sender<Request>,
}

impl Reader {
    /// Starts the thread; it ends when the reader is dropped.
    pub fn start(news: impl Fn(Msg) -> bool + Send + 'static) -> std::io::Result<Self> {
        let (requests, inbox) = channel();
        std::thread::Builder::new().name("log reader".to_owned()).spawn(move || Work::new(news).run(&inbox))?;
        Ok(Self { requests })
    }

    /// Asks for something. Answers come as messages.
    pub fn ask(&self, request: Request) {
        // A reader that is gone has told why; there is nobody else to tell.
        let _ = self.requests.send(request);
    }
}

struct Count {
    needle: Needle,
    at: u64,
    next: u64,
    total: u64,
    current: Option<u64>,
}

struct Work<F> {
    news: F,
    source: Option<Source>,
    told: Option<(u64, u64, bool)>,
    count: Option<Count>,
    shell: Option<(PathBuf, u64)>,
}

impl<F: Fn(Msg) -> bool> Work<F> {
    const fn new(news: F) -> Self {
        Self { news, source: None, told: None, count: None, shell: None }
    }

    fn run(mut self, inbox: &Receiver<Request>) {
        let mut looked = Instant::now();
        loop {
            let busy = self.count.is_some() || self.told.is_some_and(|(_, _, more)| more);
            match inbox.recv_timeout(if busy { Duration::ZERO } else { LOOK }) {
                Ok(request) => {
                    if !self.serve(request) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if (busy || looked.elapsed() >= LOOK) && !(self.look() && self.shell()) {
                return;
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
            }
            if !self.count() {
                return;
            }
        }
    }

    fn tell(&self, news: LogNews) -> bool {
        (self.news)(Msg::Log(news))
    }

    fn failed(&self, error: &std::io::Error) -> bool {
        self.tell(LogNews::Unreadable { because: error.to_string() })
    }

    /// Takes in what was appended and says so.
    fn look(&mut self) -> bool {
        let Some(source) = &mut self.source else { return true };
        match source.refresh() {
            Ok(more) => {
                let now = (source.line_count(), source.len(), more);
                if self.told == Some(now) {
                    return true;
                }
                self.told = Some(now);
                self.tell(LogNews::Grew { lines: now.0, bytes: now.1, more })
            }
            Err(error) => {
                self.source = None;
                self.told = None;
                self.failed(&error)
            }
        }
    }

    fn serve(&mut self, request: Request) -> bool {
        match request {
            Request::Show { path, from } => {
                self.source = path.as_deref().map(|path| Source::open(path, from));
                self.told = None;
                self.count = None;
                self.look()
            }
            Request::Lines(range) => match self.rows(range) {
                Ok(rows) => self.tell(LogNews::Read { rows: Rows { first: range.first, rows } }),
                Err(error) => self.failed(&error),
            },
            Request::Find { needle, case_sensitive, from, way } => {
                let needle = Needle::new(&needle, case_sensitive);
                match self.find(from, way, &mut |raw| needle.is_in(&line::plain(raw))) {
                    Ok(line) => {
                        self.count = line.map(|at| Count { needle, at, next: 0, total: 0, current: None });
                        self.tell(LogNews::Found { line })
                    }
                    Err(error) => self.failed(&error),
                }
            }
            Request::FindTrouble { from, way } => match self.find(from, way, &mut |raw| line::is_trouble(raw)) {
                Ok(line) => self.tell(LogNews::FoundTrouble { line }),
                Err(error) => self.failed(&error),
            },
            Request::Forget => {
                self.count = None;
                true
            }
            Request::Copy(range) => match self.copied(range) {
                Ok(news) => self.tell(news),
                Err(error) => self.failed(&error),
            },
            Request::Shell { path, from } => {
                self.shell = Some((path, from));
                self.shell()
            }
            Request::NoShell => {
                self.shell = None;
                true
            }
        }
    }

    fn rows(&mut self, range: Range) -> std::io::Result<Vec<Row>> {
        let Some(source) = &mut self.source else { return Ok(Vec::new()) };
        let lines = source.lines(range.first, range.count)?;
        Ok(lines.iter().map(|raw| line::row(&raw.bytes, raw.cut)).collect())
    }

    /// Looks from `from` to one end of the log, then from the other end.
    fn find(&mut self, from: u64, way: Way, likes: &mut dyn FnMut(&[u8]) -> bool) -> std::io::Result<Option<u64>> {
        let Some(source) = &mut self.source else { return Ok(None) };
        let last = source.line_count().saturating_sub(1);
        let (direction, restart) = match way {
            Way::Down => (Direction::Forward, 0),
            Way::Up => (Direction::Backward, last),
        };
        if from <= last
            && let Some(line) = source.find_where(from, direction, likes)?
        {
            return Ok(Some(line));
        }
        source.find_where(restart, direction, likes)
    }

    fn copied(&mut self, range: Range) -> std::io::Result<LogNews> {
        let mut text = String::new();
        let mut lines = 0;
        let mut whole = true;
        'reading: for first in (range.first..).step_by(256) {
            let left = range.count.saturating_sub(usize::try_from(first - range.first).unwrap_or(usize::MAX));
            if left == 0 {
                break;
            }
            let rows = self.rows(Range { first, count: left.min(256) })?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let row = row.text();
                if text.len() + row.len() + 1 > CLIPBOARD {
                    whole = false;
                    break 'reading;
                }
                text.push_str(row.trim_end());
                text.push('\n');
                lines += 1;
            }
        }
        Ok(LogNews::Copied { text, lines, whole })
    }

    /// Goes on counting matches for a moment.
    fn count(&mut self) -> bool {
        let (Some(count), Some(source)) = (&mut self.count, &mut self.source) else { return true };
        let begun = Instant::now();
        let mut complete = true;
        let scanned = source.each(count.next, &mut |number, raw| {
            count.next = number + 1;
            if count.needle.is_in(&line::plain(&raw.bytes)) {
                count.total += 1;
                if count.at == number {
                    count.current = Some(count.total);
                }
            }
            complete = !(number.is_multiple_of(256) && begun.elapsed() >= SLICE);
            complete
        });
        let complete = complete || scanned.is_err();
        let counted = Counted { current: count.current, total: count.total, complete };
        if complete {
            self.count = None;
        }
        self.tell(LogNews::Counted(counted))
    }

    /// Hands the next bytes of the shell to the screen.
    fn shell(&mut self) -> bool {
        let Some((path, at)) = &mut self.shell else { return true };
        let Ok(mut file) = File::open(path) else { return true };
        let len = file.metadata().map_or(0, |data| data.len());
        if len <= *at {
            return true;
        }
        let skipped = len - *at > SHELL_LAG;
        if skipped {
            *at = len - SHELL_CHUNK;
        }
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(*at)).is_err() || file.take(SHELL_CHUNK).read_to_end(&mut bytes).is_err() {
            return true;
        }
        *at += bytes.len() as u64;
        self.tell(LogNews::Shell { bytes, skipped })
    }
}

/// Text to look for, prepared once.
#[derive(Clone, Debug)]
struct Needle {
    text: String,
    case_sensitive: bool,
}

impl Needle {
    fn new(text: &str, case_sensitive: bool) -> Self {
        Self { text: if case_sensitive { text.to_owned() } else { text.to_lowercase() }, case_sensitive }
    }

    fn is_in(&self, line: &str) -> bool {
        if self.case_sensitive { line.contains(&self.text) } else { line.to_lowercase().contains(&self.text) }
    }
}
