//! `tokmark watch`: where the history changed.

use tokmark_model::Record;
use tokmark_stats::{ChangeOptions, Watched, watch};
use tokmark_store::{Direction, Filter, Sort, SortKey};

use crate::args::WatchArgs;
use crate::exit::Exit;
use crate::output;
use crate::view::watch as view;
use crate::wiring::{Kept, Records};

pub(crate) fn run(args: &WatchArgs) -> anyhow::Result<Exit> {
    // The newest first, so that a limit leaves those; series put them in their order.
    let sort = Sort { key: SortKey::Time, direction: Direction::Descending };
    let filter = Filter {
        sort,
        is_visit: Some(false),
        limit: args.limit,
        ..crate::history::plain_filter(&args.filter)?
    };
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
    Ok(match args.fail_on {
        None => Exit::Done,
        // A pipeline that watches nothing must not look as if all were well.
        Some(_) if watched.is_empty() => Exit::Usage,
        Some(_) if has_regressed => Exit::Worse,
        // What no longer runs is no better than what became slower.
        Some(_) if watched.iter().any(Watched::fails_now) => Exit::FailedRows,
        Some(_) => Exit::Done,
    })
}
