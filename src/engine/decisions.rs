//! The decisions of a site: one file in its state directory, which a person may read and edit between two sessions.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Kind, Report};
use crate::site::excerpt::locate;
use crate::site::{Site, prepare_private};
use crate::triage::{DecisionsFile, Mistake, write};

use super::decided::write_private;

/// Returns where the decisions of a site are kept.
#[must_use]
pub fn path(site: &Site) -> PathBuf {
    site.state_dir.join("decisions.toml")
}

/// Reads a decisions file.
///
/// # Errors
/// A report that names line and column of a mistake.
pub fn read(path: &Path) -> Result<DecisionsFile, Report> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    DecisionsFile::read(&text).map_err(|mistake| tell_mistake(path, &text, &mistake))
}

/// Reads the decisions of a site; none where nothing was decided yet. The text is returned with them.
///
/// # Errors
/// A report that names line and column of a mistake.
pub fn of_site(site: &Site) -> Result<Option<(DecisionsFile, String)>, Report> {
    let Some(text) = text_of(site)? else { return Ok(None) };
    let file = DecisionsFile::read(&text).map_err(|mistake| tell_mistake(&path(site), &text, &mistake))?;
    Ok(Some((file, text)))
}

/// Reads the decisions of a site when their file is another one than `known`; none when it is the same.
///
/// # Errors
/// A report that names line and column of a mistake.
pub fn changed(site: &Site, known: Option<&str>) -> Result<Option<(DecisionsFile, Option<String>)>, Report> {
    let text = text_of(site)?;
    if text.as_deref() == known {
        return Ok(None);
    }
    let read = |text: &String| DecisionsFile::read(text).map_err(|mistake| tell_mistake(&path(site), text, &mistake));
    Ok(Some((text.as_ref().map(read).transpose()?.unwrap_or_default(), text)))
}

fn text_of(site: &Site) -> Result<Option<String>, Report> {
    let path = path(site);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

/// Writes the decisions of a site, for their owner only, and returns the text: they quote values of rows.
///
/// # Errors
/// A report when the file cannot be written; then it is as it was.
pub fn keep(site: &Site, file: &DecisionsFile) -> Result<String, Report> {
    let (path, text) = (path(site), write(&file.answers, &file.decisions));
    let written = prepare_private(&site.state_dir).and_then(|()| write_private(&path, &text));
    written.map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be written: {error}.", path.display()))
            .unchanged("The decisions are as they were.")
            .next("Free some disk space, and look who owns the directory.")
    })?;
    Ok(text)
}

/// Puts the decisions of a run that is over aside, as `decisions/run-NNNN.toml`.
///
/// # Errors
/// A report when the file cannot be moved.
pub fn put_aside(site: &Site, run: i64) -> Result<(), Report> {
    let (from, dir) = (path(site), site.state_dir.join("decisions"));
    if !from.exists() {
        return Ok(());
    }
    let to = dir.join(format!("run-{run:04}.toml"));
    prepare_private(&dir).and_then(|()| std::fs::rename(&from, &to)).map_err(|error| {
        Report::new(Kind::Environment, format!("{} cannot be moved to {}: {error}.", from.display(), to.display()))
            .unchanged("The upgrade is complete.")
            .next("Move the file away by hand: the next upgrade would use its decisions.")
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Report {
    Report::new(Kind::Environment, format!("The decisions file {} cannot be read: {error}.", path.display()))
        .unchanged("Nothing was started.")
}

/// Tells a mistake in a decisions file with its line and a caret; also one that is found later, against a snapshot.
#[must_use]
pub fn tell_mistake(path: &Path, text: &str, mistake: &Mistake) -> Report {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (.., excerpt) = locate(text, &mistake.span, &name, &mistake.message);
    Report::new(Kind::Environment, format!("The decisions file {} has a mistake.", path.display()))
        .excerpt(excerpt)
        .unchanged("Nothing was started.")
        .next("Correct the line shown and start again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_the_decisions_is_told_with_line_and_caret() {
        let home = assert_fs::TempDir::new().unwrap();
        let path = home.path().join("decisions.toml");
        let text =
            "[answers]\n\"sign-in.confirm\" = \"y\"\n\n[[decision]]\nmodel = \"a.B\"\nrows = []\nleave_out = true\n";
        std::fs::write(&path, text).unwrap();
        let report = read(&path).unwrap_err();
        let excerpt = " --> decisions.toml:6:8\n  |\n6 | rows = []\n  |        ^^ The list of rows is empty.";
        assert_eq!(report.excerpt.as_deref(), Some(excerpt));
        std::fs::write(&path, text.replace("[]", "[\"1\"]")).unwrap();
        assert_eq!(read(&path).unwrap().answers.len(), 1);
    }
}
