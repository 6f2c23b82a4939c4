use tokmark_model::{CountSource, Load, Nanos, RequestError, RequestSample, TokenCount};

use crate::peers::node::{Place, Unit};
use crate::peers::point::{Point, Sent, on_one_line};
use crate::peers::{PeerError, failure, flags};

/// Columns of `--save-detailed`, `column[i]` belonging to request `i`.
struct Columns<'a> {
    starts: Vec<Place<'a>>,
    ttfts: Vec<Place<'a>>,
    gaps: Option<Vec<Place<'a>>>,
    prompt_lens: Option<Vec<Place<'a>>>,
    output_lens: Option<Vec<Place<'a>>>,
    errors: Option<Vec<Place<'a>>>,
    latencies: Option<Vec<Place<'a>>>,
    waits: Option<Vec<Place<'a>>>,
}

/// Puts the requests into `point`.
pub(super) fn read(result: &Place<'_>, point: &mut Point) -> Result<(), PeerError> {
    let is_open_loop = matches!(point.workload.arrival, Load::Rate { .. });
    let columns = Columns::read(result)?;
    if columns.ttfts.is_empty() {
        return Err(PeerError::Empty { file: result.file().to_owned(), tool: super::TOOL });
    }
    let mut requests = Vec::with_capacity(columns.ttfts.len());
    for i in 0..columns.ttfts.len() {
        let (request, is_known) = columns.request(i, is_open_loop)?;
        point.flags.extend((!is_known).then_some(flags::ERRORS_OF_UNKNOWN_KIND));
        requests.push(request);
    }
    (point.requests, point.events) = on_one_line(requests);
    Ok(())
}

impl<'a> Columns<'a> {
    fn read(result: &Place<'a>) -> Result<Self, PeerError> {
        let list = result.at("ttfts");
        let ttfts = list.need(list.list()?, "a list of times")?;
        let column = |key: &str| {
            let list = result.at(key).list()?;
            match list.as_ref().map(Vec::len) {
                Some(n) if n != ttfts.len() => Err(PeerError::Lengths {
                    file: result.file().to_owned(),
                    field: key.to_owned(),
                    n,
                    other: "ttfts".to_owned(),
                    n_other: ttfts.len(),
                }),
                _ => Ok(list),
            }
        };
        Ok(Columns {
            starts: column("start_times")?.unwrap_or_default(),
            gaps: column("itls")?,
            prompt_lens: column("input_lens")?,
            output_lens: column("output_lens")?,
            errors: column("errors")?,
            latencies: column("latencies")?,
            waits: column("queue_times")?,
            ttfts,
        })
    }

    /// Request `i`, and whether the kind of its error is known.
    fn request(&self, i: usize, is_open_loop: bool) -> Result<(Sent, bool), PeerError> {
        let start = &self.starts[i];
        let mut request = Sent::at(start.need(start.instant()?, "a time in seconds")?);
        if let Some(waits) = self.waits.as_ref().filter(|_| is_open_loop) {
            // The request was due before it waited for a free slot.
            let wait = waits[i].span(Unit::SECONDS)?.unwrap_or_default();
            request.due -= i128::from(wait.0);
        }
        let events = self.events(i)?;
        let last = events.last().copied().unwrap_or_default();
        let sample = &mut request.sample;
        let latency = self.latencies.as_ref().map(|column| column[i].span(Unit::SECONDS));
        sample.end_ns = latency.transpose()?.flatten().unwrap_or(last).max(last);
        sample.first_text_ns = events.first().copied();
        sample.last_text_ns = events.last().copied();
        sample.n_text_events = events.len() as u32;
        self.read_counts(i, sample)?;
        let n_output = sample.output_tokens.map_or(0, |tokens| tokens.n);
        let error = self.errors.as_ref().map(|column| column[i].text()).transpose()?.flatten();
        // A status without a reason leaves neither a message nor any time.
        let has_nothing = last == Nanos(0) && n_output == 0;
        request.events = self.gaps.is_some().then_some(events);
        let message = error.unwrap_or_default();
        if message.is_empty() && !has_nothing {
            return Ok((request, true));
        }
        let kind = failure::kind(message);
        let is_known = kind.is_some();
        request.fail(kind.unwrap_or(RequestError::BrokenStream));
        Ok((request, is_known))
    }

    /// Spans of all events with a choice since the request was sent.
    fn events(&self, i: usize) -> Result<Vec<Nanos>, PeerError> {
        let ttft = &self.ttfts[i];
        let mut time = ttft.need(ttft.span(Unit::SECONDS)?, "a time in seconds")?;
        let mut times = vec![time];
        let gaps = self.gaps.as_ref().map(|column| column[i].list()).transpose()?.flatten();
        for gap in gaps.unwrap_or_default() {
            let gap = gap.need(gap.span(Unit::SECONDS)?, "a time in seconds")?;
            time = Nanos(time.0.saturating_add(gap.0));
            times.push(time);
        }
        Ok(times)
    }

    /// Prompt tokens are those of the client's tokenizer in most versions; output tokens those
    /// of the server's `usage`, which every request asks for.
    fn read_counts(&self, i: usize, sample: &mut RequestSample) -> Result<(), PeerError> {
        let count = |column: &Option<Vec<Place<'a>>>, source| {
            let n = column.as_ref().map(|column| column[i].count()).transpose()?.flatten();
            Ok::<_, PeerError>(n.map(|n| TokenCount { n, source }))
        };
        sample.prompt_tokens = count(&self.prompt_lens, CountSource::Local)?;
        sample.output_tokens = count(&self.output_lens, CountSource::Usage)?;
        Ok(())
    }
}
