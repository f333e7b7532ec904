//! Fetches single rows of a snapshot by file and line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use memchr::memchr;

/// More of a row is not kept, in bytes: nobody reads a row of megabytes on a screen.
const LONGEST: u64 = 1 << 20;

/// Fetches the lines of row files in the directory of a dump script, as they are written there; by file and line. What
/// is not there is not in the answer.
///
/// # Errors
/// What the system says when a file is there and cannot be read.
pub fn lines(folder: &Path, wanted: &BTreeSet<(String, u64)>) -> io::Result<BTreeMap<(String, u64), Vec<u8>>> {
    let mut by_file: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (file, line) in wanted {
        by_file.entry(file).or_default().push(*line);
    }
    let mut found = BTreeMap::new();
    for (name, numbers) in by_file {
        // A name from elsewhere must not lead out of the folder.
        if Path::new(name).file_name().is_none_or(|only| only != name) {
            continue;
        }
        let file = match File::open(folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::with_capacity(256 << 10, file);
        let mut at = 1;
        for number in numbers {
            if !skip(&mut reader, number.saturating_sub(at))? {
                break;
            }
            let mut line = Vec::new();
            (&mut reader).take(LONGEST).read_until(b'\n', &mut line)?;
            let whole = line.pop_if(|byte| *byte == b'\n').is_some();
            if line.is_empty() && !whole {
                break;
            }
            at = number;
            if whole {
                at += 1;
            }
            found.insert((name.to_owned(), number), line);
        }
    }
    Ok(found)
}

/// Skips so many lines; false at the end of the file.
fn skip(reader: &mut impl BufRead, mut lines: u64) -> io::Result<bool> {
    while lines > 0 {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(false);
        }
        let used = match memchr(b'\n', block) {
            Some(end) => {
                lines -= 1;
                end + 1
            }
            None => block.len(),
        };
        reader.consume(used);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_fetched_from_several_files_in_one_pass_each() {
        let dir = assert_fs::TempDir::new().unwrap();
        std::fs::write(dir.path().join("a.py"), "one\ntwo\n\nfour").unwrap();
        std::fs::write(dir.path().join("b.py"), "eins\n").unwrap();
        let long = format!("{}\nlast\n", "x".repeat(3 << 20));
        std::fs::write(dir.path().join("c.py"), &long).unwrap();
        let wanted = [("a.py", 1), ("a.py", 3), ("a.py", 4), ("a.py", 9), ("b.py", 2), ("gone.py", 1), ("../a.py", 1)]
            .into_iter()
            .chain([("c.py", 1), ("c.py", 2)])
            .map(|(file, line)| (file.to_owned(), line))
            .collect();
        let found = lines(dir.path(), &wanted).unwrap();
        let told: Vec<(&str, u64, usize)> =
            found.iter().map(|((file, line), text)| (file.as_str(), *line, text.len())).collect();
        assert_eq!(told, [("a.py", 1, 3), ("a.py", 3, 0), ("a.py", 4, 4), ("c.py", 1, 1 << 20), ("c.py", 2, 4)]);
        assert_eq!(found[&("a.py".to_owned(), 4)], b"four");
    }
}
