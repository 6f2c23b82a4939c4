//! Figures of load points side by side.

use tokmark_model::{Distribution, Goodput, Record, ServingSummary, SystemRate};

use super::figures::{Better, FigureValue, Head, NoVerdict, Sheet, Unit};
use crate::serving::itl_is_per_event;
use crate::sessions::Ends;

/// A load point with its figures.
type Point<'a> = (&'a Record, Option<&'a ServingSummary>);

/// A distribution of a summary.
type Read = fn(&ServingSummary) -> Option<&Distribution>;

/// Quantiles that are shown: of which distribution, under which name, which one.
const QUANTILES: [(Head, f64, Read); 9] = [
    (("TTFT p50", Unit::Milliseconds, Better::Lower), 0.5, |s| s.ttft_ms.as_ref()),
    (("TTFT p99", Unit::Milliseconds, Better::Lower), 0.99, |s| s.ttft_ms.as_ref()),
    (("TTFO p50", Unit::Milliseconds, Better::Lower), 0.5, |s| s.ttfo_ms.as_ref()),
    (("TPOT p50", Unit::Milliseconds, Better::Lower), 0.5, |s| s.tpot_ms.as_ref()),
    (("TPOT p99", Unit::Milliseconds, Better::Lower), 0.99, |s| s.tpot_ms.as_ref()),
    (("ITL p50", Unit::Milliseconds, Better::Lower), 0.5, |s| s.itl_ms.as_ref()),
    (("ITL p99", Unit::Milliseconds, Better::Lower), 0.99, |s| s.itl_ms.as_ref()),
    (("end to end p50", Unit::Milliseconds, Better::Lower), 0.5, |s| s.e2e_ms.as_ref()),
    (("a request p50", Unit::TokensPerSecond, Better::Higher), 0.5, |s| {
        s.request_rate_tps.as_ref()
    }),
];

pub(super) fn add(sheet: &mut Sheet, a: Point<'_>, b: Point<'_>) {
    system_rates(sheet, a.1, b.1);
    for (head, q, read) in QUANTILES {
        let value = |point: Point<'_>| quantile(read(point.1?)?, q);
        let against = if head.0.starts_with("ITL") { per_event(a.1, b.1) } else { None };
        sheet.known(head, [value(a), value(b)], against);
    }
    let levels = |point: Point<'_>| {
        let serving = point.0.serving.as_ref();
        serving.map(|serving| serving.workload.service_levels.clone())
    };
    let against = (levels(a) != levels(b)).then_some(NoVerdict::ServiceLevels);
    let goodput = |point: Point<'_>| point.1.and_then(|summary| summary.goodput);
    let head = ("good requests", Unit::Percent, Better::Higher);
    sheet.known(head, [goodput(a).and_then(share), goodput(b).and_then(share)], against);
    let per_s = |found: Goodput| per_second(found.rate());
    let head = ("goodput", Unit::RequestsPerSecond, Better::Higher);
    sheet.known(head, [goodput(a).map(per_s), goodput(b).map(per_s)], against);
    let failed = |point: Point<'_>| Some(point.1?.errors.values().sum::<u64>() as f64);
    sheet.single(("failed requests", Unit::Count, Better::Lower), [failed(a), failed(b)]);
    let cold = |point: Point<'_>| point.1?.cold_ttft_ms;
    sheet.single(("TTFT after the start", Unit::Milliseconds, Better::Lower), [cold(a), cold(b)]);
}

fn system_rates(sheet: &mut Sheet, a: Option<&ServingSummary>, b: Option<&ServingSummary>) {
    let mut rate = |head: Head, read: fn(&ServingSummary) -> Option<SystemRate>| {
        let value = |summary: &ServingSummary| read(summary).map(per_second);
        sheet.known(head, [a.and_then(value), b.and_then(value)], None);
    };
    let tokens = Unit::TokensPerSecond;
    rate(("output rate", tokens, Better::Higher), |summary| summary.output_rate_tps);
    rate(("total rate", tokens, Better::Higher), |summary| summary.total_rate_tps);
    let head = ("requests", Unit::RequestsPerSecond, Better::Higher);
    rate(head, |summary| summary.request_rate_per_s);
}

fn per_second(rate: SystemRate) -> FigureValue {
    let SystemRate { per_s, interval, no_interval: _ } = rate;
    FigureValue { value: per_s, interval: interval.map(Ends::from) }
}

fn quantile(of: &Distribution, q: f64) -> Option<FigureValue> {
    let found = of.quantile(q)?;
    Some(FigureValue { value: found.value, interval: found.interval.map(Ends::from) })
}

fn per_event(a: Option<&ServingSummary>, b: Option<&ServingSummary>) -> Option<NoVerdict> {
    let differ = a.zip(b).is_some_and(|(a, b)| itl_is_per_event(a) != itl_is_per_event(b));
    differ.then_some(NoVerdict::PerEvent)
}

/// Good requests among those judged, with Wilson's interval.
fn share(found: Goodput) -> Option<FigureValue> {
    if found.n_judged == 0 {
        return None;
    }
    let interval = Ends { low: found.share_low * 100.0, high: found.share_high * 100.0 };
    Some(FigureValue { value: found.share * 100.0, interval: Some(interval) })
}
