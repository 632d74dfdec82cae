//! `keylockr completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{
    command::Arguments,
    console::Console,
    outcome::{Failure, Outcome},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The shell that will read it, for instance `keylockr completions bash > ~/.local/share/bash-completion/completions/keylockr`.
    shell: Shell,
}

pub(crate) fn run(options: &Options, console: &Console) -> Result<Outcome, Failure> {
    // Through memory: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Arguments::command(),
        "keylockr",
        &mut script,
    );
    console.bytes(&script)?;
    Ok(Outcome::Fine)
}
