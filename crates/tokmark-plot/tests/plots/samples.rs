//! Plots of made-up figures that look like measured ones; the same in every run.

use tokmark_plot::{
    Axis, BarSeries, Bars, Distribution, DistributionShape, Limit, LinePoint, LineSeries, Lines,
    Plot, QuantileMark, Reading, RequestSpan, Sample, Scatter, ScatterGroup, ScatterPoint,
    TimeMark, TimeSeries, Timeline, Unit, XAxis,
};

/// Numbers from 0 to 1 (a linear congruential generator with Knuth's MMIX constants).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Skewed to the right, as latencies are.
    pub fn latency(&mut self, least: f64, scale: f64) -> f64 {
        let (a, b) = (self.next(), self.next());
        least - scale * ((1.0 - a).ln() + 0.3 * (1.0 - b).ln())
    }
}

pub fn requests() -> Unit {
    Unit::counted("request", "requests")
}

fn quantile(sorted: &[f64], level: f64) -> f64 {
    let at = level * (sorted.len() - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] * (1.0 - share) + sorted[above] * share
}

fn sample(label: &str, seed: u64, n: usize, least: f64, scale: f64) -> Sample {
    let mut numbers = Numbers(seed);
    let values: Vec<f64> = (0..n).map(|_| numbers.latency(least, scale)).collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let mark = |level| QuantileMark { level, value: quantile(&sorted, level) };
    let quantiles = [0.5, 0.9, 0.99].map(mark).to_vec();
    Sample { label: label.to_owned(), values, quantiles }
}

pub fn distribution(shape: DistributionShape, n: usize) -> Plot {
    Distribution {
        title: "Time to first token by shape".to_owned(),
        value: Axis::linear("TTFT", Unit::Seconds),
        samples: vec![sample("chat", 1, n, 0.048, 0.03), sample("rag", 2, n, 0.11, 0.06)],
        shape,
    }
    .plot()
    .unwrap()
}

pub fn single_distribution() -> Plot {
    Distribution {
        title: "Time to first token".to_owned(),
        value: Axis::log("TTFT", Unit::Seconds),
        samples: vec![sample("", 3, 400, 0.02, 0.3)],
        shape: DistributionShape::Cumulative,
    }
    .plot()
    .unwrap()
}

pub fn latency_against_load() -> Plot {
    let loads = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
    let medians = [0.052, 0.055, 0.071, 0.13, 0.41];
    let series = |label: &str, times: f64| LineSeries {
        label: label.to_owned(),
        points: loads
            .into_iter()
            .enumerate()
            .map(|(n, x)| {
                let reading = match medians.get(n) {
                    None => Reading::missing("all requests timed out"),
                    Some(median) => {
                        let value = median * times;
                        Reading::within(value, value * 0.94, value * (1.05 + 0.05 * times))
                    }
                };
                LinePoint { x, reading }
            })
            .collect(),
    };
    Lines {
        title: "Time to first token against load".to_owned(),
        x: XAxis::Numeric(Axis::log("Concurrency", requests())),
        y: Axis::linear("TTFT", Unit::Seconds),
        series: vec![series("p50", 1.0), series("p90", 1.15), series("p99", 1.3)],
        intervals: "95 % interval".to_owned(),
        limits: vec![Limit { label: "service level".to_owned(), value: 0.3 }],
    }
    .plot()
    .unwrap()
}

pub fn ordinal_lines() -> Plot {
    let names = ["chat", "rag (850 in, 200 out)", "codegen", "agent with tools and long history"];
    let series = |label: &str, values: [f64; 4]| LineSeries {
        label: label.to_owned(),
        points: values
            .into_iter()
            .enumerate()
            .map(|(n, value)| LinePoint { x: n as f64, reading: Reading::value(value) })
            .collect(),
    };
    Lines {
        title: "Generation rate by shape".to_owned(),
        x: XAxis::Ordinal { title: "Shape".to_owned(), labels: names.map(String::from).to_vec() },
        y: Axis::linear("Rate", Unit::symbol("tok/s")).from_zero(),
        series: vec![
            series("llama-server", [92.0, 81.0, 88.0, 76.0]),
            series("vLLM", [101.0, 99.0, 104.0, 70.0]),
        ],
        intervals: String::new(),
        limits: Vec::new(),
    }
    .plot()
    .unwrap()
}

pub fn trade_off() -> Plot {
    let group = |label: &str, points: &[(f64, f64, &str)]| ScatterGroup {
        label: label.to_owned(),
        points: points
            .iter()
            .map(|&(x, y, label)| ScatterPoint { x, y, label: label.to_owned() })
            .collect(),
        connected: true,
    };
    Scatter {
        title: "Throughput against interactivity".to_owned(),
        x: Axis::linear("Interactivity", Unit::symbol("tok/s per user")).from_zero(),
        y: Axis::linear("Throughput", Unit::symbol("tok/s")).from_zero(),
        groups: vec![
            group(
                "llama-server",
                &[
                    (96.0, 96.0, "x 1"),
                    (71.0, 280.0, "x 4"),
                    (33.0, 512.0, "x 16"),
                    (12.0, 530.0, "x 64"),
                ],
            ),
            group(
                "vLLM",
                &[
                    (88.0, 88.0, "x 1"),
                    (80.0, 318.0, "x 4"),
                    (61.0, 960.0, "x 16"),
                    (27.0, 1_700.0, "x 64"),
                ],
            ),
        ],
    }
    .plot()
    .unwrap()
}

pub fn spans(n: usize) -> Vec<RequestSpan> {
    let mut numbers = Numbers(7);
    (0..n)
        .map(|n| {
            let due = n as f64 * 0.12;
            let sent = due + if n % 5 == 0 { 0.08 } else { 0.001 };
            let first = sent + numbers.latency(0.1, 0.08);
            let last = first + 0.4 + numbers.next();
            let request = RequestSpan {
                label: (n + 1).to_string(),
                due_s: Some(due),
                sent_s: Some(sent),
                first_text_s: Some(first),
                last_text_s: Some(last),
                end_s: Some(last + 0.02),
                error: None,
            };
            match n % 13 {
                6 => RequestSpan {
                    first_text_s: None,
                    last_text_s: None,
                    end_s: Some(sent + 0.05),
                    error: Some("http 429".to_owned()),
                    ..request
                },
                11 => RequestSpan { error: Some("broken stream".to_owned()), ..request },
                _ => request,
            }
        })
        .collect()
}

pub fn timeline(n: usize) -> Plot {
    Timeline {
        title: "Requests of chat 8/s poisson".to_owned(),
        requests: spans(n),
        at_least_s: None,
    }
    .plot()
    .unwrap()
}

pub fn bars() -> Plot {
    let reading = |value: f64| Reading::within(value, value * 0.95, value * 1.06);
    let series =
        |label: &str, readings: Vec<Reading>| BarSeries { label: label.to_owned(), readings };
    Bars {
        title: "Generation rate by model and back end".to_owned(),
        category: "Model".to_owned(),
        value: "Rate".to_owned(),
        unit: Unit::symbol("tok/s"),
        categories: [
            "Qwen3 0.6B Q8_0",
            "Llama 3.2 1B Q4_K_M",
            "A model whose name is much longer than the room",
        ]
        .map(String::from)
        .to_vec(),
        series: vec![
            series("CPU", vec![reading(61.0), reading(44.0), reading(12.5)]),
            series(
                "Vulkan",
                vec![reading(180.0), reading(131.0), Reading::missing("out of memory")],
            ),
        ],
        intervals: "95 % interval".to_owned(),
    }
    .plot()
    .unwrap()
}

/// What two sources published as ranges, beside a measured value.
pub fn ranged_bars() -> Plot {
    let readings =
        vec![Reading::range(206.0, 217.0), Reading::range(120.0, 127.0), Reading::value(98.5)];
    Bars {
        title: "Rates of tg128".to_owned(),
        category: "Configuration".to_owned(),
        value: "Rate".to_owned(),
        unit: Unit::symbol("tok/s"),
        categories: ["RTX 5070", "RTX 3090", "M4 Max"].map(String::from).to_vec(),
        series: vec![BarSeries { label: String::new(), readings }],
        intervals: "the source's range".to_owned(),
    }
    .plot()
    .unwrap()
}

pub fn plain_bars() -> Plot {
    let readings = [3.4e9, 7.2e9, 1.1e9].map(Reading::value).to_vec();
    Bars {
        title: "Peak memory".to_owned(),
        category: "Quantization".to_owned(),
        value: "Peak memory".to_owned(),
        unit: Unit::Bytes,
        categories: ["Q4_K_M", "Q8_0", "Q2_K"].map(String::from).to_vec(),
        series: vec![BarSeries { label: String::new(), readings }],
        intervals: String::new(),
    }
    .plot()
    .unwrap()
}

pub fn history(n: usize) -> Plot {
    let mut numbers = Numbers(5);
    let march = 1_740_787_200.0;
    let points = (0..n).map(|n| {
        let level = if n < 22 { 118.0 } else { 127.0 };
        let value = level + 3.0 * numbers.next();
        let reading = Reading::within(value, value - 1.2, value + 1.5);
        LinePoint { x: march + n as f64 * 86_400.0 * 1.3, reading }
    });
    TimeSeries {
        title: "tg128 of Qwen3 0.6B Q8_0".to_owned(),
        x: XAxis::Utc { title: "Measured".to_owned() },
        y: Axis::linear("Rate", Unit::symbol("tok/s")),
        series: vec![LineSeries { label: String::new(), points: points.collect() }],
        intervals: "95 % interval".to_owned(),
        marks: vec![
            TimeMark { x: march + 21.5 * 86_400.0 * 1.3, label: "change, +7.4 %".to_owned() },
            TimeMark { x: march + 3.0 * 86_400.0, label: "new driver".to_owned() },
        ],
    }
    .plot()
    .unwrap()
}

pub fn hostile() -> Plot {
    let labels = [
        "<script>alert(1)</script> & \"quotes\" 'both'",
        "مرحبا بالعالم مع نص طويل جدا",
        "👩‍💻🚀 emoji \u{202E}reversed\u{1b}[31m",
        "漢字の長いラベルはここで切られるはずです、どうでしょうか",
    ];
    let points = labels.into_iter().enumerate().map(|(n, label)| ScatterPoint {
        x: 10.0 + n as f64,
        y: 5.0 * n as f64,
        label: label.to_owned(),
    });
    let group = |label: &str, points: Vec<ScatterPoint>| ScatterGroup {
        label: label.to_owned(),
        points,
        connected: false,
    };
    Scatter {
        title: "</title><script>alert(1)</script> \u{0} a title that is far too long for the width of the picture and goes on".to_owned(),
        x: Axis::linear("x & <y>", Unit::symbol("<tok>/s")),
        y: Axis::linear("ع \"y\"", Unit::Bare),
        groups: vec![
            group(labels[0], points.collect()),
            group(labels[1], vec![ScatterPoint { x: 12.0, y: 12.0, label: String::new() }]),
        ],
    }
    .plot()
    .unwrap()
}

pub fn one_point() -> Plot {
    Scatter {
        title: "One point".to_owned(),
        x: Axis::linear("Interactivity", Unit::symbol("tok/s")),
        y: Axis::linear("Throughput", Unit::symbol("tok/s")),
        groups: vec![ScatterGroup {
            label: String::new(),
            points: vec![ScatterPoint { x: 12.0, y: 12.0, label: "x 1".to_owned() }],
            connected: true,
        }],
    }
    .plot()
    .unwrap()
}

pub fn equal_values() -> Plot {
    let points = (0..5).map(|n| LinePoint { x: f64::from(n), reading: Reading::value(0.05) });
    Lines {
        title: "All equal".to_owned(),
        x: XAxis::Numeric(Axis::linear("Turn", Unit::counted("turn", "turns"))),
        y: Axis::linear("ITL", Unit::Seconds),
        series: vec![LineSeries { label: String::new(), points: points.collect() }],
        intervals: String::new(),
        limits: Vec::new(),
    }
    .plot()
    .unwrap()
}

pub fn many_series() -> Plot {
    let series = |n: usize| LineSeries {
        label: format!("variant {n}"),
        points: (0..9)
            .map(|x| LinePoint {
                x: f64::from(x),
                reading: Reading::value((n + 1) as f64 * (1.0 + f64::from(x * x) / 40.0)),
            })
            .collect(),
    };
    Lines {
        title: "Twenty-four series".to_owned(),
        x: XAxis::Numeric(Axis::linear("Depth", Unit::counted("token", "tokens"))),
        y: Axis::linear("Time", Unit::symbol("ms")),
        series: (0..24).map(series).collect(),
        intervals: String::new(),
        limits: Vec::new(),
    }
    .plot()
    .unwrap()
}

/// Every kind of plot under a name.
pub fn all() -> Vec<(&'static str, Plot)> {
    vec![
        ("distribution", distribution(DistributionShape::Cumulative, 300)),
        ("histogram", distribution(DistributionShape::Histogram, 300)),
        ("log_distribution", single_distribution()),
        ("latency_against_load", latency_against_load()),
        ("ordinal_lines", ordinal_lines()),
        ("trade_off", trade_off()),
        ("timeline", timeline(24)),
        ("thinned_timeline", timeline(5_000)),
        ("bars", bars()),
        ("plain_bars", plain_bars()),
        ("ranged_bars", ranged_bars()),
        ("history", history(40)),
        ("hostile", hostile()),
        ("one_point", one_point()),
        ("equal_values", equal_values()),
        ("many_series", many_series()),
        ("empty", Plot::empty("Inter-token latency", "no request brought an answer")),
    ]
}
