//! `tokmark board` and `tokmark site`: runs as YAML, and static pages of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokmark_board::{
    BoardError, Content, NamedText, read_foreign, read_run, run_file_name, write_run,
};
use tokmark_model::Record;
use tokmark_server::{SiteOptions, build_site};

use crate::args::serve::{
    BoardAddArgs, BoardArgs, BoardCommand, BoardImportArgs, SiteArgs, SiteBuildArgs, SiteCommand,
};
use crate::exit::Exit;
use crate::output;
use crate::view::words::{counted, printable};
use crate::wiring::Records;

pub(crate) fn run(args: &BoardArgs) -> anyhow::Result<Exit> {
    match &args.command {
        BoardCommand::Check(args) => check(&args.content),
        BoardCommand::Add(args) => add(args),
        BoardCommand::Import(args) => import(args),
    }
}

fn check(folder: &Path) -> anyhow::Result<Exit> {
    let (content, findings) = Content::check(folder);
    for finding in &findings {
        output::print(&format!("{}\n", printable(&finding.to_string())))?;
    }
    if findings.is_empty() {
        output::say!(
            "{} with {}, {}, {}, {} planned: no faults",
            counted(content.runs.len() as u64, "run"),
            counted(content.records().count() as u64, "record"),
            counted(content.families.all().len() as u64, "release month"),
            counted(content.hardware.len() as u64, "machine"),
            content.planned.len()
        );
        return Ok(Exit::Done);
    }
    output::say!("{}", counted(findings.len() as u64, "fault"));
    Ok(Exit::Worse)
}

fn add(args: &BoardAddArgs) -> anyhow::Result<Exit> {
    let records = Records::open_existing(&args.store)?.records()?;
    for id in &args.ids {
        let id = crate::history::find(&records, id)?;
        let record = records.wait(records.store().get(id))?;
        let file = write(&args.content, &record)?;
        output::say!("wrote {}", file.display());
    }
    check(&args.content)
}

fn import(args: &BoardImportArgs) -> anyhow::Result<Exit> {
    let read = |file: &Path| {
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let (theirs, map) = (read(&args.file)?, read(&args.map)?);
    let (file, map_file) = (args.file.display().to_string(), args.map.display().to_string());
    let named = NamedText { file: &file, text: &theirs };
    let records = match read_foreign(named, NamedText { file: &map_file, text: &map }) {
        Ok(records) => records,
        Err(error) => return faults(&error),
    };
    for record in &records {
        write(&args.content, record)?;
    }
    output::say!("{} written", counted(records.len() as u64, "record"));
    Ok(Exit::Done)
}

fn faults(error: &BoardError) -> anyhow::Result<Exit> {
    for finding in error.findings() {
        output::print(&format!("{}\n", printable(&finding.to_string())))?;
    }
    output::say!("{}", counted(error.findings().len() as u64, "fault"));
    Ok(Exit::Usage)
}

/// A record as a file of its own, named by what it is of.
fn write(content: &Path, record: &Record) -> anyhow::Result<PathBuf> {
    let runs = content.join("runs");
    fs::create_dir_all(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
    let name = run_file_name(record);
    let mut file = runs.join(&name);
    // Names hold the first digits of an id, which are those of its minute.
    let is_other = |text: String| {
        read_run(&name, &text).is_ok_and(|found| found.iter().all(|own| own.id != record.id))
    };
    if fs::read_to_string(&file).is_ok_and(is_other) {
        file = runs.join(format!("{}-{}.yaml", name.trim_end_matches(".yaml"), record.id));
    }
    fs::write(&file, write_run(record))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

pub(crate) fn site(args: &SiteArgs) -> anyhow::Result<Exit> {
    let SiteCommand::Build(args) = &args.command;
    build(args)
}

fn build(args: &SiteBuildArgs) -> anyhow::Result<Exit> {
    if !args.content.is_dir() {
        bail!("no folder {}; name the one with runs/ by --content", args.content.display());
    }
    let content = match Content::read(&args.content) {
        Ok(content) => content,
        Err(error) => return faults(&error),
    };
    let options = SiteOptions {
        base_path: args.base_path.clone(),
        embed: args.embed,
        site_url: args.site_url.clone(),
    };
    let built = build_site(&content, &args.out, &options)?;
    output::say!(
        "{} with {} in {}",
        counted(built.n_pages as u64, "page"),
        counted(built.n_rows as u64, "row"),
        args.out.display()
    );
    Ok(Exit::Done)
}
