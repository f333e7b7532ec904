//! Unpacks an entry of an archive in one go, in memory of a fixed size that all threads share. It reports no damage: what
//! it cannot unpack is left to the reader that works in pieces, which takes longer and knows the reason.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libdeflater::Decompressor;

/// How much memory all readers of an archive may use for entries as a whole, in bytes. The row files of `dump2py` have at
/// most 50,000 rows each, and are smaller as a rule; what does not fit is read in pieces.
const ROOM: usize = 40 << 20;
/// Memory is taken in steps of so many bytes, so that files of about the same size use the same memory.
const STEP: usize = 512 << 10;

/// What is left of the memory that several readers share.
struct Room(AtomicUsize);

impl Room {
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The memory of one reader, which it uses for one entry after the other. A copy has memory of its own.
pub(super) struct Whole {
    room: Arc<Room>,
    /// How much of the room is taken: the length of both buffers.
    taken: usize,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    decompressor: Option<Decompressor>,
}

impl Default for Whole {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl Clone for Whole {
    fn clone(&self) -> Self {
        Self::within(Arc::clone(&self.room))
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.room.give_back(self.taken);
    }
}

impl Whole {
    /// Begins with so many bytes of memory, for this reader and its copies together.
    pub fn with_room(bytes: usize) -> Self {
        Self::within(Arc::new(Room(AtomicUsize::new(bytes))))
    }

    const fn within(room: Arc<Room>) -> Self {
        Self { room, taken: 0, packed: Vec::new(), unpacked: Vec::new(), decompressor: None }
    }

    /// Unpacks deflated bytes; none unless they are all there, undamaged as far as that can be told without their
    /// checksum, and become exactly as many as announced. None as well when the memory is taken.
    pub fn unpack(&mut self, mut from: impl Read, packed: u64, unpacked: u64) -> Option<&[u8]> {
        let (packed, unpacked) = (usize::try_from(packed).ok()?, usize::try_from(unpacked).ok()?);
        if !self.reserve(packed, unpacked) {
            return None;
        }
        let (packed, unpacked) = (self.packed.get_mut(..packed)?, self.unpacked.get_mut(..unpacked)?);
        from.read_exact(packed).ok()?;
        let decompressor = self.decompressor.get_or_insert_with(Decompressor::new);
        let count = decompressor.deflate_decompress(packed, unpacked).ok()?;
        (count == unpacked.len()).then_some(&*unpacked)
    }

    /// Makes both buffers large enough, if there is memory for it. Those that are much too large become smaller: another
    /// reader may wait for the memory.
    fn reserve(&mut self, packed: usize, unpacked: usize) -> bool {
        if packed > ROOM || unpacked > ROOM {
            return false;
        }
        let (packed, unpacked) = (packed.next_multiple_of(STEP), unpacked.next_multiple_of(STEP));
        if packed <= self.packed.len() && unpacked <= self.unpacked.len() {
            if 2 * self.taken > 3 * (packed + unpacked) {
                shrink(&mut self.packed, packed);
                shrink(&mut self.unpacked, unpacked);
                self.room.give_back(self.taken - packed - unpacked);
                self.taken = packed + unpacked;
            }
            return true;
        }
        let (packed, unpacked) = (packed.max(self.packed.len()), unpacked.max(self.unpacked.len()));
        if !self.room.take(packed + unpacked - self.taken) {
            return false;
        }
        self.taken = packed + unpacked;
        grow(&mut self.packed, packed);
        grow(&mut self.unpacked, unpacked);
        true
    }
}

/// Gives memory back without touching what stays.
fn shrink(buffer: &mut Vec<u8>, size: usize) {
    buffer.truncate(size);
    buffer.shrink_to_fit();
}

/// Makes a buffer larger, its content forgotten.
fn grow(buffer: &mut Vec<u8>, size: usize) {
    if buffer.len() < size {
        // The old memory goes before the new one comes.
        *buffer = Vec::new();
        *buffer = vec![0; size];
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// Text of about so many bytes, and what it is packed.
    fn text(size: usize) -> (Vec<u8>, Vec<u8>) {
        let text: Vec<u8> = (0..).flat_map(|number: u32| format!("{number}\n").into_bytes()).take(size).collect();
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&text).unwrap();
        (text, packed.finish().unwrap())
    }

    fn unpacked(whole: &mut Whole, packed: &[u8], size: usize) -> Option<Vec<u8>> {
        whole.unpack(packed, packed.len() as u64, size as u64).map(<[u8]>::to_vec)
    }

    #[test]
    fn what_was_packed_comes_out_and_nothing_else_does() {
        let mut whole = Whole::default();
        for size in [0, 1, 70_000, STEP + 1] {
            let (text, packed) = text(size);
            assert_eq!(unpacked(&mut whole, &packed, size), Some(text), "{size}");
        }
        let (_, packed) = text(70_000);
        let cut = &packed[..packed.len() - 1];
        let longer = packed.len() as u64 + 1;
        assert_eq!(unpacked(&mut whole, &packed, 69_999), None, "it is larger than announced");
        assert_eq!(unpacked(&mut whole, &packed, 70_001), None, "it is smaller than announced");
        assert_eq!(unpacked(&mut whole, cut, 70_000), None, "its end is missing");
        assert_eq!(whole.unpack(packed.as_slice(), longer, 70_000), None, "the archive ends before it");
        assert_eq!(unpacked(&mut whole, &[7], 70_000), None, "it is nothing that was deflated");
        assert_eq!(unpacked(&mut whole, &packed, usize::MAX), None, "it is larger than all memory");
    }

    #[test]
    fn readers_share_their_memory_and_give_it_back() {
        let (text, packed) = text(1000);
        let mut first = Whole::with_room(4 * STEP);
        let (mut second, mut third) = (first.clone(), first.clone());
        assert_eq!(unpacked(&mut first, &packed, 1000), Some(text.clone()));
        assert_eq!(unpacked(&mut second, &packed, 1000), Some(text.clone()));
        assert_eq!(unpacked(&mut third, &packed, 1000), None);
        assert_eq!(third.room.0.load(Ordering::Relaxed), 0);
        drop(first);
        assert_eq!(unpacked(&mut third, &packed, 1000), Some(text));
        drop((second, third.clone()));
        assert_eq!(third.room.0.load(Ordering::Relaxed), 2 * STEP);
    }

    #[test]
    fn a_reader_whose_files_become_small_makes_room_for_others() {
        let ((large, packed_large), (small, packed)) = (text(3 * STEP), text(1000));
        let mut first = Whole::with_room(7 * STEP);
        let mut second = first.clone();
        assert_eq!(unpacked(&mut first, &packed_large, 3 * STEP), Some(large.clone()));
        let left = first.room.0.load(Ordering::Relaxed);
        assert_eq!(unpacked(&mut second, &packed_large, 3 * STEP), None);
        assert_eq!(first.room.0.load(Ordering::Relaxed), left, "what is refused takes nothing");
        assert_eq!(unpacked(&mut first, &packed, 1000), Some(small));
        assert_eq!(first.room.0.load(Ordering::Relaxed), 5 * STEP);
        assert_eq!(unpacked(&mut second, &packed_large, 3 * STEP), Some(large));
    }
}
