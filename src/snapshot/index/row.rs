//! Single rows in a row file: where they end, also when a hand has spread them over several lines, and their arguments.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use memchr::{memchr, memmem};

use crate::dump::literal;

/// How the line of a row begins.
pub(super) const START: &[u8] = b"loader.save(create_";
/// More of a row is not kept, in bytes: nobody reads a row of megabytes on a screen.
pub(super) const LONGEST: usize = 1 << 20;
/// How much is read at first; most rows are shorter.
const FIRST: usize = 16 << 10;

/// A row as the row file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its bytes, without the end of its last line.
    pub bytes: Vec<u8>,
    /// Whether there is more of it.
    pub cut: bool,
}

impl Written {
    /// Returns the table and the arguments, without parentheses; none when this is no row.
    pub(super) fn call(&self) -> Option<(&[u8], &[u8])> {
        let call = self.bytes.trim_ascii_start().strip_prefix(START)?;
        let (table, rest) = call.split_at(memchr(b'(', call)?);
        let arguments = rest.get(1..)?;
        let end = match end_of_call(arguments) {
            Some(end) => end,
            // Broken off, or longer than what is kept.
            None => arguments.len(),
        };
        Some((table, arguments.get(..end)?))
    }
}

/// Returns the row, or any other line, at the beginning of these bytes of a file; none when more must be read to tell
/// where it ends.
pub(super) fn whole(bytes: &[u8]) -> Option<Written> {
    let bytes = bytes.get(..end(bytes, false)?)?.to_owned();
    (bytes.len() <= LONGEST).then_some(Written { bytes, cut: false })
}

/// Reads the row, or any other line, that begins at a byte of a file.
pub(super) fn read(file: &File, at: u64) -> io::Result<Written> {
    let mut bytes = vec![0; FIRST];
    let mut filled = 0;
    loop {
        let ended = fill(file, at, &mut bytes, &mut filled)?;
        let known = bytes.get(..filled).unwrap_or_default();
        if let Some(end) = end(known, ended) {
            bytes.truncate(end);
            bytes.shrink_to_fit();
            return Ok(Written { bytes, cut: false });
        }
        if filled >= LONGEST {
            bytes.truncate(LONGEST);
            return Ok(Written { bytes, cut: true });
        }
        let more = (bytes.len() * 8).min(LONGEST + 1);
        bytes.resize(more, 0);
    }
}

/// Fills a buffer; tells whether the file has ended.
pub(super) fn fill(file: &File, at: u64, bytes: &mut [u8], filled: &mut usize) -> io::Result<bool> {
    while let Some(free) = bytes.get_mut(*filled..).filter(|free| !free.is_empty()) {
        match file.read_at(free, at + *filled as u64) {
            Ok(0) => return Ok(true),
            Ok(count) => *filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Finds the end of the row at the beginning of `bytes`; none when more bytes must be read to tell.
fn end(bytes: &[u8], ended: bool) -> Option<usize> {
    let line = memchr(b'\n', bytes).or_else(|| ended.then_some(bytes.len()))?;
    let first = bytes.get(..line)?;
    let trim = |end: usize| bytes.get(..end).map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
    let is_row = first.trim_ascii_start().starts_with(START);
    let Some(open) = memchr(b'(', first).filter(|_| is_row).map(|at| at + 1) else { return trim(line) };
    if end_of_call(first.get(open..)?).is_some() {
        return trim(line);
    }
    // It goes on in the next line, unless the next statement begins before it has an end.
    let next = memmem::find(bytes.get(line..)?, b"\nloader.").map(|at| line + at);
    let stop = next.or_else(|| ended.then_some(bytes.len()));
    let all = bytes.get(open..stop.unwrap_or(bytes.len()))?;
    match end_of_call(all) {
        Some(end) => {
            let behind = open + end;
            let rest = memchr(b'\n', bytes.get(behind..)?).map(|at| behind + at);
            trim(rest.or_else(|| ended.then_some(bytes.len()))?)
        }
        None => stop.and_then(|_| trim(line)),
    }
}

/// Finds the parenthesis that ends the argument list at the beginning of `bytes`.
fn end_of_call(bytes: &[u8]) -> Option<usize> {
    // One is `save(`, which was opened before.
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'\'' | b'"' => {
                at = literal::string_end(bytes, at)?;
                continue;
            }
            b'#' => at += memchr(b'\n', bytes.get(at..)?)?,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return (byte == b')').then_some(at),
            },
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8], at: u64) -> Written {
        let dir = assert_fs::TempDir::new().unwrap();
        std::fs::write(dir.path().join("a"), text).unwrap();
        read(&File::open(dir.path().join("a")).unwrap(), at).unwrap()
    }

    #[test]
    fn rows_end_where_python_ends_them() {
        let cases: [(&str, &str, Option<&str>); 11] = [
            ("(1,'x'))\nloader.save(create_b(2))\n", "(1,'x'))", Some("1,'x'")),
            ("(1,'x'))\r\nmore", "(1,'x'))", Some("1,'x'")),
            ("(1,')) \\' \n'))\n", "(1,')) \\' \n'))", Some("1,')) \\' \n'")),
            (
                "(1,\n  'x',  # (why)\n  2\n))  # end\nnext\n",
                "(1,\n  'x',  # (why)\n  2\n))  # end",
                Some("1,\n  'x',  # (why)\n  2\n"),
            ),
            ("(1, '''a'b\nc)'''\n))", "(1, '''a'b\nc)'''\n))", Some("1, '''a'b\nc)'''\n")),
            ("(1,'x'\nloader.save(create_b(2))\n", "(1,'x'", Some("1,'x'")),
            ("(1,'x\nloader.flush_deferred_objects()\n", "(1,'x", Some("1,'x")),
            ("(1,'x", "(1,'x", Some("1,'x")),
            ("(f(1),[2,(3,)],{4:5}))", "(f(1),[2,(3,)],{4:5}))", Some("f(1),[2,(3,)],{4:5}")),
            ("(1))", "(1))", Some("1")),
            ("\nx", "", None),
        ];
        for (text, row, arguments) in cases {
            let found = written(format!("x\n  loader.save(create_a{text}").as_bytes(), 2);
            assert_eq!(
                String::from_utf8(found.bytes.clone()).unwrap(),
                format!("  loader.save(create_a{row}"),
                "{text}"
            );
            let call = found.call().map(|(table, list)| (table, std::str::from_utf8(list).unwrap()));
            assert_eq!(call, arguments.map(|list| (&b"a"[..], list)), "{text}");
            assert!(!found.cut);
        }
        assert_eq!(written(b"# loader\nx", 0), Written { bytes: b"# loader".to_vec(), cut: false });
        assert_eq!(written(b"x", 1), Written { bytes: Vec::new(), cut: false });
    }

    #[test]
    fn of_a_row_of_megabytes_the_beginning_is_kept() {
        let text = format!("loader.save(create_a(1,'{}'))\n", "x".repeat(3 << 20));
        let found = written(text.as_bytes(), 0);
        assert_eq!((found.bytes.len(), found.cut), (LONGEST, true));
        assert_eq!(found.call().map(|(table, list)| (table.len(), list.len())), Some((1, LONGEST - START.len() - 2)));
        let text = format!("loader.save(create_a(1,'{}'))\nloader.save(create_a(2))", "x".repeat(LONGEST / 2));
        let found = written(text.as_bytes(), 0);
        assert_eq!((found.bytes.len(), found.cut), (LONGEST / 2 + 27, false));
    }
}
