//! Finding a site, its configuration, its services, its facts: on made-up directories and a made-up `/etc`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod check;
mod config;
mod facts;
mod find;
mod kept_answers;
mod services;
mod writers;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_fs::TempDir;
use lino_upgrade::site::{Site, SiteError, Surroundings, find};

/// A directory with a site `prod` in it and an empty file system root beside it.
pub struct World {
    pub root: TempDir,
    pub around: Surroundings,
}

impl World {
    pub fn new() -> Self {
        let root = TempDir::new().unwrap();
        let base = root.path().canonicalize().unwrap();
        for dir in ["system", "bin", "home", "prod/env/bin"] {
            std::fs::create_dir_all(base.join(dir)).unwrap();
        }
        std::fs::write(base.join("prod/manage.py"), "").unwrap();
        let around = Surroundings {
            virtual_env: None,
            path: vec![base.join("bin")],
            user_state: Some(base.join("home/.local/state")),
            root: true,
            system: base.join("system"),
        };
        let world = Self { root, around };
        world.script("prod/env/bin/python", "#!/bin/sh\nexit 0\n");
        world
    }

    /// Like [`Self::new`], with the programs of this machine on `PATH`.
    pub fn with_tools() -> Self {
        let mut world = Self::new();
        world.around.path.extend(["/usr/bin", "/bin"].map(PathBuf::from));
        world
    }

    pub fn base(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.base().join(path)
    }

    /// Writes an executable file.
    pub fn script(&self, path: &str, text: &str) -> PathBuf {
        let path = self.write(path, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Puts a fixture tree into the system, with the site's path where `@SITE@` stands.
    pub fn install(&self, fixture: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/site").join(fixture);
        copy(&from, &self.around.system, &self.path("prod").to_string_lossy());
    }

    pub fn try_find(&self) -> Result<Site, SiteError> {
        find(None, &self.path("prod"), &self.around)
    }

    pub fn site(&self) -> Site {
        self.try_find().unwrap()
    }
}

fn copy(from: &Path, to: &Path, site: &str) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, site);
        } else {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            std::fs::write(&target, text.replace("@SITE@", site)).unwrap();
        }
    }
}
