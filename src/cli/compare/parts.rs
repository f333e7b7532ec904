//! The parts of two scripts as they are printed, written by as many threads as there are at hand.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::beside::Page;
use crate::cli::paint::Look;
use crate::compare::sides::Sides;

/// Parts that a thread takes at once.
const TAKEN: usize = 64;

/// The parts that no thread has taken yet: how often some were taken.
#[derive(Debug, Default)]
pub(super) struct Left(AtomicUsize);

/// What one thread has written.
#[derive(Debug, Default)]
pub(super) struct Written {
    text: Vec<u8>,
    /// Which piece of the parts, and where in the text it is.
    places: Vec<(usize, Range<usize>)>,
}

impl Left {
    /// Takes parts and writes them until there are no more.
    pub fn write(&self, look: &Look, sides: &Sides) -> Written {
        let mut page = Page::new(look, sides);
        let mut places = Vec::new();
        let count = sides.sections.len();
        let pieces = count.div_ceil(TAKEN).max(1);
        loop {
            // The longest parts, models and load order, are in the first and in the last piece: nobody should have to
            // wait for them in the end.
            let piece = match self.0.fetch_add(1, Ordering::Relaxed) {
                taken if taken >= pieces => break,
                0 => 0,
                1 => pieces - 1,
                taken => taken - 1,
            };
            let begun = page.text.len();
            page.parts(piece * TAKEN..count.min((piece + 1) * TAKEN));
            if piece == pieces - 1 {
                page.end();
            }
            places.push((piece, begun..page.text.len()));
        }
        Written { text: page.text, places }
    }
}

/// Returns what several threads have written, in order.
pub(super) fn ordered(written: &[Written]) -> impl Iterator<Item = &[u8]> {
    let mut all: Vec<(usize, &[u8])> = Vec::new();
    for Written { text, places } in written {
        all.extend(places.iter().map(|(piece, place)| (*piece, text.get(place.clone()).unwrap_or_default())));
    }
    all.sort_unstable_by_key(|(piece, _)| *piece);
    all.into_iter().map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::paint::Colours;
    use crate::dump::Script;

    #[test]
    fn two_threads_write_what_one_writes() {
        let function =
            |table: usize, field: &str| format!("def create_a_{table}(id, {field}):\n    return a_{table}(**kw)\n");
        let script = |field: &str| (0..1_000).map(|table| function(table, field)).collect::<String>();
        let (old, new) = (script("one"), script("other"));
        let sides = Sides::new((&old, &Script::read(&old)), (&new, &Script::read(&new)));
        let look = Look { columns: 120, colours: Colours::Sixteen };
        let left = Left::default();
        let mut written = std::thread::scope(|scope| {
            let other = scope.spawn(|| left.write(&look, &sides));
            vec![left.write(&look, &sides), other.join().unwrap()]
        });
        // However they have shared it, and even if one was too late for any.
        for _ in 0..2 {
            written.reverse();
            let mut page = Page::new(&look, &sides);
            page.parts(0..sides.sections.len());
            page.end();
            assert_eq!(ordered(&written).collect::<Vec<_>>().concat(), page.text);
        }
    }
}
