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
            let added = hub.add_file(&file, &name, sha256.as_deref())?;
            crate::output::say!("added {} to {}", added.file_name, hub.cache_dir().display());
            Ok(Exit::Done)
        }
    }
}

fn list(hub: &Hub) -> anyhow::Result<Exit> {
    let models = hub.list()?;
    if models.is_empty() {
        crate::output::say!("no models in {}", hub.cache_dir().display());
        return Ok(Exit::Done);
    }
    output::print(&table::models(&models))
}
