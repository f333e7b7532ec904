//! The log pane's state: which part of a log is shown, what is searched and selected. Reads no file: it says which
//! lines it wants, and gets them as [`Rows`].
//!
//! ```text
//! log on disk ──reader──► Rows (a window around the screen) ──► visible() ──► widget
//!                           ▲ wanted()                            │ top, skip, left, follow
//!                           └─────────────────────────────────────┘
//! ```

mod rows;

use std::path::{Path, PathBuf};

use super::text;

pub use rows::{Range, Row, Rows, breaks};

/// What the search stands at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// Nothing was looked for yet.
    #[default]
    Nothing,
    /// The log is being read.
    Looking,
    /// A match in this line.
    At(u64),
    /// No line matches.
    Nowhere,
}

/// A search in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What is looked for, as typed.
    pub needle: String,
    /// Where the search was begun; every further letter looks from here again.
    pub origin: u64,
    /// What was found.
    pub found: Found,
    /// Number of the match among all, and how many there are; the flag says whether all of the log was counted.
    pub counted: Option<Counted>,
}

/// How many lines match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Which of them the search stands at, from 1.
    pub current: Option<u64>,
    /// How many there are so far.
    pub total: u64,
    /// Whether the log was counted to its end.
    pub complete: bool,
}

impl Search {
    /// Tells whether case matters: only when a capital letter was typed.
    #[must_use]
    pub fn case_sensitive(&self) -> bool {
        text::case_sensitive(&self.needle)
    }
}

/// Whether long lines are wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrap {
    /// Long lines go on in the next row.
    #[default]
    Lines,
    /// Long lines are cut; the arrows move sideways.
    Nothing,
}

impl Wrap {
    /// Returns the other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Lines => Self::Nothing,
            Self::Nothing => Self::Lines,
        }
    }
}

/// One row of the pane: a piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibleRow {
    /// Number of the line, from 0.
    pub line: u64,
    /// Whether the line begins here.
    pub begins: bool,
    /// Columns of the line that are shown: from, to.
    pub columns: (usize, usize),
}

/// State of the log pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView {
    /// The log that is shown.
    pub path: Option<PathBuf>,
    /// Where it begins in its file, in bytes.
    pub from: u64,
    /// How many lines it has so far.
    pub lines: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether there is more on disk than was counted yet.
    pub reading: bool,
    /// First visible line while not following.
    pub top: u64,
    /// Rows of that line which are above the pane.
    pub skip: usize,
    /// Columns that are left of the pane while lines are not wrapped.
    pub left: usize,
    /// Whether the end of the log is shown as it grows.
    pub follow: bool,
    /// Whether lines are wrapped.
    pub wrap: Wrap,
    /// The lines at hand.
    pub window: Rows,
    /// What was asked for last.
    pub asked: Option<Range>,
    /// The search, while there is one.
    pub search: Option<Search>,
    /// Whether the needle is being typed.
    pub editing: bool,
    /// Selected lines: where the selection began, and where it is now.
    pub selection: Option<(u64, u64)>,
    /// Size of the pane's text area: columns, rows.
    pub size: (usize, usize),
}

impl Default for LogView {
    fn default() -> Self {
        Self {
            path: None,
            from: 0,
            lines: 0,
            bytes: 0,
            reading: false,
            top: 0,
            skip: 0,
            left: 0,
            follow: true,
            wrap: Wrap::Lines,
            window: Rows::default(),
            asked: None,
            search: None,
            editing: false,
            selection: None,
            size: (0, 0),
        }
    }
}

/// How many rows one step of an operation can go at most; bounds the work of a single key.
const MOST_ROWS: usize = 4096;

impl LogView {
    /// Shows another log from a byte on, or none; tells whether that is a change.
    pub fn show(&mut self, path: Option<&Path>, from: u64) -> bool {
        if self.path.as_deref() == path && self.from == from {
            return false;
        }
        *self = Self { path: path.map(Path::to_owned), from, wrap: self.wrap, size: self.size, ..Self::default() };
        true
    }

    /// Returns the lines that the pane needs now.
    #[must_use]
    pub fn wanted(&self) -> Option<Range> {
        self.path.as_ref()?;
        let height = u64::try_from(self.size.1.clamp(1, 1000)).unwrap_or(1);
        let first = if self.follow { self.lines.saturating_sub(height) } else { self.top.saturating_sub(height) };
        let count = if self.follow { height } else { height * 3 };
        Some(Range { first, count: usize::try_from(count).unwrap_or(1) })
    }

    /// How many rows a line takes.
    fn height(&self, line: u64) -> usize {
        match self.wrap {
            Wrap::Nothing => 1,
            Wrap::Lines => self.window.row(line).map_or(1, |row| breaks(row, self.size.0).len()),
        }
    }

    /// Returns what the rows of the pane show, from top to bottom.
    #[must_use]
    pub fn visible(&self) -> Vec<VisibleRow> {
        let (columns, height) = self.size;
        if columns == 0 || height == 0 {
            return Vec::new();
        }
        if self.follow {
            let mut rows: Vec<VisibleRow> = Vec::new();
            // While newer lines are still being read, the end of what is at hand is shown.
            let mut line = self.lines.min(self.window.first.saturating_add(self.window.rows.len() as u64));
            while rows.len() < height && line > 0 {
                line -= 1;
                let Some(row) = self.window.row(line) else { break };
                let mut pieces = self.pieces(line, row);
                let room = height - rows.len();
                let over = pieces.len().saturating_sub(room);
                pieces.drain(..over);
                pieces.reverse();
                rows.extend(pieces);
                if line <= self.window.first {
                    break;
                }
            }
            rows.reverse();
            return rows;
        }
        let mut rows: Vec<VisibleRow> = Vec::new();
        let mut line = self.top;
        let mut skip = self.skip;
        while rows.len() < height && line < self.lines {
            let Some(row) = self.window.row(line) else { break };
            rows.extend(self.pieces(line, row).into_iter().skip(skip));
            skip = 0;
            line += 1;
        }
        rows.truncate(height);
        rows
    }

    fn pieces(&self, line: u64, row: &Row) -> Vec<VisibleRow> {
        match self.wrap {
            Wrap::Nothing => {
                vec![VisibleRow { line, begins: true, columns: (self.left, self.left.saturating_add(self.size.0)) }]
            }
            Wrap::Lines => breaks(row, self.size.0)
                .into_iter()
                .map(|columns| VisibleRow { line, begins: columns.0 == 0, columns })
                .collect(),
        }
    }

    /// Stops following and keeps what is on the screen where it is.
    pub fn hold(&mut self) {
        if !self.follow {
            return;
        }
        let (line, skip) = self.visible().first().map_or((self.lines.saturating_sub(1), 0), |first| {
            let skip = self.window.row(first.line).map_or(0, |row| {
                let breaks = breaks(row, self.size.0);
                breaks.iter().position(|columns| *columns == first.columns).unwrap_or(0)
            });
            (first.line, if self.wrap == Wrap::Lines { skip } else { 0 })
        });
        self.top = line;
        self.skip = skip;
        self.follow = false;
    }

    /// Scrolls up by `rows`.
    pub fn up(&mut self, rows: usize) {
        self.hold();
        for _ in 0..rows.min(MOST_ROWS) {
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.top > 0 {
                self.top -= 1;
                self.skip = self.height(self.top).saturating_sub(1);
            } else {
                break;
            }
        }
    }

    /// Scrolls down by `rows`; at the end of the log it begins to follow again.
    pub fn down(&mut self, rows: usize) {
        if self.follow {
            return;
        }
        for _ in 0..rows.min(MOST_ROWS) {
            if self.at_end() {
                self.follow = true;
                return;
            }
            if self.skip + 1 < self.height(self.top) {
                self.skip += 1;
            } else {
                self.top += 1;
                self.skip = 0;
            }
        }
        if self.at_end() {
            self.follow = true;
        }
    }

    /// Tells whether the last row of the log is in the pane.
    fn at_end(&self) -> bool {
        let visible = self.visible();
        match visible.last() {
            None => self.top.saturating_add(1) >= self.lines,
            Some(last) if last.line.saturating_add(1) < self.lines => false,
            Some(last) => match self.wrap {
                Wrap::Nothing => true,
                Wrap::Lines => self
                    .window
                    .row(last.line)
                    .is_none_or(|row| breaks(row, self.size.0).last().is_none_or(|columns| *columns == last.columns)),
            },
        }
    }

    /// Goes to the first line.
    pub fn first(&mut self) {
        self.follow = false;
        self.top = 0;
        self.skip = 0;
        self.left = 0;
    }

    /// Goes to the last line and follows.
    pub fn last(&mut self) {
        self.follow = true;
        self.skip = 0;
        self.left = 0;
    }

    /// Shows a line with some of what is before it.
    pub fn go_to(&mut self, line: u64) {
        let before = u64::try_from(self.size.1 / 3).unwrap_or(0);
        self.follow = false;
        self.top = line.saturating_sub(before);
        self.skip = 0;
        // Wrapped lines before it may push it out of the pane: then it becomes the first one.
        if self.window.row(line).is_some() && !self.visible().iter().any(|row| row.line == line) {
            self.top = line;
        }
    }

    /// Moves sideways.
    pub fn sideways(&mut self, columns: isize) {
        if self.wrap == Wrap::Nothing {
            self.left = self.left.saturating_add_signed(columns).min(1 << 20);
        }
    }

    /// Wraps lines, or cuts them.
    pub fn toggle_wrap(&mut self) {
        self.skip = 0;
        self.left = 0;
        self.wrap = self.wrap.other();
    }

    /// Returns the number of the line that the position display names, from 1; 0 for an empty log.
    #[must_use]
    pub fn position(&self) -> u64 {
        if self.follow {
            return self.lines;
        }
        self.visible().last().map_or(self.top, |row| row.line).saturating_add(1).min(self.lines)
    }

    /// Returns the line from which a search goes on.
    #[must_use]
    pub fn anchor(&self) -> u64 {
        match self.search.as_ref().map(|search| search.found) {
            Some(Found::At(line)) => line,
            _ => self.visible().first().map_or(self.top, |row| row.line),
        }
    }

    /// Returns the lines to copy: the selection, else what is visible.
    #[must_use]
    pub fn to_copy(&self) -> Option<Range> {
        let (from, to) = if let Some((a, b)) = self.selection {
            (a.min(b), a.max(b))
        } else {
            let visible = self.visible();
            (visible.first()?.line, visible.last()?.line)
        };
        let count = usize::try_from(to.checked_sub(from)?).ok()?.checked_add(1)?;
        Some(Range { first: from, count })
    }

    /// Tells whether a line is selected.
    #[must_use]
    pub fn is_selected(&self, line: u64) -> bool {
        self.selection.is_some_and(|(a, b)| (a.min(b)..=a.max(b)).contains(&line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        super::super::line::row(text.as_bytes(), false)
    }

    fn view(lines: &[&str], size: (usize, usize)) -> LogView {
        LogView {
            path: Some("log".into()),
            lines: lines.len() as u64,
            window: Rows { first: 0, rows: lines.iter().map(|line| row(line)).collect() },
            size,
            ..LogView::default()
        }
    }

    fn shown(view: &LogView) -> Vec<(u64, (usize, usize))> {
        view.visible().into_iter().map(|row| (row.line, row.columns)).collect()
    }

    #[test]
    fn following_shows_the_last_rows_of_wrapped_lines() {
        let view = view(&["one", "abcdefghij", "x"], (4, 3));
        assert_eq!(shown(&view), vec![(1, (4, 8)), (1, (8, 10)), (2, (0, 1))]);
    }

    #[test]
    fn scrolling_up_and_down_again_ends_in_following() {
        let mut view = view(&["one", "abcdefghij", "x"], (4, 3));
        view.up(1);
        assert_eq!((view.follow, shown(&view)), (false, vec![(1, (0, 4)), (1, (4, 8)), (1, (8, 10))]));
        view.up(9);
        assert_eq!((view.top, view.skip), (0, 0));
        view.down(9);
        assert!(view.follow);
    }

    #[test]
    fn wide_characters_are_not_split() {
        assert_eq!(breaks(&row("日本語"), 5), vec![(0, 4), (4, 6)]);
        assert_eq!(breaks(&row("日本語"), 0), vec![(0, 2), (2, 4), (4, 6)]);
        assert_eq!(breaks(&row(""), 5), vec![(0, 0)]);
    }

    #[test]
    fn the_window_lies_around_the_screen() {
        let mut view = view(&[], (10, 5));
        view.lines = 100;
        assert_eq!(view.wanted(), Some(Range { first: 95, count: 5 }));
        view.follow = false;
        view.top = 50;
        assert_eq!(view.wanted(), Some(Range { first: 45, count: 15 }));
    }
}
