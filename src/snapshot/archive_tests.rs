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

/// An archive with these entries, deflated, beside a dump script.
fn archive_with(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    zip.start_file("snapshot/restore.py", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"import os\n").unwrap();
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

fn said_of(path: &Path) -> Vec<(String, String)> {
    let source = Source::open(path).unwrap();
    source.problems().into_iter().map(|problem| (problem.path, problem.message)).collect()
}

#[test]
fn names_that_leave_the_directory_are_named_and_never_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    let outside = "Its name leaves the directory; it is not part of a snapshot.";
    let hostile = [
        "../evil.py",
        "snapshot/../../evil.py",
        "/etc/passwd",
        "snapshot//evil.py",
        "snapshot/./evil.py",
        "C:\\evil.py",
        "c:evil.py",
        "\\evil.py",
        "\\\\server\\evil.py",
        "snapshot\\..\\..\\evil.py",
        "..\\evil.py",
    ];
    for name in hostile {
        archive_with(&path, &[(name, b"evil")]);
        assert_eq!(said_of(&path), [(name.to_owned(), outside.to_owned())]);
        let mut source = Source::open(&path).unwrap();
        let inner = name.strip_prefix("snapshot/").unwrap_or(name);
        for wanted in [name, inner, "../evil.py", "../../evil.py", "/etc/passwd"] {
            assert_eq!(source.read(wanted).unwrap_or_default(), None, "{wanted} of {name}");
        }
    }
    // A file that users have sent in may have a backslash in its name.
    archive_with(&path, &[("media/uploads/a\\b.txt", b""), ("media/uploads/..b", b"")]);
    assert_eq!(said_of(&path), []);
}

#[test]
fn a_name_with_a_nul_or_control_characters_is_named_harmlessly() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    archive_with(&path, &[("snapshot/evilX.py", b"evil")]);
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, b"evilX").collect();
    for at in places {
        bytes[at + 4] = 0;
    }
    fs::write(&path, bytes).unwrap();
    let said = said_of(&path);
    assert_eq!((said.len(), said[0].0.contains('\0')), (1, false), "{said:?}");
    archive_with(&path, &[("../\u{1b}]0;HACKED\u{7}\u{202e}\u{9b}2J.py", b"evil")]);
    assert_eq!(said_of(&path)[0].0, "../\u{fffd}\u{fffd}2J.py");
}

#[test]
fn links_are_named_and_never_followed() {
    let dir = TempDir::new().unwrap();
    let (path, secret) = (dir.path().join("snapshot.zip"), dir.path().join("secret"));
    fs::write(&secret, "secret").unwrap();
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("snapshot/restore.py", SimpleFileOptions::default()).unwrap();
    zip.add_symlink("snapshot/shop_note.py", secret.to_str().unwrap(), SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    let said = "It is a link, which could lead anywhere; a snapshot has none.".to_owned();
    assert_eq!(said_of(&path), [("snapshot/shop_note.py".to_owned(), said)]);
    let read = Source::open(&path).unwrap().read("shop_note.py").unwrap().unwrap();
    assert_eq!(read, secret.to_str().unwrap().as_bytes(), "the name of the link, not what it leads to");
}

#[test]
fn two_entries_of_one_name_are_noticed() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    archive_with(&path, &[("snapshot/one.py", b"good"), ("snapshot/two.py", b"evil")]);
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, b"two.py").collect();
    for at in places {
        bytes[at..at + 3].copy_from_slice(b"one");
    }
    fs::write(&path, bytes).unwrap();
    let said = "It has two entries of the same name; which of them counts depends on who reads it.".to_owned();
    assert_eq!(said_of(&path), [("snapshot.zip".to_owned(), said)]);
}

#[test]
fn an_archive_within_an_archive_is_a_file_like_any_other() {
    let dir = TempDir::new().unwrap();
    let (inner, path) = (dir.path().join("inner.zip"), dir.path().join("snapshot.zip"));
    archive_with(&inner, &[("../evil.py", b"evil")]);
    let packed = fs::read(&inner).unwrap();
    archive_with(&path, &[("media/uploads/inner.zip", &packed)]);
    assert_eq!(said_of(&path), []);
    let mut source = Source::open(&path).unwrap();
    let others = source.others(&BTreeSet::from(["restore.py"]));
    assert_eq!(others.into_iter().filter_map(|entry| source.check(entry)).collect::<Vec<_>>(), []);
    assert!(!dir.path().join("evil.py").exists() && !dir.path().parent().unwrap().join("evil.py").exists());
}

#[test]
fn few_bytes_under_many_names_are_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    let content = vec![b'x'; 1 << 20];
    let names: Vec<String> = (0..200).map(|number| format!("snapshot/{number:03}.py")).collect();
    archive_with(&path, &[(&names[0], &content)]);
    // Its own entry again and again, as one file with many names.
    let bytes = fs::read(&path).unwrap();
    let first = memchr::memmem::rfind(&bytes, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::rfind(&bytes, b"PK\x05\x06").unwrap();
    let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    let mut bomb = bytes[..end].to_vec();
    for name in &names[1..] {
        let mut entry = bytes[first..end].to_vec();
        let at = memchr::memmem::find(&entry, names[0].as_bytes()).unwrap();
        entry[at..at + name.len()].copy_from_slice(name.as_bytes());
        bomb.extend(entry);
    }
    let size = u32::try_from(bomb.len() - directory).unwrap();
    let mut tail = bytes[end..].to_vec();
    for at in [8, 10] {
        tail[at..at + 2].copy_from_slice(&201_u16.to_le_bytes());
    }
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    bomb.extend(tail);
    fs::write(&path, &bomb).unwrap();
    let refused = Source::open(&path).map(drop).unwrap_err();
    let expected =
        format!("{} cannot be read: its entries overlap, so that they would become far too large", path.display());
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn what_becomes_far_too_large_is_not_unpacked_into_memory() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("snapshot.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("snapshot/restore.py", SimpleFileOptions::default()).unwrap();
    let zeros = vec![b'#'; 1 << 20];
    for _ in 0..=LARGEST_WHOLE >> 20 {
        zip.write_all(&zeros).unwrap();
    }
    zip.finish().unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 200_000);
    let refused = Source::open(&path).unwrap().read("restore.py").unwrap_err();
    let expected = format!("{} cannot be read: restore.py: it is far too large for what it should be", path.display());
    assert_eq!(refused.to_string(), expected);
}
