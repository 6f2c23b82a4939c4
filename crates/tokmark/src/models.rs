use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;
use tokmark_gguf::{Header, Limits};
use tokmark_hub::Hub;

use crate::args::{ModelsArgs, ModelsCommand};
use crate::exit::Exit;
use crate::view::table;
use crate::{output, wiring};

pub(crate) fn run(args: ModelsArgs) -> anyhow::Result<Exit> {
    let hub = wiring::open_hub(true, None)?;
    match args.command {
        None => list(&hub),
        Some(ModelsCommand::Add { file, sha256 }) => {
            let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
            check(&file)?;
            let added = hub.add_file(&file, &name, sha256.as_deref())?;
            crate::output::say!("added {} to {}", added.file_name, hub.cache_dir().display());
            Ok(Exit::Done)
        }
    }
}

/// Whether it is a whole model. What is no file, or cannot be read, the hub tells.
fn check(path: &Path) -> anyhow::Result<()> {
    let opened = path.metadata().and_then(|metadata| Ok((metadata, File::open(path)?)));
    let Some((metadata, file)) = opened.ok().filter(|(metadata, _)| metadata.is_file()) else {
        return Ok(());
    };
    let size = metadata.len();
    Header::read(&mut BufReader::new(file), &Limits::for_file_size(size))
        .and_then(|header| header.check_file_size(size))
        .with_context(|| path.display().to_string())
}

fn list(hub: &Hub) -> anyhow::Result<Exit> {
    let models = hub.list()?;
    if models.is_empty() {
        crate::output::say!("no models in {}", hub.cache_dir().display());
        return Ok(Exit::Done);
    }
    output::print(&table::models(&models))
}
