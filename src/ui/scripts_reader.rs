//! Reads and aligns the dump scripts for the screen, away from the loop, so that no disk and no alignment ever holds
//! up a key. It decides nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::scripts_view::Aligned;
use crate::procedure::DumpScripts;

/// Bytes of a script that are read at most. Real ones have less than one million.
const LARGEST: u64 = 64 << 20;

/// Reads both scripts. Fails with sentences that name path and reason.
pub fn read(paths: &DumpScripts) -> Result<Arc<Aligned>, Vec<String>> {
    match (text(&paths.snapshot), text(&paths.simulated)) {
        (Ok(old), Ok(new)) => Ok(Arc::new(Aligned::new(&old, &new))),
        (old, new) => Err([old.err(), new.err()].into_iter().flatten().collect()),
    }
}

fn text(path: &str) -> Result<String, String> {
    let said = |because: String| format!("The script {path} cannot be read: {because}.");
    let mut bytes = Vec::new();
    // Opening a pipe would wait for its writer, and a device would never end.
    if !Path::new(path).metadata().map_err(|error| said(error.to_string()))?.is_file() {
        return Err(said("it is no file".to_owned()));
    }
    let file = File::open(path).map_err(|error| said(error.to_string()))?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| said(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(said(format!("it has more than {} megabytes", LARGEST >> 20)));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_cannot_be_read_is_named_with_the_reason() {
        let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/dumps/26.10.8/restore.py").to_owned();
        let paths = DumpScripts { snapshot: fixture, simulated: "/nowhere/t/restore.py".to_owned() };
        let because = "No such file or directory (os error 2)";
        assert_eq!(read(&paths), Err(vec![format!("The script /nowhere/t/restore.py cannot be read: {because}.")]));
        let paths = DumpScripts { snapshot: "/".to_owned(), simulated: paths.snapshot };
        assert_eq!(read(&paths), Err(vec!["The script / cannot be read: it is no file.".to_owned()]));
    }

    #[test]
    fn both_scripts_are_read() {
        let fixture = |name| format!("{}/tests/fixtures/dumps/{name}/restore.py", env!("CARGO_MANIFEST_DIR"));
        let paths = DumpScripts { snapshot: fixture("noi-25.1.1"), simulated: fixture("noi-26.9.2-simulated") };
        assert_eq!(read(&paths).map(|aligned| aligned.longest()), Ok(1515));
    }
}
