//! From what was read and how the process ended to the judgement.

use super::abandon::cut;
use super::cause;
use super::ended::Ended;
use super::reader::Reader;
use super::reading::{CommandKind, DatabaseState, FailureCause, Fatal, Judgement, Reading};

pub(super) fn judge(mut reader: Reader, ended: Option<Ended>) -> Reading {
    let clean = matches!(ended, Some(Ended::Exited { code: 0 }));
    if clean {
        reader.fatal = reader.fatal.take_if(|fatal| ends_it(reader.kind, reader.went_on, fatal));
    } else if reader.fatal.is_none() {
        // Where output is not a terminal, a traceback may stand before the lines that were printed before it.
        reader.fatal = reader.passed.take().filter(|passed| !about_a_row(passed));
    }
    let judgement = Judge { reader: &reader, clean }.judgement(ended);
    let database = database(&reader, &judgement);
    let (groups, groups_left_off) = reader.abandoned.finish();
    Reading {
        kind: reader.kind,
        judgement,
        database,
        groups,
        groups_left_off,
        unsaved: reader.unsaved,
        ignored: reader.ignored,
        loaded: reader.loaded,
        announced: reader.announced,
        copied: reader.copied,
        unmodified: reader.unmodified,
        checked: reader.checked,
        problems: reader.problems,
        requirements: reader.requirements,
        source_version: reader.source_version,
        fatal: reader.fatal,
        written: reader.dump.written,
        unreached: reader.pip.unreached,
    }
}

/// Exceptions that Lino logs for each postponed row.
fn about_a_row(fatal: &Fatal) -> bool {
    let name = fatal.exception.rsplit('.').next().unwrap_or_default();
    matches!(name, "ValidationError" | "UnresolvedChoice" | "IntegrityError" | "DoesNotExist" | "DataError")
}

/// Whether an exception ended the work although the status is 0: a script may go on, a pipe hides the status.
fn ends_it(kind: CommandKind, went_on: bool, fatal: &Fatal) -> bool {
    let postponed = kind == CommandKind::Restore && about_a_row(fatal);
    !postponed && (!went_on || kind == CommandKind::Snapshot)
}

const SNAPSHOT_MADE: &str = "make_snapshot terminated successfully";

struct Judge<'reader> {
    reader: &'reader Reader,
    clean: bool,
}

impl Judge<'_> {
    fn judgement(&self, ended: Option<Ended>) -> Judgement {
        if let Some(Ended::NotStarted { errno }) = ended {
            let because = match errno {
                2 => String::from("The command could not be started because its program does not exist."),
                13 => String::from("The command could not be started because its program may not be executed."),
                _ => format!("The command could not be started (system error {errno})."),
            };
            return Judgement::Failed { because, cause: FailureCause::NotStarted };
        }
        if self.reader.abandoning {
            return self.abandoned();
        }
        if let Some(refused) = self.refused() {
            return refused;
        }
        if let Some(because) = self.interrupted(ended) {
            return Judgement::Interrupted { because };
        }
        if self.clean { self.belied().unwrap_or_else(|| self.finished()) } else { self.failed(ended) }
    }

    fn abandoned(&self) -> Judgement {
        let mut because = match self.reader.unsaved {
            1 => String::from("One row could not be saved, so the database is not complete."),
            rows => format!("{rows} rows could not be saved, so the database is not complete."),
        };
        if self.reader.ignored > 0 {
            because = format!("{because} {}", self.ignored());
        }
        Judgement::Failed { because, cause: FailureCause::Abandoned }
    }

    fn ignored(&self) -> String {
        let first = &self.reader.first_ignored;
        match self.reader.ignored {
            1 => format!("Lino ignored one object of the dump because it is no row: {first}."),
            count => format!("Lino ignored {count} objects of the dump because they are no rows, first {first}."),
        }
    }

    /// What was printed against the status 0 of the command.
    fn belied(&self) -> Option<Judgement> {
        let reader = self.reader;
        let failed = |(cause, because)| Some(Judgement::Failed { because, cause });
        match reader.kind {
            CommandKind::Restore if reader.ignored > 0 => return failed((FailureCause::RowsLost, self.ignored())),
            CommandKind::Dump | CommandKind::SimulatedDump | CommandKind::Snapshot => {
                if let Some(flaw) = reader.dump.flaw(reader.kind != CommandKind::SimulatedDump) {
                    return failed(flaw);
                }
            }
            _ => {}
        }
        if let Some(fatal) = &reader.fatal {
            let cause = self.cause();
            return failed((cause.clone(), self.against_status(&cause::sentence(&cause, Some(fatal)))));
        }
        if let Some(cause) = reader.pip.failure() {
            return failed((cause.clone(), cause::sentence(&cause, None)));
        }
        if reader.kind != CommandKind::Snapshot || reader.last_line != SNAPSHOT_MADE {
            return None;
        }
        if let Some((cause, _)) = reader.complaint.as_ref().filter(|(cause, _)| spoils_a_snapshot(cause)) {
            return failed((cause.clone(), self.against_status(&cause::sentence(cause, None))));
        }
        reader.dump.archive_flaw().and_then(failed)
    }

    fn against_status(&self, sentence: &str) -> String {
        if self.reader.kind == CommandKind::Snapshot {
            format!("The script went on after an error. {sentence}")
        } else {
            sentence.to_owned()
        }
    }

    fn refused(&self) -> Option<Judgement> {
        let refused = |because: &str| Some(Judgement::Refused { because: because.to_owned() });
        if let Some(fatal) = &self.reader.fatal {
            let cancelled = fatal.message.starts_with("User abort") || fatal.message.contains(" cancelled.");
            if fatal.exception == "CommandError" && cancelled {
                return refused("A question was answered with no, so nothing was done.");
            }
            if fatal.exception == "click.exceptions.Abort" || fatal.exception == "EOFError" && at_prompt(fatal) {
                return refused("A question was not answered, so nothing was done.");
            }
        }
        if self.clean && self.reader.kind == CommandKind::Install && self.answer().is_some_and(is_no) {
            return refused("The question whether to install was answered with no, so nothing was installed.");
        }
        let unanswered = !self.clean
            && self.reader.kind == CommandKind::Pull
            && self.reader.complaint.is_none()
            && self.reader.last_line.rsplit_once("[yN]").is_some_and(|(question, answer)| {
                question.contains("Do you have a snapshot") && !answer.trim_start().starts_with(['y', 'Y'])
            });
        if unanswered {
            refused("The question for a snapshot was answered with no, so nothing was done.")
        } else {
            None
        }
    }

    /// What stands behind the last question of `manage.py install`.
    fn answer(&self) -> Option<&str> {
        let question = self.reader.question.as_deref().filter(|_| !self.reader.pip.worked)?;
        let (_, answer) = question.rsplit_once("[Y/n]").or_else(|| question.rsplit_once("[Y,n]"))?;
        Some(answer.trim_start_matches([':', '?']).trim())
    }

    fn interrupted(&self, ended: Option<Ended>) -> Option<String> {
        let memory = "The command was killed, perhaps because the machine ran out of memory. If nobody killed it, stop \
                      what eats memory, then run the step again.";
        let text = match ended {
            None => "Nobody knows how the command ended; the machine or the program that watched it stopped.",
            Some(Ended::Exited { code: 137 } | Ended::Signalled { signal: 9 }) => memory,
            Some(Ended::Exited { code: 129 } | Ended::Signalled { signal: 1 }) => {
                "The command was stopped because its terminal was closed."
            }
            Some(Ended::Exited { code: 130 } | Ended::Signalled { signal: 2 }) => "The command was stopped by Ctrl-C.",
            Some(Ended::Exited { code: 143 } | Ended::Signalled { signal: 15 }) => {
                "The command was asked to stop by the system or by another program."
            }
            Some(Ended::Signalled { signal }) => return Some(format!("The command was ended by signal {signal}.")),
            Some(_) if self.reader.fatal.as_ref().is_some_and(|fatal| fatal.exception == "KeyboardInterrupt") => {
                "The command was stopped by Ctrl-C."
            }
            Some(_) if self.clean && self.reader.loaded.is_none() && self.stopped_politely() => {
                "The restore was asked to stop before it had loaded all rows."
            }
            Some(_) if self.clean && self.reader.done_twice && !self.proved() => {
                "The command was asked to stop by the system or by another program."
            }
            Some(_) => return None,
        };
        Some(text.to_owned())
    }

    /// On SIGTERM Lino ends with status 0 and says "Done" twice, or not at all without a log folder.
    fn stopped_politely(&self) -> bool {
        let reader = self.reader;
        reader.kind == CommandKind::Restore
            && (reader.done_lines >= 2 || (reader.informative && reader.done_lines == 0))
    }

    /// Whether the command said that its work is done, before it was asked to stop.
    fn proved(&self) -> bool {
        let reader = self.reader;
        match reader.kind {
            CommandKind::Restore => reader.loaded.is_some(),
            CommandKind::Dump | CommandKind::SimulatedDump | CommandKind::Snapshot => reader.dump.written.is_some(),
            CommandKind::CheckData => reader.problems.is_some(),
            CommandKind::CollectStatic | CommandKind::CollectStaticDryRun => reader.copied.is_some(),
            CommandKind::BuildCache => reader.cache_built,
            CommandKind::Install | CommandKind::PipDryRun | CommandKind::Pull => reader.pip.worked,
            CommandKind::InstallList | CommandKind::Other => false,
        }
    }

    fn finished(&self) -> Judgement {
        let reader = self.reader;
        let finished = |summary: String| Judgement::Finished { summary };
        let unproved = |because: &str| Judgement::Unproved { because: because.to_owned() };
        let rows =
            |count: u64, one: &str, many: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {many}") };
        match reader.kind {
            CommandKind::Restore => self.restored(),
            CommandKind::Dump => match reader.dump.written {
                Some(count) => finished(format!("{} written to the dump.", rows(count, "row was", "rows were"))),
                None => unproved("The command did not say that it wrote the dump."),
            },
            CommandKind::SimulatedDump => match reader.dump.written {
                Some(_) => finished(String::from("The new schema was written, without rows.")),
                None => unproved("The command did not say that it wrote the dump."),
            },
            CommandKind::CheckData => match reader.problems {
                Some((found, fixed)) => finished(format!(
                    "{} repaired; {found} left.",
                    rows(fixed, "data problem was", "data problems were")
                )),
                None => unproved("The command did not say that it checked anything."),
            },
            CommandKind::CollectStatic | CommandKind::CollectStaticDryRun => match reader.copied {
                Some(count) if reader.kind == CommandKind::CollectStaticDryRun => {
                    finished(format!("{} to be copied.", rows(count, "static file is", "static files are")))
                }
                Some(count) => finished(format!("{} copied.", rows(count, "static file was", "static files were"))),
                None => unproved("The command did not say how many files it copied."),
            },
            CommandKind::InstallList if reader.requirements.is_empty() => {
                unproved("The command named no package that the site asks for.")
            }
            CommandKind::InstallList => {
                let count = u64::try_from(reader.requirements.len()).unwrap_or(u64::MAX);
                finished(format!("The site asks for {}.", rows(count, "package", "packages")))
            }
            CommandKind::Install if self.answer().is_some() => {
                unproved("The command asked whether it may install, and did not say that it installed anything.")
            }
            CommandKind::Install => finished(String::from("The packages are installed.")),
            CommandKind::PipDryRun => finished(String::from("pip worked out what it would install.")),
            CommandKind::BuildCache if reader.cache_built => finished(String::from("The site's cache was built.")),
            CommandKind::BuildCache => unproved("The command did not say that it built the cache."),
            CommandKind::Snapshot if reader.last_line != SNAPSHOT_MADE => {
                unproved("The script did not say that it terminated successfully.")
            }
            CommandKind::Snapshot if reader.dump.begun && reader.dump.written.is_none() => unproved(
                "The script began a dump and did not say that it wrote it. If LINO_LOGLEVEL is set to WARNING, set it to \
                 INFO.",
            ),
            CommandKind::Snapshot => finished(String::from("The snapshot was made.")),
            CommandKind::Pull if reader.last_line.is_empty() => {
                unproved("The script printed nothing, so nothing proves that it did anything.")
            }
            CommandKind::Pull => finished(String::from("The new versions are installed.")),
            CommandKind::Other => finished(String::from("The command ended without an error.")),
        }
    }

    fn restored(&self) -> Judgement {
        let announced = self.reader.announced;
        match self.reader.loaded {
            Some(loaded) if loaded == announced => {
                Judgement::Finished { summary: format!("All {loaded} rows of the dump were loaded.") }
            }
            Some(loaded) => Judgement::Failed {
                because: format!("The dump has {announced} rows, but {loaded} were loaded."),
                cause: FailureCause::RowsLost,
            },
            None => {
                let because = if self.reader.informative {
                    "The restore ended without saying how many rows it loaded."
                } else {
                    "The restore printed nothing about its rows. If LINO_LOGLEVEL is set to WARNING, set it to INFO."
                };
                Judgement::Unproved { because: because.to_owned() }
            }
        }
    }

    /// From the exception, unless that tells less than what a program complained of.
    fn cause(&self) -> FailureCause {
        let reader = self.reader;
        let by_exception = reader.fatal.as_ref().map(|fatal| cause::of_exception(fatal, reader.migrating));
        let complaint = reader.complaint.as_ref().map(|(cause, _)| cause.clone());
        // Without network or disk space pip finds no package either.
        let root = matches!(complaint, Some(FailureCause::NetworkDown | FailureCause::DiskFull));
        match by_exception {
            None | Some(FailureCause::Other) if root => complaint.unwrap_or(FailureCause::Other),
            None | Some(FailureCause::Other) => reader.pip.failure().or(complaint).unwrap_or(FailureCause::Other),
            Some(cause) => cause,
        }
    }

    fn ended_at_its_question(&self) -> bool {
        self.reader.kind == CommandKind::Pull
            && self.reader.last_line.rsplit_once("[yN]").is_some_and(|(_, answer)| answer.trim().len() <= 1)
    }

    fn failed(&self, ended: Option<Ended>) -> Judgement {
        let reader = self.reader;
        let fatal = reader.fatal.as_ref();
        let cause = self.cause();
        let because = match (&cause, fatal, &reader.last_error, ended) {
            (FailureCause::Other, None, Some(error), _) => {
                format!("The command failed: {}.", error.trim_end_matches('.'))
            }
            (FailureCause::Other, None, None, _) if self.ended_at_its_question() => String::from(
                "The script ended right after its question and did nothing. Its first work is a line in the system log; \
                 on a machine without one it ends there.",
            ),
            (FailureCause::Other, None, None, Some(Ended::Exited { code: 127 })) => {
                String::from("The command failed because a program it needs is not installed.")
            }
            (FailureCause::Other, None, None, Some(Ended::Exited { code })) => {
                let last = cut(reader.last_line.trim_end_matches('.'), 200);
                if last.is_empty() {
                    format!("The command failed with status {code}, and it printed nothing.")
                } else {
                    format!("The command failed with status {code}; its last line is: {last}.")
                }
            }
            (cause, fatal, _, _) => cause::sentence(cause, fatal),
        };
        Judgement::Failed { because, cause }
    }
}

fn is_no(answer: &str) -> bool {
    answer.starts_with(['n', 'N'])
}

/// What leaves something out of a snapshot; other complaints may be harmless in a script that goes on.
fn spoils_a_snapshot(cause: &FailureCause) -> bool {
    matches!(
        cause,
        FailureCause::DiskFull
            | FailureCause::OutOfMemory
            | FailureCause::ProgramMissing { .. }
            | FailureCause::FilePermission
            | FailureCause::DatabasePermission
            | FailureCause::DatabaseUnreachable
            | FailureCause::DatabaseLocked
    )
}

/// `input()` without a terminal says this; other readers of files raise the same exception with other words.
fn at_prompt(fatal: &Fatal) -> bool {
    fatal.message.is_empty() || fatal.message.contains("EOF when reading a line")
}

fn database(reader: &Reader, judgement: &Judgement) -> DatabaseState {
    match (reader.kind, judgement) {
        (CommandKind::Restore, Judgement::Finished { .. }) => DatabaseState::Filled,
        (CommandKind::Restore, Judgement::Unproved { .. }) => DatabaseState::Unknown,
        (_, Judgement::Failed { cause: FailureCause::NotStarted, .. }) => DatabaseState::Untouched,
        (CommandKind::Restore, _) if reader.flushed => DatabaseState::HalfFilled,
        (CommandKind::Restore, Judgement::Refused { .. }) => DatabaseState::Untouched,
        // Within initdb, but not at its question: with few messages printed, the tables may be gone already.
        (CommandKind::Restore, _) if reader.fatal.is_some() && (!reader.in_initdb || reader.in_confirm) => {
            DatabaseState::Untouched
        }
        (CommandKind::Restore | CommandKind::Other, _) => DatabaseState::Unknown,
        _ => DatabaseState::Untouched,
    }
}
