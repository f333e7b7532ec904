//! Tests of reading archives that are damaged, or that tell lies: as a whole and in pieces, with the same words.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use assert_fs::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const NAME: &str = "snapshot/shop_note_1.py";
/// Where the directory of an archive keeps these, counted from the begin of an entry.
const CHECKSUM: usize = 16;
const PACKED: usize = 20;
const UNPACKED: usize = 24;

fn text() -> String {
    (0..5000).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "loader.save(create_shop_note({number},'Bäckerei'))");
        text
    })
}

/// An archive of which `change` makes another one; it is told where the packed bytes and the entry of the directory are.
struct Packed {
    bytes: Vec<u8>,
    data: usize,
    entry: usize,
}

impl Packed {
    fn new() -> Self {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, text) in [(NAME, text()), ("snapshot/restore.py", "import os\n".to_owned())] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        let data = memchr::memmem::find(&bytes, NAME.as_bytes()).unwrap() + NAME.len();
        let entry = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
        Self { bytes, data, entry }
    }

    fn field(&self, field: usize) -> u32 {
        let at = self.entry + field;
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    fn set(&mut self, field: usize, value: u32) {
        let at = self.entry + field;
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

/// How an entry came, and what it has or what is wrong; the memory for whole entries is given.
fn read(path: &Path, room: usize) -> (&'static str, Result<Vec<u8>, String>) {
    let mut archive = Archive::open(path).unwrap();
    archive.whole = Whole::with_room(room);
    let mut came = "not at all";
    let read = archive.with("shop_note_1.py", |mut content| {
        came = match content {
            Content::Whole(_) => "as a whole",
            Content::Pieces(_) => "in pieces",
        };
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map(|_| bytes)
    });
    (came, read.map(Option::unwrap_or_default).map_err(|error| error.to_string()))
}

#[test]
fn an_entry_is_the_same_as_a_whole_and_in_pieces() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    fs::write(&path, Packed::new().bytes).unwrap();
    assert_eq!(read(&path, 8 << 20), ("as a whole", Ok(text().into_bytes())));
    assert_eq!(read(&path, 0), ("in pieces", Ok(text().into_bytes())));
}

#[test]
fn what_is_damaged_or_lies_is_refused_with_the_same_words() {
    type Change = fn(&mut Packed);
    let size = "its size is not the one announced";
    let changes: [(&str, Change, &str); 8] = [
        ("its size is less than announced", |it| it.set(UNPACKED, it.field(UNPACKED) + 1), size),
        ("its size is far less than announced", |it| it.set(UNPACKED, 1_000_000), size),
        ("its size is more than announced", |it| it.set(UNPACKED, it.field(UNPACKED) - 1), size),
        ("its size is announced as nothing", |it| it.set(UNPACKED, 0), size),
        ("it claims to be a bomb", |it| it.set(UNPACKED, 4_000_000_000), "it would become far too large"),
        ("its checksum is another", |it| it.set(CHECKSUM, it.field(CHECKSUM) ^ 1), "Invalid checksum"),
        ("its second half is missing", |it| it.set(PACKED, it.field(PACKED) / 2), "incomplete deflate stream"),
        ("it begins as nothing that was deflated", |it| it.bytes[it.data] = 0xff, "corrupt deflate stream"),
    ];
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    for (what, change, error) in changes {
        let mut packed = Packed::new();
        change(&mut packed);
        fs::write(&path, packed.bytes).unwrap();
        let error = format!("{} cannot be read: shop_note_1.py: {error}", path.display());
        for room in [8 << 20, 0] {
            assert_eq!(read(&path, room).1, Err(error.clone()), "{what}, {room}");
        }
    }
}

#[test]
fn every_byte_that_is_flipped_is_noticed_with_the_same_words() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    let whole = Packed::new();
    let length = usize::try_from(whole.field(PACKED)).unwrap();
    for at in (whole.data..whole.data + length).step_by(97) {
        let mut bytes = whole.bytes.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let (in_pieces, as_a_whole) = (read(&path, 0).1, read(&path, 8 << 20).1);
        assert!(in_pieces.is_err(), "{at}");
        assert_eq!(as_a_whole, in_pieces, "{at}");
    }
}

#[test]
fn the_packed_bytes_have_an_end_of_their_own_whatever_the_directory_says() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    let length = Packed::new().bytes.len();
    for (packed, came) in [(length / 2, "as a whole"), (length, "in pieces")] {
        let mut archive = Packed::new();
        archive.set(PACKED, u32::try_from(packed).unwrap().max(archive.field(PACKED) + 10));
        fs::write(&path, archive.bytes).unwrap();
        assert_eq!(read(&path, 8 << 20), (came, Ok(text().into_bytes())));
        assert_eq!(read(&path, 0), ("in pieces", Ok(text().into_bytes())));
    }
}
