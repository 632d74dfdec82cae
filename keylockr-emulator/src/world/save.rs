//! The state file: services, users, keys, connections and records over a restart.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::World;
use crate::{phone::PhonesSnapshot, server::ServerSnapshot, unloq::SavedInstallation};

const FORMAT: &str = "keylockr-emulator-1";

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedWorld {
    format: String,
    starts: u64,
    server: ServerSnapshot,
    phones: PhonesSnapshot,
    /// Files of the time before it have none.
    #[serde(default)]
    unloq: Option<SavedInstallation>,
}

impl SavedWorld {
    /// Starts from this file so far.
    pub(crate) fn starts(&self) -> u64 {
        self.starts
    }
}

impl World {
    pub(crate) fn save(&self) -> SavedWorld {
        SavedWorld {
            format: FORMAT.to_owned(),
            starts: self.starts,
            server: self.server.snapshot(),
            phones: self.phones.snapshot(),
            unloq: Some(self.unloq.snapshot()),
        }
    }

    /// Takes over what a file held; false when it contradicts itself.
    pub(crate) fn restore(&mut self, saved: SavedWorld) -> bool {
        self.starts = saved.starts + 1;
        self.phones.restore(saved.phones);
        let unloq = match saved.unloq {
            Some(saved) => self.unloq.restore(saved),
            None => Some(()),
        };
        self.server.restore(saved.server).is_some() && unloq.is_some()
    }
}

/// Reads a state file; `None` when there is none yet.
pub(crate) fn load(path: &Path) -> io::Result<Option<SavedWorld>> {
    // A device (`/dev/full`, say) has no end, and must not be replaced by a file.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(named(path, "cannot be used", &"it is not a file"));
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(path, "cannot be read", &error)),
    };
    let saved: SavedWorld =
        serde_json::from_slice(&bytes).map_err(|error| named(path, "is damaged", &error))?;
    if saved.format == FORMAT {
        Ok(Some(saved))
    } else {
        Err(named(path, "is damaged", &"unknown format"))
    }
}

/// Writes the file whole or not at all: where there is no room, the former one stays as it was.
pub(crate) fn store(path: &Path, saved: &SavedWorld) -> io::Result<()> {
    let bytes = serde_json::to_vec(saved).map_err(io::Error::other)?;
    let temporary = beside(path);
    let written = write_new(&temporary, &bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not even be there.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(|error| named(path, "cannot be written", &error))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    // Otherwise the new name could be on the disk before what it names.
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn named(path: &Path, what: &str, error: &dyn std::fmt::Display) -> io::Error {
    let message = format!("the state file {} {what}: {error}", path.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}
