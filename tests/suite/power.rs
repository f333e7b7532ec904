//! The machine loses power: what is not on the disk yet is gone, and the upgrade or its undo comes to its end all the same.
//!
//! The disk is a real file system in a file. It is shut down as by a power cut, with no flush of anything: what the
//! kernel has not written to the file by then, nobody reads again.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test stops at the first surprise")]

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_fs::TempDir;

use crate::crash::{Case, Ending, alone, event, matrix, open, points, sqlite, undo_points, undone, undone_with};
use crate::crash_site::{Crash, Victim, can_reboot};
use crate::rehearse::{dump, rehearse};
use crate::shop::{Shop, WHOLE};

/// A disk that can lose power.
pub struct Disk {
    home: TempDir,
    place: PathBuf,
    file: RefCell<PathBuf>,
    cuts: Cell<u32>,
}

/// The command that cuts the power of the disk that is mounted at the directory behind it: the request `FS_IOC_SHUTDOWN`,
/// without a flush of the file system's log.
pub const CUT: &str = "python3 -c 'import fcntl, os, struct, sys\n\
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack(\"I\", 2))'";

/// The largest that it can become, in bytes.
const SIZE: u64 = 2_000_000_000;

fn status(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Disk {
    /// Makes an empty one.
    pub fn mount() -> Self {
        let home = TempDir::new().unwrap();
        let (place, file) = (home.path().join("disk"), home.path().join("disk-0"));
        std::fs::create_dir(&place).unwrap();
        std::fs::File::create(&file).unwrap().set_len(SIZE).unwrap();
        assert!(status(Command::new("mkfs.ext4").args(["-q", "-F", "-E", "lazy_itable_init=1"]).arg(&file)));
        let disk = Self { home, place, file: RefCell::new(file), cuts: Cell::new(0) };
        disk.mount_again();
        disk
    }

    pub fn place(&self) -> &Path {
        &self.place
    }

    fn mount_again(&self) {
        assert!(status(Command::new("mount").args(["-o", "loop"]).arg(&*self.file.borrow()).arg(&self.place)));
    }

    /// Everything that was written is on the disk.
    pub fn sync(&self) {
        assert!(status(Command::new("sync").arg("-f").arg(&self.place)));
    }

    /// Nothing reaches the disk any more.
    pub fn cut(&self) {
        assert!(status(Command::new("sh").arg("-c").arg(format!("{CUT} {}", self.place.display()))));
    }

    /// What has reached the disk is there again. Other mount namespaces may hold on to what was there before.
    pub fn come_back(&self) {
        self.cuts.set(self.cuts.get() + 1);
        let next = self.home.path().join(format!("disk-{}", self.cuts.get()));
        assert!(status(Command::new("cp").arg("--sparse=always").arg(&*self.file.borrow()).arg(&next)));
        assert!(status(Command::new("umount").arg("-l").arg(&self.place)));
        let _ = std::fs::remove_file(self.file.replace(next));
        self.mount_again();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        status(Command::new("umount").arg("-l").arg(&self.place));
    }
}

/// Tells whether this machine permits it.
pub fn can_lose_power() -> bool {
    let dir = TempDir::new().unwrap();
    let script =
        "truncate -s 20M disk && mkfs.ext4 -q -F disk && mkdir place && mount -o loop disk place && umount place";
    let can = can_reboot() && status(Command::new("sh").args(["-ec", script]).current_dir(dir.path()));
    if !can {
        eprintln!("skipped: this machine lets nobody mount a disk in a file (root can, with e2fsprogs)");
    }
    can
}

const ENDED: &str = "step_ended";

/// The end of a step, which is recorded then.
const fn after(step: &'static str) -> Crash {
    event(step, ENDED, 1, Victim::PowerCut)
}

/// The end of each step, and the middle of most.
fn everywhere() -> Vec<Crash> {
    let ends = WHOLE.iter().map(|(step, _)| after(step));
    ends.chain(points(Victim::PowerCut)).collect()
}

#[test]
fn an_upgrade_whose_machine_loses_power_comes_to_its_end() {
    if !can_lose_power() {
        return;
    }
    let crashes = vec![
        after("snapshot"),
        after("protect"),
        after("pull"),
        open("shop_sale.py", 1, Victim::PowerCut),
        after("restore"),
    ];
    let half = Case { ending: Ending::Undone(vec![after("undo-environment")]), ..sqlite(vec![after("pull")]) };
    assert_eq!(matrix("power cuts", vec![sqlite(crashes), half]), 7);
}

/// A digest of all files below a directory.
fn digest(dir: &Path) -> String {
    let script = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
    let output = Command::new("sh").args(["-c", script]).current_dir(dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_environment_that_was_built_for_rehearsals_is_whole_after_a_power_cut() {
    if !can_lose_power() {
        return;
    }
    let disk = Disk::mount();
    let shop = Shop::light_in(disk.place());
    disk.sync();
    dump(&shop);
    let rehearsed = rehearse(&shop, None, &[]);
    assert_eq!(rehearsed.status.code(), Some(0), "{}", String::from_utf8_lossy(&rehearsed.stderr));
    let built = shop.dir.join(".lino-upgrade/rehearsal/env");
    let before = digest(&built);
    disk.cut();
    disk.come_back();
    assert_eq!(digest(&built), before);
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_the_power_fails_at_each_point_of_each_step() {
    if can_lose_power() {
        matrix("power cuts at each point", alone("sqlite", everywhere()));
    }
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_an_upgrade_whose_power_fails_at_each_point_is_undone() {
    if can_lose_power() {
        matrix("power cuts at each point, then undone", undone(alone("sqlite", everywhere())));
    }
}

#[test]
#[ignore = "takes long; tests/run --crash asks for it"]
fn matrix_the_power_fails_at_each_point_of_an_undo() {
    if can_lose_power() {
        let ends = [
            "undo-stop",
            "undo-keep",
            "undo-environment",
            "undo-database",
            "undo-static",
            "undo-account",
            "undo-start",
        ];
        let points = undo_points(Victim::PowerCut).into_iter().chain(ends.map(after));
        matrix("power cuts in an undo", points.map(|crash| undone_with(vec![crash])).collect());
    }
}
