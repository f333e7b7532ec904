//! Cuts a script into statements and comments, and names the places where Python would give up.
//!
//! It knows strings, brackets, line continuations and indentation, and no grammar: what a statement means, or whether
//! it means anything, is not decided here. One pass, or two when a bracket is never closed.

use super::place::{Fault, Lines, Problem};

/// Problems that are kept; a file that is no script at all would have one a line.
const KEPT: usize = 100;

/// Lines that the text of a database error may have.
const LONGEST_ERROR: usize = 64;

/// How `dump2py --tolerate` and `--simulate` say that rows are missing; in `restore.py` this is no valid Python.
const RAISE: &str = "raise Exception(\"The data of t";

/// A statement or a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Its text, from its first character; a comment behind it belongs to it.
    pub text: &'a str,
    /// How far it is indented.
    pub indent: usize,
    pub lines: Lines,
    pub comment: bool,
}

/// What is known when a script is cut to its end.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub problems: Vec<Problem>,
    /// What the last line leaves open.
    pub open: Option<Problem>,
    pub last_line: u32,
}

/// Hands out the statements of a script one after the other: nobody needs all of them at once.
pub(super) struct Cutter<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    /// Every line is a statement: a bracket that is never closed was met.
    whole_lines: bool,
    indents: Vec<usize>,
    /// Whether the last statement ends with a colon.
    block: bool,
    /// The brackets that are open within a statement, with their places.
    brackets: Vec<Bracket>,
    found: Remarks,
}

/// A bracket, its position and its line.
type Bracket = (u8, usize, u32);

/// Where a statement ends.
struct End {
    at: usize,
    line: u32,
    colon: bool,
}

impl<'a> Iterator for Cutter<'a> {
    type Item = Statement<'a>;

    fn next(&mut self) -> Option<Statement<'a>> {
        while self.at < self.text.len() {
            let statement = self.piece();
            if statement.is_some() {
                return statement;
            }
        }
        None
    }
}

impl<'a> Cutter<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            whole_lines: false,
            indents: vec![0],
            block: false,
            brackets: Vec::new(),
            found: Remarks::default(),
        }
    }

    /// Passes the next line if it stores a parameter in the block that is open, and returns its number. Of the name is
    /// known that it has nothing which would cut the line otherwise; so the line need not be looked through.
    pub fn stores(&mut self, name: &str) -> Option<u32> {
        if self.block || self.indents.last() != Some(&4) {
            return None;
        }
        let (rest, name) = (self.text.as_bytes().get(self.at..)?, name.as_bytes());
        let behind =
            rest.strip_prefix(b"    kw.update(")?.strip_prefix(name)?.strip_prefix(b"=")?.strip_prefix(name)?;
        let left = behind.strip_prefix(b")\n")?.len();
        self.at = self.text.len() - left;
        self.line += 1;
        Some(self.line - 1)
    }

    /// Returns what was noticed on the way, once there are no more statements.
    pub fn finish(mut self) -> Remarks {
        if self.block && self.found.open.is_none() {
            let fault = Fault::new(self.text.len(), "an indented block is missing");
            self.found.open = Some(fault.problem(self.text.as_bytes(), 1, 1));
        }
        self.found.last_line = self.line.saturating_sub(1).max(1);
        self.found
    }

    /// Takes a line, or all lines of a statement; none when there is nothing in it.
    fn piece(&mut self) -> Option<Statement<'a>> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (mut start, mut indent) = (self.at, 0);
        for byte in rest {
            match byte {
                b' ' | b'\x0c' => indent += 1,
                b'\t' => indent = (indent / 8 + 1) * 8,
                _ => break,
            }
            start += 1;
        }
        let body = self.text.as_bytes().get(start..).unwrap_or_default();
        match body.first() {
            None | Some(b'\n') => self.at = start + usize::from(!body.is_empty()),
            Some(b'\r') if body.starts_with(b"\r\n") => self.at = start + 2,
            Some(b'#') => {
                let end = End { at: self.line_end(start), line: self.line, colon: self.block };
                return Some(self.take(start, indent, &end, true));
            }
            Some(b'r') if body.starts_with(RAISE.as_bytes()) => {
                return Some(self.take(start, indent, &self.raise_end(start), false));
            }
            _ => {
                self.check_indent(start, indent);
                let end = self.end(start);
                return Some(self.take(start, indent, &end, false));
            }
        }
        self.line += 1;
        None
    }

    fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', self.rest(from).as_bytes()).map_or(self.text.len(), |length| from + length)
    }

    fn take(&mut self, start: usize, indent: usize, end: &End, comment: bool) -> Statement<'a> {
        let text = self.text.get(start..end.at).unwrap_or_default().trim_end();
        let lines = Lines { first: self.line, last: end.line };
        self.block = end.colon;
        self.line = end.line + 1;
        self.at = end.at + 1;
        Statement { text, indent, lines, comment }
    }

    /// Finds the end of a database error, which may have several lines and quotes.
    fn raise_end(&self, start: usize) -> End {
        let (mut at, mut line) = (self.line_end(start), self.line);
        let first = self.text.get(start..at).unwrap_or_default().trim_end();
        let whole = End { at, line, colon: false };
        if first.ends_with(".\")") {
            return whole;
        }
        for _ in 0..LONGEST_ERROR {
            let next = self.line_end((at + 1).min(self.text.len()));
            line += 1;
            if self.text.get(at..next).is_some_and(|text| text.trim_end().ends_with("occured.\")")) {
                return End { at: next, line, colon: false };
            }
            at = next;
        }
        whole
    }

    fn problem(&self, at: usize, line: u32, text: &str) -> Problem {
        let start = memchr::memrchr(b'\n', self.text.as_bytes().get(..at).unwrap_or_default()).map_or(0, |at| at + 1);
        let within = self.text.as_bytes().get(start..).unwrap_or_default();
        Fault::new(at - start, text).problem(within, u64::from(line), 1)
    }

    fn tell(&mut self, at: usize, line: u32, text: &str) {
        if self.found.problems.len() < KEPT {
            let problem = self.problem(at, line, text);
            self.found.problems.push(problem);
        }
    }

    fn check_indent(&mut self, start: usize, indent: usize) {
        if self.whole_lines {
            return;
        }
        let current = self.indents.last().copied().unwrap_or_default();
        if self.block && indent <= current {
            self.tell(start, self.line, "an indented block is missing");
        }
        if indent > current {
            if !self.block {
                self.tell(start, self.line, "the line is indented without reason");
            }
            self.indents.push(indent);
            return;
        }
        while self.indents.last().is_some_and(|last| *last > indent) {
            self.indents.pop();
        }
        if self.indents.last() != Some(&indent) {
            self.tell(start, self.line, "the indentation fits no line above");
            self.indents.push(indent);
        }
    }

    fn end(&mut self, start: usize) -> End {
        if self.whole_lines {
            return self.whole_line(start);
        }
        if let Some(end) = self.simple_end(start) {
            return end;
        }
        let mut brackets = std::mem::take(&mut self.brackets);
        let found = self.logical_end(start, &mut brackets);
        self.brackets = brackets;
        match found {
            Ok(end) => end,
            Err((at, line, text)) => {
                let problem = self.problem(at, line, text);
                self.found.open.get_or_insert(problem);
                self.whole_lines = true;
                self.whole_line(start)
            }
        }
    }

    /// Finds the end of a statement that is one line with at most one pair of brackets, as nearly all are.
    fn simple_end(&self, start: usize) -> Option<End> {
        let at = self.line_end(start);
        let line = self.text.as_bytes().get(start..at)?;
        // To the end of the line, whatever is found: many bytes are looked at together then.
        if line.iter().fold(false, |special, byte| special | is_special(*byte)) {
            return None;
        }
        let mut brackets = memchr::memchr2_iter(b'(', b')', line).map(|at| line.get(at).copied());
        let simple = match (brackets.next(), brackets.next(), brackets.next()) {
            (None, ..) => true,
            (Some(open), Some(close), None) => (open, close) == (Some(b'('), Some(b')')),
            _ => false,
        };
        simple.then(|| End { at, line: self.line, colon: line.trim_ascii_end().ends_with(b":") })
    }

    fn whole_line(&self, start: usize) -> End {
        let at = self.line_end(start);
        let colon = self.text.get(start..at).is_some_and(|text| text.trim_end().ends_with(':'));
        End { at, line: self.line, colon }
    }

    /// Finds the end of the statement at `start`; fails with the place of what the file never closes.
    fn logical_end(&mut self, start: usize, brackets: &mut Vec<Bracket>) -> Result<End, (usize, u32, &'static str)> {
        brackets.clear();
        let bytes = self.text.as_bytes();
        let (mut at, mut line) = (start, self.line);
        let mut colon = false;
        while let Some(byte) = bytes.get(at).copied() {
            match byte {
                b'\n' => match brackets.first().copied() {
                    None => return Ok(End { at, line, colon }),
                    Some((_, opened, on)) if begins_statement(self.rest(at + 1)) => {
                        self.tell(opened, on, "the bracket is never closed");
                        return Ok(End { at, line, colon });
                    }
                    Some(_) => line += 1,
                },
                b'\'' | b'"' => {
                    let (end, breaks, ended) = self.string(at, line)?;
                    (at, line, colon) = (end, line + breaks, false);
                    if !ended {
                        brackets.clear();
                    }
                    continue;
                }
                b'#' => {
                    at = self.line_end(at);
                    continue;
                }
                b'(' | b'[' | b'{' => brackets.push((byte, at, line)),
                b')' | b']' | b'}' if brackets.pop().is_none_or(|(open, ..)| !closes(open, byte)) => {
                    self.tell(at, line, "the bracket closes none that is open");
                    brackets.clear();
                }
                b'\\' => {
                    let length = if bytes.get(at + 1) == Some(&b'\r') { 2 } else { 1 };
                    if bytes.get(at + length) == Some(&b'\n') {
                        (at, line) = (at + length, line + 1);
                    } else {
                        self.tell(at, line, "a backslash is not at the end of its line");
                    }
                }
                b'$' | b'?' | b'`' | 0..=8 | 14..=31 | 127 => {
                    self.tell(at, line, "this character means nothing in Python");
                }
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                colon = byte == b':' && brackets.is_empty();
            }
            at += 1;
        }
        match brackets.first() {
            Some((_, opened, on)) => Err((*opened, *on, "the bracket is never closed")),
            None => Ok(End { at, line, colon }),
        }
    }

    /// Returns the position behind a string, the line ends in it, and whether it has an end.
    fn string(&mut self, start: usize, line: u32) -> Result<(usize, u32, bool), (usize, u32, &'static str)> {
        let bytes = self.text.as_bytes();
        let quote = bytes.get(start).copied().unwrap_or_default();
        let triple = bytes.get(start..start + 3) == Some(&[quote; 3]);
        let mut at = start + if triple { 3 } else { 1 };
        let mut breaks = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            at += memchr::memchr3(quote, b'\\', b'\n', rest).unwrap_or(rest.len());
            let Some(byte) = bytes.get(at).copied() else { break };
            match byte {
                b'\\' => {
                    let next = at + if bytes.get(at + 1..at + 3) == Some(b"\r\n") { 2 } else { 1 };
                    breaks += u32::from(bytes.get(next) == Some(&b'\n'));
                    at = next;
                }
                b'\n' if triple => breaks += 1,
                b'\n' => break,
                _ if byte == quote && !triple => return Ok((at + 1, breaks, true)),
                _ if byte == quote && bytes.get(at..at + 3) == Some(&[quote; 3]) => return Ok((at + 3, breaks, true)),
                _ => {}
            }
            at += 1;
        }
        if triple || at >= bytes.len() {
            return Err((start, line, "the string has no end"));
        }
        self.tell(start, line, "the string has no end");
        Ok((at, breaks, false))
    }
}

/// Tells whether a line with this byte must be looked at closely: strings, comments, control characters, brackets that
/// are not round, and a few bytes between them, which makes it quick.
const fn is_special(byte: u8) -> bool {
    matches!(byte, 0..=31 | b'"'..=b'\'' | b'?' | b'['..=b']' | b'`' | b'{'..=127)
}

const fn closes(open: u8, close: u8) -> bool {
    matches!((open, close), (b'(', b')') | (b'[', b']') | (b'{', b'}'))
}

/// Tells whether a line begins as only a statement of a dump script does, so that it stands in no bracket.
fn begins_statement(rest: &str) -> bool {
    let line = rest.trim_start_matches([' ', '\t']);
    ["def ", "class ", "return ", "import ", "kw.update(", "kw = ", "execfile(", "loader."]
        .iter()
        .any(|word| line.starts_with(word))
}
