//! `tokmark diff`: why two records differ.

use tokmark_model::Record;

use crate::args::DiffArgs;
use crate::exit::Exit;
use crate::history::find;
use crate::output;
use crate::view::diff as view;
use crate::wiring::Records;

pub(crate) fn run(args: &DiffArgs) -> anyhow::Result<Exit> {
    let records = Records::open_existing(&args.store)?.records()?;
    // Both are looked up first, so that a typing error in either is named.
    let ids = [find(&records, &args.first)?, find(&records, &args.second)?];
    let get = |id| -> anyhow::Result<Record> { Ok(records.wait(records.store().get(id))?) };
    let (a, b) = (get(ids[0])?, get(ids[1])?);
    let found = tokmark_stats::explain(&a, &b);
    match args.output.as_str() {
        "json" => output::print_json(&view::document(&a, &b, &found)),
        "md" => output::print(&view::markdown(&a, &b, &found, args.all)),
        _ => output::print(&view::table(&a, &b, &found, args.all)),
    }
}
