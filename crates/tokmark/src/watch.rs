//! `tokmark watch`: where the history changed.

use tokmark_model::Record;
use tokmark_stats::{ChangeOptions, watch};
use tokmark_store::{Direction, Filter, Sort, SortKey};

use crate::args::WatchArgs;
use crate::exit::Exit;
use crate::output;
use crate::view::watch as view;
use crate::wiring::{Kept, Records};

pub(crate) fn run(args: &WatchArgs) -> anyhow::Result<Exit> {
    let sort = Sort { key: SortKey::Time, direction: Direction::Ascending };
    let filter = Filter { sort, is_visit: Some(false), ..crate::history::filter(&args.filter)? };
    let kept = Records::open_existing(&args.store)?;
    let records: Vec<Record> = match &kept {
        Kept::Records(records) => records.wait(records.store().records(&filter))?,
        Kept::NothingYet(_) => Vec::new(),
    };
    let options = ChangeOptions {
        alpha: args.alpha,
        smallest_step: args.smallest_step,
        seed: args.permutation_seed,
        ..ChangeOptions::default()
    };
    let watched = watch(&records, &options);
    if watched.is_empty() {
        output::say!("{}", crate::history::none(&kept)?);
    }
    match args.output.as_str() {
        "json" => output::print_json(&watched)?,
        "md" => output::print(&view::markdown(&watched, args.all))?,
        _ => output::print(&view::table(&watched, args.all))?,
    };
    let has_regressed = watched.iter().any(|series| series.regression().is_some());
    Ok(if args.fail_on.is_some() && has_regressed { Exit::Worse } else { Exit::Done })
}
