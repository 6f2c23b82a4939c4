//! What is seen of a load point while it runs.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokmark_host::BusyProcess;
use tokmark_lab::{Live, LoadObserver};
use tokmark_model::Workload;

use super::words::{number, printable, thousands, time};

/// Time between two drawings of the screen.
const REDRAWN: Duration = Duration::from_millis(200);
/// Time between two lines off a terminal.
const SAID: Duration = Duration::from_secs(5);
/// Characters of the bar.
const BAR: usize = 30;
/// Characters of a line; what is longer is cut, so that usual terminals wrap nothing.
const WIDTH: usize = 78;

/// A compact screen on a terminal; elsewhere a line every few seconds. Without colour.
pub(crate) struct LiveView {
    /// The recipe, where there is one.
    name: String,
    /// What the point is called.
    title: String,
    bar: ProgressBar,
    on_screen: bool,
    shown: Option<Instant>,
}

impl LiveView {
    /// A view of the points of `name`, which may be empty.
    pub(crate) fn new(name: &str) -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        LiveView {
            name: name.to_owned(),
            title: String::new(),
            bar: ProgressBar::hidden(),
            on_screen: std::io::stderr().is_terminal() && !is_dumb,
            shown: None,
        }
    }

    /// Begins with a point.
    pub(crate) fn begin(&mut self, workload: &Workload) {
        self.clear();
        self.title = printable(format!("{} {}", self.name, workload.label()).trim());
        // Off a terminal the first line comes when there is something to tell.
        self.shown = (!self.on_screen).then(Instant::now);
        if self.on_screen {
            let style = ProgressStyle::with_template("{msg}").expect("the template is constant");
            self.bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
                .with_style(style);
        }
    }

    /// Takes the screen away.
    pub(crate) fn clear(&mut self) {
        std::mem::replace(&mut self.bar, ProgressBar::hidden()).finish_and_clear();
    }

    fn draw(&self, text: String) {
        self.bar.set_message(text);
        self.bar.tick();
    }
}

impl LoadObserver for LiveView {
    fn warming_up(&mut self, workload: &Workload) {
        let requests = if workload.n_warmup == 1 { "request" } else { "requests" };
        let text = format!("{}: warming up with {} {requests}", self.title, workload.n_warmup);
        if self.on_screen {
            self.draw(text);
        } else {
            crate::output::say!("{text}");
        }
    }

    fn warm_up_cut(&mut self, limit: Duration, n_over: u64) {
        let over = plural(n_over, "request", "requests");
        let text = format!(
            "warning: {}: the warm-up was ended after {} with {over} over; --warmup-limit gives it \
             longer",
            self.title,
            time(limit.into())
        );
        self.bar.suspend(|| crate::output::say!("{text}"));
    }

    fn live(&mut self, live: &Live) {
        let now = Instant::now();
        let pause = if self.on_screen { REDRAWN } else { SAID };
        if self.shown.is_some_and(|shown| now.duration_since(shown) < pause) {
            return;
        }
        self.shown = Some(now);
        let title = match live.is_warm_up {
            true => format!("{} (warm-up)", self.title),
            false => self.title.clone(),
        };
        if self.on_screen {
            self.draw(screen(&title, live));
        } else {
            crate::output::say!("{}", line(&title, live));
        }
    }

    fn counting(&mut self, n_requests: u64) {
        // Off a terminal a pause without a line is nothing unusual.
        if self.on_screen {
            let requests = plural(n_requests, "request", "requests");
            self.draw(format!("{}: counting tokens of {requests}", self.title));
        }
    }

    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]) {
        let text = disturbance(&self.title, other_cores, by);
        self.bar.suspend(|| crate::output::say!("{text}"));
    }
}

/// Six lines.
fn screen(title: &str, live: &Live) -> String {
    let errors = match live.n_errors {
        0 => "no errors".to_owned(),
        n => format!("{} failed", plural(n, "request", "requests")),
    };
    let lines = [
        title.to_owned(),
        format!(
            "requests   {} over, {}/s, {} in flight, {errors}",
            count(live.n_over),
            number(live.requests_per_s),
            count(u64::from(live.n_in_flight))
        ),
        format!("TTFT       {}", both(live.ttft)),
        format!("ITL        {}   {} text events/s", both(live.itl), number(live.events_per_s)),
        match live.n_asked {
            Some(n) => format!("asked      {}", plural(n, "request", "requests")),
            None => format!("known      {}", precision(live)),
        },
        format!("{} {}", bar(share(live)), clocks(live)),
    ];
    lines.map(|line| cut(&line)).join("\n")
}

/// The same on one line.
fn line(title: &str, live: &Live) -> String {
    let errors = match live.n_errors {
        0 => String::new(),
        n => format!(", {n} failed"),
    };
    let precision = match live.n_asked {
        Some(_) => String::new(),
        None => format!(", {}", precision(live)),
    };
    format!(
        "{title}: {}, {} requests over ({}/s), {} in flight{errors}, TTFT {}, ITL {}, {} text \
         events/s{precision}",
        clocks(live),
        count(live.n_over),
        number(live.requests_per_s),
        count(u64::from(live.n_in_flight)),
        both(live.ttft),
        both(live.itl),
        number(live.events_per_s),
    )
}

fn disturbance(title: &str, other_cores: f64, by: &[BusyProcess]) -> String {
    let named: Vec<String> = by
        .iter()
        .map(|process| format!("{} {:.1}", printable(&process.name), process.cores))
        .collect();
    let named = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
    format!(
        "warning: {title}: other processes use {other_cores:.1} cores{named}; \
         while they do, figures can't be trusted"
    )
}

/// `p50 52.1 ms  p99 61.0 ms`.
fn both(quantiles: Option<(Duration, Duration)>) -> String {
    quantiles.map_or_else(
        || "none yet".to_owned(),
        |(median, p99)| format!("p50 {}  p99 {}", time(median.into()), time(p99.into())),
    )
}

fn precision(live: &Live) -> String {
    let percent = |share: f64| number(share * 100.0);
    if let Some(kept) = &live.kept {
        let ends = format!("{} to {}", percent(kept.share_low), percent(kept.share_high));
        return format!("levels kept by {} % ({ends})", percent(kept.share));
    }
    live.half_width.map_or_else(
        || "medians without an interval yet".to_owned(),
        |width| format!("medians to ±{:.1} %", width * 100.0),
    )
}

/// How much of the point is done, as far as it can be told, 0 to 1.
fn share(live: &Live) -> Option<f64> {
    let share = match (live.n_asked, live.at_most) {
        (Some(n), _) if n > 0 => live.n_over as f64 / n as f64,
        (None, Some(all)) if !all.is_zero() => live.elapsed.as_secs_f64() / all.as_secs_f64(),
        _ => return None,
    };
    Some(share.clamp(0.0, 1.0))
}

/// `[###...]`; empty where nothing tells the end.
fn bar(share: Option<f64>) -> String {
    let n_done = share.map_or(0, |share| (share * BAR as f64) as usize);
    format!("[{}{}]", "#".repeat(n_done), ".".repeat(BAR - n_done))
}

/// `0:24, at most 0:36 left`.
fn clocks(live: &Live) -> String {
    let elapsed = clock(live.elapsed);
    let left = match (live.n_asked, live.at_most) {
        (Some(n), _) if live.n_over >= n => return elapsed,
        (Some(_), _) if live.n_over == 0 => return elapsed,
        (Some(n), _) => {
            let each = live.elapsed.as_secs_f64() / live.n_over as f64;
            let left = Duration::from_secs_f64(each * (n - live.n_over) as f64);
            format!("about {} left", clock(left))
        }
        (None, Some(all)) if live.elapsed < all => {
            format!("at most {} left", clock(all.saturating_sub(live.elapsed)))
        }
        (None, Some(_)) => "waiting for the requests under way".to_owned(),
        (None, None) => return elapsed,
    };
    format!("{elapsed}, {left}")
}

/// `0:24`, `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn count(n: u64) -> String {
    thousands(&n.to_string())
}

fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let kept: String = line.chars().take(WIDTH - 3).collect();
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_way() -> Live {
        Live {
            elapsed: Duration::from_secs(24),
            at_most: Some(Duration::from_secs(60)),
            n_over: 1_280,
            n_errors: 2,
            n_in_flight: 4,
            requests_per_s: 53.33,
            events_per_s: 5_333.0,
            ttft: Some((Duration::from_micros(52_130), Duration::from_micros(61_040))),
            itl: Some((Duration::from_micros(10_080), Duration::from_micros(12_400))),
            half_width: Some(0.062),
            ..Live::default()
        }
    }

    #[test]
    fn the_screen_and_the_line_half_way_through_a_budget() {
        insta::assert_snapshot!(format!(
            "{}\n\n{}",
            screen("llama-server chat x 4", &half_way()),
            line("llama-server chat x 4", &half_way())
        ));
    }

    #[test]
    fn a_point_that_has_just_begun_claims_nothing() {
        let begun =
            Live { n_in_flight: 4, at_most: Some(Duration::from_secs(60)), ..Live::default() };
        insta::assert_snapshot!(screen("chat x 4", &begun));
    }

    #[test]
    fn the_end_is_told_by_the_requests_that_were_asked_for_or_by_the_time() {
        let asked = Live { n_asked: Some(2_560), at_most: None, ..half_way() };
        assert_eq!((share(&asked), clocks(&asked).as_str()), (Some(0.5), "0:24, about 0:24 left"));
        let late = Live { elapsed: Duration::from_secs(3_723), ..half_way() };
        assert_eq!(share(&late), Some(1.0));
        assert_eq!(clocks(&late), "1:02:03, waiting for the requests under way");
        let replay = Live { at_most: None, ..half_way() };
        assert_eq!((share(&replay), clocks(&replay).as_str()), (None, "0:24"));
        assert_eq!(bar(share(&replay)).len(), bar(Some(1.0)).len());
    }

    #[test]
    fn no_line_of_the_screen_is_wider_than_a_usual_terminal() {
        let huge = Live {
            n_over: u64::MAX,
            n_errors: u64::MAX,
            events_per_s: 1e18,
            requests_per_s: 1e18,
            ..half_way()
        };
        let title = "x".repeat(200);
        assert!(screen(&title, &huge).lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(screen(&title, &huge).lines().count(), 6);
    }

    #[test]
    fn whoever_disturbs_is_named() {
        let busy = BusyProcess { name: "make\u{1b}[2J".to_owned(), cores: 1.26 };
        let text = disturbance("chat x 4", 1.5, &[busy]);
        assert_eq!(
            text,
            "warning: chat x 4: other processes use 1.5 cores (make\u{fffd}[2J 1.3); while \
             they do, figures can't be trusted"
        );
    }
}
