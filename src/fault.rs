//! Faults on purpose: `LINO_UPGRADE_FAULT` makes this program go wrong at a place that is named, for its tests.
//!
//! Nothing of this is active unless the variable is set; `docs/reliability.md` documents what it may say. A fault
//! belongs to one process: the wizard, or the runner when it begins with `runner.`.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// The variable. It reaches the wizard and its runner, and no command.
pub const VARIABLE: &str = "LINO_UPGRADE_FAULT";

/// Where this program writes what it will believe later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The journal: one transaction.
    Journal,
    /// The records of commands: the temporary file, and its renaming.
    Runner,
    /// What the wizard itself writes beside the snapshot: copies for the way back, the script with the decisions.
    Snapshot,
}

impl Place {
    fn named(name: &str) -> Option<Self> {
        match name {
            "journal" => Some(Self::Journal),
            "runner" => Some(Self::Runner),
            "snapshot" => Some(Self::Snapshot),
            _ => None,
        }
    }
}

/// What goes wrong in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It fails before it has done anything.
    Fails,
    /// It hangs until it is cancelled.
    Hangs,
    /// The runner is killed as soon as its first command runs.
    LosesRunner,
    /// Its commands reach no network.
    Offline,
    /// This process stops before it, until it is continued.
    Stops,
}

/// What happens at a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// The process is killed before it.
    Kill,
    /// The process is killed when it is on disk.
    KillAfter,
    /// The disk is full.
    Full,
    /// The process stops before it, until it is continued: whoever waits for that changes the machine meanwhile.
    Stop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Write(Place, Blow),
    Step(String, Wrong),
}

/// One fault of the variable.
#[derive(Debug)]
struct Fault {
    of_runner: bool,
    what: What,
    /// The how manieth time, from 1.
    at: u64,
    seen: AtomicU64,
}

impl Fault {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}` {what}");
        let (of_runner, rest) = text
            .strip_prefix("runner.")
            .map_or((false, text.strip_prefix("wizard.").unwrap_or(text)), |rest| (true, rest));
        let (what, place) = rest.split_once('@').ok_or_else(|| wrong("does not say WHAT@WHERE"))?;
        let (place, at) = match place.split_once(':') {
            Some((place, at)) => {
                let at =
                    at.parse().ok().filter(|at| *at > 0).ok_or_else(|| wrong("does not end in a number from 1"))?;
                (place, at)
            }
            None => (place, 1),
        };
        let blow = match what {
            "kill" => Some(Blow::Kill),
            "kill-after" => Some(Blow::KillAfter),
            "full" => Some(Blow::Full),
            // Of a place; else it is a step that begins.
            "stop" if Place::named(place).is_some() => Some(Blow::Stop),
            _ => None,
        };
        let step = match what {
            "fail" => Some(Wrong::Fails),
            "hang" => Some(Wrong::Hangs),
            "lose-runner" => Some(Wrong::LosesRunner),
            "offline" => Some(Wrong::Offline),
            "stop" => Some(Wrong::Stops),
            _ => None,
        };
        let what = match (blow, step) {
            (Some(blow), _) => {
                let place = Place::named(place).ok_or_else(|| wrong("names no place: journal, runner or snapshot"))?;
                What::Write(place, blow)
            }
            (None, Some(_)) if of_runner => return Err(wrong("is no fault of the runner, which knows no steps")),
            (None, Some(step)) => What::Step(place.to_owned(), step),
            (None, None) => {
                return Err(wrong("names no fault: kill, kill-after, full, stop, fail, hang, lose-runner or offline"));
            }
        };
        Ok(Self { of_runner, what, at, seen: AtomicU64::new(0) })
    }

    /// Counts one more; tells whether it is the one.
    fn is_due(&self) -> bool {
        self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.at
    }
}

/// The faults of a process.
#[derive(Debug, Default)]
struct Faults {
    text: String,
    all: Vec<Fault>,
    problem: Option<String>,
}

impl Faults {
    fn read(text: &str) -> Self {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        match words.map(Fault::read).collect() {
            Ok(all) => Self { text: text.trim().to_owned(), all, problem: None },
            Err(problem) => Self { text: text.trim().to_owned(), all: Vec::new(), problem: Some(problem) },
        }
    }

    fn due(&self, what: &What) -> bool {
        let of_runner = RUNNER.get().is_some();
        // All of them count, also behind the first that is due.
        let mut due = false;
        for fault in self.all.iter().filter(|fault| fault.of_runner == of_runner && fault.what == *what) {
            due |= fault.is_due();
        }
        due
    }
}

static RUNNER: OnceLock<()> = OnceLock::new();
static FAULTS: OnceLock<Option<Faults>> = OnceLock::new();

fn faults() -> Option<&'static Faults> {
    FAULTS
        .get_or_init(|| std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty()).map(|t| Faults::read(&t)))
        .as_ref()
}

/// Says that this process is the runner.
pub fn this_is_the_runner() {
    let _ = RUNNER.set(());
}

/// Returns what the variable says, when it is set: faults are switched on.
#[must_use]
pub fn switched_on() -> Option<&'static str> {
    faults().map(|faults| faults.text.as_str())
}

/// Returns what is wrong with the variable.
#[must_use]
pub fn problem() -> Option<&'static str> {
    faults()?.problem.as_deref()
}

/// Stands before every write to `place`: kills this process, or says that the disk is full, when that is wanted here.
///
/// # Errors
/// That no space is left, when the variable says so.
pub fn before_write(place: Place) -> io::Result<()> {
    let Some(faults) = faults() else { return Ok(()) };
    if faults.due(&What::Write(place, Blow::Kill)) {
        die();
    }
    if faults.due(&What::Write(place, Blow::Stop)) {
        stop();
    }
    if faults.due(&What::Write(place, Blow::Full)) {
        return Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()));
    }
    Ok(())
}

/// Stands behind every write to `place`.
pub fn after_write(place: Place) {
    if faults().is_some_and(|faults| faults.due(&What::Write(place, Blow::KillAfter))) {
        die();
    }
}

/// Tells whether this goes wrong in the step of this id now; each time it is asked counts.
#[must_use]
pub fn in_step(step: &str, wrong: Wrong) -> bool {
    faults().is_some_and(|faults| faults.due(&What::Step(step.to_owned(), wrong)))
}

/// Stops this process until somebody continues it.
pub fn stop() {
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Kills this process as `kill -9` does.
fn die() {
    let _ = kill_process(getpid(), Signal::KILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(bool, What, u64), String> {
        Fault::read(text).map(|fault| (fault.of_runner, fault.what, fault.at))
    }

    #[test]
    fn a_fault_names_process_kind_place_and_number() {
        let write = |place, blow| What::Write(place, blow);
        assert_eq!(read("kill@journal:17"), Ok((false, write(Place::Journal, Blow::Kill), 17)));
        assert_eq!(read("runner.kill-after@runner:3"), Ok((true, write(Place::Runner, Blow::KillAfter), 3)));
        assert_eq!(read("wizard.full@snapshot"), Ok((false, write(Place::Snapshot, Blow::Full), 1)));
        assert_eq!(read("lose-runner@restore"), Ok((false, What::Step("restore".into(), Wrong::LosesRunner), 1)));
        assert_eq!(read("offline@pull:2"), Ok((false, What::Step("pull".into(), Wrong::Offline), 2)));
        assert_eq!(read("stop@journal:3"), Ok((false, write(Place::Journal, Blow::Stop), 3)));
        assert_eq!(read("stop@protect"), Ok((false, What::Step("protect".into(), Wrong::Stops), 1)));
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        let cases = [
            ("kill", "`kill` does not say WHAT@WHERE"),
            ("kill@disk", "`kill@disk` names no place: journal, runner or snapshot"),
            ("full@journal:0", "`full@journal:0` does not end in a number from 1"),
            ("runner.fail@restore", "`runner.fail@restore` is no fault of the runner, which knows no steps"),
            (
                "burn@journal",
                "`burn@journal` names no fault: kill, kill-after, full, stop, fail, hang, lose-runner or offline",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Err(expected.to_owned()));
            assert_eq!(Faults::read(&format!("kill@journal, {text}")).problem, Some(expected.to_owned()));
        }
    }

    #[test]
    fn a_fault_strikes_once_at_its_number() {
        let faults = Faults::read("full@journal:2, fail@pull");
        let write = What::Write(Place::Journal, Blow::Full);
        let struck: Vec<bool> = (0..4).map(|_| faults.due(&write)).collect();
        assert_eq!(struck, [false, true, false, false]);
        assert_eq!([0, 1].map(|_| faults.due(&What::Step("pull".into(), Wrong::Fails))), [true, false]);
        assert!(!faults.due(&What::Step("install".into(), Wrong::Fails)));
    }
}
