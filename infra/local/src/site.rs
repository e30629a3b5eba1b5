//! Where things are: the checkout and the `.local/` folder that holds all state of the local stack.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::trouble::Trouble;

/// One checkout of the repository.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    root: PathBuf,
}

impl Site {
    /// The checkout that this program was built from, or else the one around the current folder.
    pub(crate) fn find() -> Result<Self, Trouble> {
        let built_from = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = env::current_dir().map_err(Trouble::file("."))?;
        built_from
            .iter()
            .chain([&here])
            .flat_map(|start| start.ancestors())
            .find(|folder| folder.join("infra/local/deploy.py").is_file())
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| Trouble::content(here.display().to_string(), "run this inside the repository"))
    }

    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path under the checkout.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// A path under `.local/`, whose folder is there afterwards.
    pub(crate) fn local(&self, inside: &str) -> Result<PathBuf, Trouble> {
        let path = self.root.join(".local").join(inside);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(Trouble::file(folder))?;
        Ok(path)
    }

    /// The functions are the folders under `functions/`: there is no list of them to keep.
    pub(crate) fn functions(&self) -> Result<Vec<String>, Trouble> {
        let folder = self.path("functions");
        let mut names: Vec<String> = fs::read_dir(&folder)
            .map_err(Trouble::file(&folder))?
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join("Cargo.toml").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Held as long as the file is open: two commands that start and stop things do not mix.
    pub(crate) fn lock(&self) -> Result<File, Trouble> {
        let path = self.local("lock")?;
        let file = File::create(&path).map_err(Trouble::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Trouble::Busy),
            Err(TryLockError::Error(error)) => Err(Trouble::File(path, error)),
        }
    }
}

/// Writes a file whole or not at all: a reader never sees half of it.
pub(crate) fn write_whole(path: &Path, content: &str) -> Result<(), Trouble> {
    let draft = path.with_extension("draft");
    fs::write(&draft, content).map_err(Trouble::file(&draft))?;
    fs::rename(&draft, path).map_err(Trouble::file(path))
}
