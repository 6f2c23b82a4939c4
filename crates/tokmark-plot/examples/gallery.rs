//! Every kind of plot as a file, to look at: `cargo run --example gallery FOLDER`.

use std::path::Path;
use std::{env, error, fs};

use tokmark_plot::{Block, Mode, Section, SvgOptions, TerminalOptions, page};

#[path = "../tests/plots/samples.rs"]
mod samples;

fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = env::args().nth(1).ok_or("name a folder that exists")?;
    let folder = Path::new(&folder);
    let mut sections = Vec::new();
    for (name, plot) in samples::all() {
        for (mode, word) in [(Mode::Light, "light"), (Mode::Dark, "dark"), (Mode::Reader, "own")] {
            let options = SvgOptions { mode, ..SvgOptions::default() };
            fs::write(folder.join(format!("{name}.{word}.svg")), plot.svg(&options))?;
        }
        let room = TerminalOptions::new(80, 24);
        println!(
            "{}\n{}\n{}",
            plot.terminal(&room),
            plot.terminal(&room.ascii()),
            plot.table().text()
        );
        println!("{}\n", plot.sentence());
        sections.push(Section {
            heading: name.replace('_', " "),
            blocks: vec![
                Block::Text("Figures are made up.".to_owned()),
                Block::Plot(Box::new(plot.clone())),
                Block::Table(plot.table().clone()),
            ],
        });
    }
    fs::write(folder.join("page.html"), page("All kinds of plots", &sections))?;
    Ok(())
}
