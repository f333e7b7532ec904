//! Reads single rows again, whose places are known: a file is read once for all rows that are wanted of it.

use std::io;

use crate::dump::account::{Joined, Matcher, Origin, Pair, Place};
use crate::snapshot::archive::Source;
use crate::snapshot::scan::{Block, Filling};
use crate::snapshot::verify::SnapshotError;

/// Rows that are kept in memory at once, in bytes and in number.
const KEPT: usize = 32 << 20;
/// The same in number.
const ROWS: usize = 1 << 17;

/// Hands the lines at these places, which are in order, to `each` with their index and line number; ends early when it
/// says so.
pub(super) fn read(
    source: &mut Source,
    files: &[String],
    places: &[Place],
    each: &mut dyn FnMut(usize, u64, &[u8]) -> bool,
) -> Result<(), SnapshotError> {
    let mut block = Block::default();
    let mut first = 0;
    let mut on = true;
    for places in places.chunk_by(|one, other| one.file == other.file) {
        let name = places.first().and_then(|place| files.get(place.file as usize));
        if let Some(mut file) = name.map(|name| source.file(name)).transpose()?.flatten()
            && on
        {
            let found = lines(&mut file, &mut block, places, &mut |at, line, text| {
                on = each(first + at, line, text);
                on
            });
            let name = name.map(String::as_str).unwrap_or_default();
            found.map_err(|error| super::verify::unreadable(std::path::Path::new(name), error))?;
        }
        first += places.len();
    }
    Ok(())
}

fn lines(
    file: &mut dyn io::Read,
    block: &mut Block,
    places: &[Place],
    each: &mut dyn FnMut(usize, u64, &[u8]) -> bool,
) -> io::Result<()> {
    let mut filling = Filling::default();
    let (mut offset, mut line) = (0_u64, 1_u64);
    let mut wanted = places.iter().enumerate().peekable();
    while wanted.peek().is_some() {
        let Some(filled) = filling.next(block, file)? else { return Ok(()) };
        let bytes = block.get(filled);
        let mut counted = 0;
        while let Some((index, place)) = wanted.next_if(|(_, place)| place.offset < offset + bytes.len() as u64) {
            let Some(at) = place.offset.checked_sub(offset).and_then(|at| usize::try_from(at).ok()) else { continue };
            let passed = bytes.get(counted..at).unwrap_or_default();
            line += memchr::memchr_iter(b'\n', passed).count() as u64;
            counted = at;
            let rest = bytes.get(at..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            if !each(index, line, rest.get(..end).unwrap_or_default()) {
                return Ok(());
            }
        }
        let rest = bytes.get(counted..).unwrap_or_default();
        line += memchr::memchr_iter(b'\n', rest).count() as u64;
        offset += bytes.len() as u64;
    }
    Ok(())
}

/// Rows of the first dump that wait for those of the second.
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where each row ends, and its line.
    rows: Vec<(usize, u64)>,
}

impl Batch {
    /// Reads the rows of the pairs from `first` on, as many as may be kept.
    pub fn read(joined: &Joined, first: usize, files: &[String], source: &mut Source) -> Result<Self, SnapshotError> {
        let places: Vec<Place> = joined.pairs().skip(first).take(ROWS).map(|pair| pair.before).collect();
        let mut batch = Self { bytes: Vec::new(), rows: Vec::with_capacity(places.len()) };
        read(source, files, &places, &mut |index, line, text| {
            if index != batch.rows.len() {
                return false;
            }
            batch.bytes.extend_from_slice(text);
            batch.rows.push((batch.bytes.len(), line));
            batch.bytes.len() < KEPT
        })?;
        if batch.rows.is_empty() {
            let changed = io::Error::other("it changed while it was read");
            let name = places.first().and_then(|place| files.get(place.file as usize)).cloned().unwrap_or_default();
            return Err(super::verify::unreadable(std::path::Path::new(&name), changed));
        }
        Ok(batch)
    }

    /// Returns how many rows it has.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Reads their counterparts and has them compared.
    pub fn meet(
        &self,
        joined: &Joined,
        first: usize,
        files: [&[String]; 2],
        source: &mut Source,
        matcher: &mut Matcher<'_>,
    ) -> Result<(), SnapshotError> {
        let mut wanted: Vec<(Pair, usize)> =
            joined.pairs().skip(first).take(self.len()).enumerate().map(|(at, pair)| (pair, at)).collect();
        wanted.sort_unstable_by_key(|(pair, _)| pair.after);
        let places: Vec<Place> = wanted.iter().map(|(pair, _)| pair.after).collect();
        read(source, files[1], &places, &mut |index, line, text| {
            if let Some((pair, at)) = wanted.get(index)
                && let Some((end, mine)) = self.rows.get(*at)
            {
                let start = at.checked_sub(1).and_then(|before| self.rows.get(before)).map_or(0, |(end, _)| *end);
                let before = self.bytes.get(start..*end).unwrap_or_default();
                let origin = |files: &[String], place: Place, line| Origin {
                    file: files.get(place.file as usize).cloned().unwrap_or_default(),
                    line,
                };
                matcher
                    .look((before, origin(files[0], pair.before, *mine)), (text, origin(files[1], pair.after, line)));
            }
            true
        })
    }
}
