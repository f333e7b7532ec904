//! Gives the rows of a table's files in windows, one file after the other, as far as they are asked for.

use std::io::Read;
use std::ops::Range;

use crate::dump::account::{Consumed, Place, Window};
use crate::dump::announced;
use crate::snapshot::archive::Source;
use crate::snapshot::scan::{Block, Filling};

/// The files of a table in one dump.
pub(super) struct Feed<'a> {
    source: &'a mut Source,
    files: &'a [String],
    /// The file that is read next.
    next: usize,
    /// The one that is being read.
    open: Option<Box<dyn Read + Send>>,
    block: Block,
    filling: Filling,
    /// What was read and not passed yet: whole lines.
    ready: Range<usize>,
    valid: bool,
    place: Place,
    line: u64,
    announced: Option<(u64, usize)>,
    troubles: Vec<(usize, String)>,
}

impl<'a> Feed<'a> {
    /// Begins with the first file.
    pub fn new(source: &'a mut Source, files: &'a [String]) -> Self {
        Self {
            source,
            files,
            next: 0,
            open: None,
            block: Block::default(),
            filling: Filling::default(),
            ready: 0..0,
            valid: true,
            place: Place { file: 0, offset: 0 },
            line: 1,
            announced: None,
            troubles: Vec::new(),
        }
    }

    /// Returns the lines that come next; none at the end of the last file.
    pub fn window(&mut self) -> Option<Window<'_>> {
        while self.ready.is_empty() {
            if self.open.is_none() && !self.begin() {
                return None;
            }
            self.fill();
        }
        let bytes = self.block.get(self.ready.clone());
        Some(Window { bytes, place: self.place, line: self.line, valid: self.valid })
    }

    /// Passes what was looked at.
    pub fn pass(&mut self, passed: Consumed) {
        self.ready.start += passed.bytes;
        self.place.offset += passed.bytes as u64;
        self.line += passed.lines;
    }

    /// Returns how many rows the files say the table has, and which of them says it last.
    pub const fn announced(&self) -> Option<(u64, usize)> {
        self.announced
    }

    /// Returns the files that could not be read, with the reason as a sentence.
    pub fn troubles(self) -> Vec<(usize, String)> {
        self.troubles
    }

    /// Opens the next file; tells whether there was one.
    fn begin(&mut self) -> bool {
        let Some(name) = self.files.get(self.next) else { return false };
        let file = self.next;
        self.next += 1;
        self.filling = Filling::default();
        self.place = Place { file: u32::try_from(file).unwrap_or(u32::MAX), offset: 0 };
        self.line = 1;
        match self.source.file(name) {
            Ok(Some(open)) => self.open = Some(open),
            Ok(None) => self.trouble("restore.py loads it, but it is missing.".to_owned()),
            Err(error) => self.trouble(format!("{error}.")),
        }
        true
    }

    fn fill(&mut self) {
        let Some(open) = &mut self.open else { return };
        match self.filling.next(&mut self.block, open) {
            Ok(Some(ready)) => {
                let bytes = self.block.get(ready.clone());
                self.valid = simdutf8::basic::from_utf8(bytes).is_ok();
                if self.place.offset == 0
                    && let Some(count) = announced(bytes)
                {
                    self.announced = Some((count, self.next.saturating_sub(1)));
                }
                self.ready = ready;
            }
            Ok(None) => self.open = None,
            Err(error) => {
                self.open = None;
                self.trouble(format!("It cannot be read to its end: {error}. Make the dump again."));
            }
        }
    }

    fn trouble(&mut self, message: String) {
        self.troubles.push((self.next.saturating_sub(1), message));
    }
}
