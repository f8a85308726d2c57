//! `manual DIR`: the pages of the manual, made of the same words as the help.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Cli, Manual};
use crate::exit::Exit;
use crate::failure::Failure;

/// What lists of pages say of the program.
const IN_A_LINE: &str = "the DevPulse agent without a screen, and its command line";

pub(super) fn write(arguments: &Manual) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let failed = |error: io::Error| {
        let cause = format!("the manual cannot be written into {}: {error}", folder.display());
        Failure::new(Exit::Failed, cause)
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    let about = program.get_about().cloned().unwrap_or_default();
    program = program.about(IN_A_LINE).long_about(about);
    program.build();
    write_pages(&program, folder).map_err(failed)
}

/// Writes the pages of a command and of those below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let below: Vec<_> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
    let man = Man::new(command.clone());
    let mut page = title(command).into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if !below.is_empty() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(help) = command.get_after_help() {
        page.extend(sections(&help.to_string()).into_bytes());
    }
    page.extend(see_also(command).into_bytes());
    fs::write(folder.join(man.get_filename()), page)?;
    below.into_iter().try_for_each(|below| write_pages(below, folder))
}

/// The page's heading. It bears no date, so that it is the same whenever it is made.
fn title(command: &Command) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH \"{}\" 1 \"\" \"DevPulse {version}\" \"User Commands\"\n", name(command))
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The paragraphs that follow the options in the help. One that begins with a title, such as
/// `Examples:`, becomes a section whose lines stay as they are.
fn sections(help: &str) -> String {
    let mut page = String::new();
    for paragraph in help.split("\n\n") {
        let titled = paragraph.split_once(":\n").filter(|(title, _)| !title.contains('\n'));
        let (title, body) = titled.unwrap_or(("Notes", paragraph));
        let lines: Vec<_> = body.lines().map(escaped).collect();
        let lines = lines.join("\n");
        let (begin, end) = if titled.is_some() { (".nf\n", "\n.fi") } else { ("", "") };
        _ = writeln!(page, ".SH \"{}\"\n{begin}{lines}{end}", title.to_uppercase());
    }
    page
}

/// A line of text that no formatter takes for its own.
fn escaped(line: &str) -> String {
    let line = line.strip_prefix("  ").unwrap_or(line);
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if line.starts_with('.') { format!("\\&{line}") } else { line }
}

fn see_also(command: &Command) -> String {
    let other = match name(command).rsplit_once('-') {
        Some((above, _)) if above != "devpulse" => above,
        _ => "devpulse-desktop",
    };
    format!(".SH \"SEE ALSO\"\n.BR {} (1)\n", other.replace('-', "\\-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_titled_paragraph_is_a_section_whose_lines_stay() {
        let page = sections("Examples:\n  run -x \\\n      .hidden\n\nAll of it\nlies there.");
        let expected = ".SH \"EXAMPLES\"\n.nf\nrun \\-x \\e\n    .hidden\n.fi\n\
                        .SH \"NOTES\"\nAll of it\nlies there.\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn each_command_leads_to_the_one_above_it() {
        let mut program = Cli::command();
        program.build();
        assert!(see_also(&program).contains("devpulse\\-desktop"));
        let enroll = program.find_subcommand("enroll").unwrap();
        assert!(see_also(enroll).ends_with(".BR devpulse\\-client (1)\n"), "{}", see_also(enroll));
    }
}
