//! The manual page and the completions for shells, from the definition of the command line. Packages install them.

use std::io;

use clap::{Command, ValueEnum};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::build_info::VERSION;

/// What to print.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ManualForm {
    Man,
    Bash,
    Fish,
    Zsh,
}

/// Writes the page or the completions of this command line.
///
/// # Errors
/// The page cannot be written, which does not happen in memory.
pub(crate) fn write(mut command: Command, form: ManualForm) -> io::Result<String> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    match form {
        ManualForm::Man => write_page(command, &mut text)?,
        ManualForm::Bash => generate(Shell::Bash, &mut command, name, &mut text),
        ManualForm::Fish => generate(Shell::Fish, &mut command, name, &mut text),
        ManualForm::Zsh => generate(Shell::Zsh, &mut command, name, &mut text),
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write_page(command: Command, text: &mut Vec<u8>) -> io::Result<()> {
    let commands = commands(&command);
    let source = format!("{} {VERSION}", command.get_name());
    let page = Man::new(command).source(source);
    page.render_title(text)?;
    page.render_name_section(text)?;
    page.render_synopsis_section(text)?;
    page.render_description_section(text)?;
    // The crate's own section refers to a page for each command.
    text.extend(commands.as_bytes());
    page.render_options_section(text)
}

/// The section with the commands.
fn commands(command: &Command) -> String {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let entry = |command: &Command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!(".TP\n\\fB{}\\fR\n{about}\n", command.get_name()).replace('-', "\\-")
    };
    shown.fold(".SH COMMANDS\n".to_owned(), |section, command| section + &entry(command))
}
