//! Where the API secret comes from. It is erased as far as we hold it, and never printed.

use std::{env, fmt, path::PathBuf, str::FromStr};

use unloq_webhooks::{ConfigError, Secret, SecretSet, SecretWarning};
use zeroize::Zeroizing;

use crate::{console::Console, outcome::Trouble, source::Source};

/// The variable that is asked where no option is given.
const VARIABLE: &str = "UNLOQ_SECRET";

#[derive(Clone, clap::Args)]
pub(crate) struct SecretOptions {
    /// The API secret. Other users of this machine can see it while the command runs: prefer the
    /// environment variable UNLOQ_SECRET, or --secret-file. `verify` takes up to four.
    #[arg(long, value_name = "TEXT")]
    secret: Vec<SecretText>,
    /// A file with the API secret; one line feed at its end does not count.
    #[arg(long, value_name = "FILE", conflicts_with = "secret")]
    secret_file: Option<PathBuf>,
}

impl SecretOptions {
    /// The one to sign with.
    pub(super) fn one(&self, console: Console) -> Result<SecretText, Trouble> {
        let mut all = self.texts()?;
        match (all.pop(), all.is_empty()) {
            (Some(secret), true) => {
                secret.warn(console)?;
                Ok(secret)
            }
            _ => Err(Trouble::usage("--secret: one secret signs")),
        }
    }

    /// All that may have signed.
    pub(super) fn set(&self, console: Console) -> Result<SecretSet, Trouble> {
        let mut secrets = Vec::new();
        for text in self.texts()? {
            text.warn(console)?;
            secrets.push(text.into_secret()?);
        }
        SecretSet::new(secrets).map_err(|error| Trouble::usage(format!("--secret: {error}")))
    }

    fn texts(&self) -> Result<Vec<SecretText>, Trouble> {
        if let Some(path) = &self.secret_file {
            return Ok(vec![from_file(path.clone())?]);
        }
        if !self.secret.is_empty() {
            return Ok(self.secret.clone());
        }
        match env::var(VARIABLE) {
            Ok(text) => Ok(vec![SecretText(Zeroizing::new(text))]),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Trouble::usage(format!("{VARIABLE} is not UTF-8")))
            }
            Err(env::VarError::NotPresent) => Err(Trouble::usage("there is no secret")
                .with_fix(format!(
                    "set {VARIABLE} to the API secret that UNLOQ shows for the application, or name a file that holds it with --secret-file"
                ))),
        }
    }
}

fn from_file(path: PathBuf) -> Result<SecretText, Trouble> {
    let bytes = Source::File(path).read()?;
    let text = bytes
        .strip_suffix(b"\r\n")
        .or_else(|| bytes.strip_suffix(b"\n"))
        .unwrap_or(&bytes);
    let text = std::str::from_utf8(text).map_err(|_| Trouble::usage("the secret is not UTF-8"))?;
    Ok(SecretText(Zeroizing::new(text.to_owned())))
}

/// A secret that has not been looked at.
#[derive(Clone)]
pub(super) struct SecretText(Zeroizing<String>);

impl SecretText {
    pub(super) fn into_secret(self) -> Result<Secret, Trouble> {
        Secret::new(self.0.as_str()).map_err(|error| {
            let what = match error {
                // The library's words name its own constructor.
                ConfigError::EmptySecret => "a secret is empty".to_owned(),
                error => error.to_string(),
            };
            Trouble::usage(what).with_fix(format!(
                "copy the API secret that UNLOQ shows for the application into {VARIABLE}; with an empty one anybody could sign, so none is taken"
            ))
        })
    }

    fn warn(&self, console: Console) -> Result<(), Trouble> {
        for warning in self.clone().into_secret()?.warnings() {
            console.warning(match warning {
                SecretWarning::Short => "the secret has fewer than 16 bytes",
                SecretWarning::SurroundingSpace => {
                    "the secret begins or ends with white space, which counts: was it copied with it?"
                }
                _ => "the secret looks doubtful",
            });
        }
        Ok(())
    }
}

impl FromStr for SecretText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}
