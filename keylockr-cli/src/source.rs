//! Reading what an argument names: a file, or `-` for stdin.

use std::{
    fs::File,
    io::{self, Read, stdin},
    path::{Path, PathBuf},
    str::FromStr,
};

use zeroize::Zeroizing;

use crate::outcome::Trouble;

/// More than any of our inputs may have: frames end at 64 KiB, twice that in hexadecimal, hooks at 16.
const MOST: usize = 1024 * 1024;

/// Where input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Stdin,
            path => Self::File(path.into()),
        })
    }
}

impl Source {
    /// All of it, erased on drop: it may be a secret.
    pub(crate) fn read(&self) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        match self {
            Self::Stdin => whole(stdin().lock()).map_err(|error| unreadable("stdin", &error)),
            Self::File(path) => File::open(path)
                .and_then(whole)
                .map_err(|error| unreadable(&shown(path), &error)),
        }
    }

    /// How to call it in a message.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => shown(path),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn whole(input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // All that it may hold at once: a vector that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
    input.take(MOST as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST {
        return Err(io::Error::other(format!("more than {MOST} bytes")));
    }
    Ok(bytes)
}

fn unreadable(name: &str, error: &io::Error) -> Trouble {
    Trouble::usage(format!("{name} cannot be read: {error}"))
}
