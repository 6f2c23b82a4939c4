//! The few gauges and counters wanted of a server's Prometheus metrics.
//!
//! Names and meanings: vLLM 0.32, `vllm/v1/metrics/loggers.py`; SGLang, reference page
//! "Production Metrics"; llama.cpp, `tools/server/README.md`, section on `/metrics`; Lemonade
//! 11.7, `src/cpp/server/prometheus_metrics.cpp`, which hands on llama.cpp's under a prefix of
//! its own.

/// A server's load at one moment. What it does not show is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServerGauges {
    /// Requests that it runs, all its engines together.
    pub running: Option<f64>,
    /// Requests that wait in it, all its engines together.
    pub waiting: Option<f64>,
    /// Share of the KV cache in use, 0 to 1; the mean over its engines.
    pub kv_cache_share: Option<f64>,
    /// Tokens drafted by speculative decoding since the server's start.
    pub n_drafted: Option<f64>,
    /// Of those, accepted.
    pub n_accepted: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gauge {
    Running,
    Waiting,
    KvCacheShare,
    Drafted,
    Accepted,
}

/// Names by gauge, the one to prefer first: a server may show an old name beside a new one.
const NAMES: [(&str, Gauge); 21] = [
    ("vllm:num_requests_running", Gauge::Running),
    ("sglang:num_running_reqs", Gauge::Running),
    ("llamacpp:requests_processing", Gauge::Running),
    ("lemonade_llamacpp_requests_processing", Gauge::Running),
    ("vllm:num_requests_waiting", Gauge::Waiting),
    ("sglang:num_queue_reqs", Gauge::Waiting),
    ("llamacpp:requests_deferred", Gauge::Waiting),
    ("lemonade_llamacpp_requests_deferred", Gauge::Waiting),
    ("vllm:kv_cache_usage_perc", Gauge::KvCacheShare),
    ("vllm:gpu_cache_usage_perc", Gauge::KvCacheShare),
    ("sglang:token_usage", Gauge::KvCacheShare),
    ("llamacpp:kv_cache_usage_ratio", Gauge::KvCacheShare),
    ("lemonade_llamacpp_kv_cache_usage_ratio", Gauge::KvCacheShare),
    ("vllm:spec_decode_num_draft_tokens_total", Gauge::Drafted),
    ("vllm:spec_decode_num_draft_tokens", Gauge::Drafted),
    ("llamacpp:spec_decode_num_draft_tokens_total", Gauge::Drafted),
    ("lemonade_llamacpp_spec_decode_num_draft_tokens_total", Gauge::Drafted),
    ("vllm:spec_decode_num_accepted_tokens_total", Gauge::Accepted),
    ("vllm:spec_decode_num_accepted_tokens", Gauge::Accepted),
    ("llamacpp:spec_decode_num_accepted_tokens_total", Gauge::Accepted),
    ("lemonade_llamacpp_spec_decode_num_accepted_tokens_total", Gauge::Accepted),
];

/// Sum of the samples of one name.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    n: u32,
    value: f64,
}

impl ServerGauges {
    /// Reads the text exposition format. Lines that are none of it are passed over.
    ///
    /// Of SGLang's samples only those of the first rank count, since every rank may report the
    /// same requests, and only those of all priorities together.
    pub fn parse(text: &[u8]) -> Self {
        let mut sums = [Sum::default(); NAMES.len()];
        for line in text.split(|&byte| byte == b'\n') {
            let Some(sample) = std::str::from_utf8(line).ok().and_then(Sample::parse) else {
                continue;
            };
            let named = NAMES.iter().position(|(name, _)| *name == sample.name);
            if let (Some(at), true) = (named, sample.counts()) {
                sums[at].n += 1;
                sums[at].value += sample.value;
            }
        }
        let best = |gauge: Gauge| {
            let of_gauge = NAMES.iter().zip(&sums).filter(|((_, of), _)| *of == gauge);
            of_gauge.map(|(_, sum)| *sum).find(|sum| sum.n > 0)
        };
        let total = |gauge| best(gauge).map(|sum| sum.value);
        ServerGauges {
            running: total(Gauge::Running),
            waiting: total(Gauge::Waiting),
            kv_cache_share: best(Gauge::KvCacheShare).map(|sum| sum.value / f64::from(sum.n)),
            n_drafted: total(Gauge::Drafted),
            n_accepted: total(Gauge::Accepted),
        }
    }
}

/// One line: `name{labels} value timestamp`, labels and timestamp optional.
#[derive(Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let name_end = line.find(['{', ' ', '\t'])?;
        let (name, rest) = line.split_at(name_end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => {
                let end = end_of_labels(rest)?;
                (&rest[..end], &rest[end + 1..])
            }
            None => ("", rest),
        };
        let value: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
        value.is_finite().then_some(Sample { name, labels, value })
    }

    fn counts(&self) -> bool {
        let is = |name, values: [&str; 2]| {
            label(self.labels, name).is_none_or(|value| values.contains(&value))
        };
        is("tp_rank", ["0", ""]) && is("pp_rank", ["0", ""]) && is("priority", ["", ""])
    }
}

/// Where the labels end: the first `}` that is in no quoted value.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'}' if !is_quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The value of a label whose value needs no escapes.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(at) = labels[from..].find(name).map(|at| from + at) {
        let is_begin = at == 0 || labels[..at].ends_with([',', ' ']);
        let value = labels[at + name.len()..].strip_prefix("=\"");
        if let (true, Some(value)) = (is_begin, value) {
            return value.split('"').next();
        }
        from = at + name.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauges(text: &str) -> ServerGauges {
        ServerGauges::parse(text.as_bytes())
    }

    #[test]
    fn engines_of_one_server_are_added_and_their_caches_averaged() {
        let read = gauges(
            "# TYPE vllm:num_requests_running gauge\n\
             vllm:num_requests_running{engine=\"0\",model_name=\"a} b\"} 3.0\n\
             vllm:num_requests_running{engine=\"1\",model_name=\"a \\\"} b\"} 2 1700000000\n\
             vllm:num_requests_waiting 0\n\
             vllm:num_requests_waiting_by_reason{reason=\"capacity\"} 9\n\
             vllm:kv_cache_usage_perc{engine=\"0\"} 0.5\n\
             vllm:kv_cache_usage_perc{engine=\"1\"} 0.25\n\
             vllm:gpu_cache_usage_perc{engine=\"0\"} 0.9\n",
        );
        assert_eq!(read.running, Some(5.0));
        assert_eq!(read.waiting, Some(0.0));
        assert_eq!(read.kv_cache_share, Some(0.375));
        assert_eq!(read.n_drafted, None);
    }

    #[test]
    fn older_names_serve_where_the_new_ones_are_missing() {
        let read = gauges(
            "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.9\n\
             vllm:spec_decode_num_draft_tokens 10\nvllm:spec_decode_num_accepted_tokens 4\n",
        );
        assert_eq!(read.kv_cache_share, Some(0.9));
        assert_eq!((read.n_drafted, read.n_accepted), (Some(10.0), Some(4.0)));
    }

    #[test]
    fn ranks_and_priorities_are_not_counted_twice() {
        let read = gauges(
            "sglang:num_running_reqs{model_name=\"m\",tp_rank=\"0\",pp_rank=\"0\"} 7.0\n\
             sglang:num_running_reqs{model_name=\"m\",tp_rank=\"1\",pp_rank=\"0\"} 7.0\n\
             sglang:num_running_reqs{model_name=\"m\",tp_rank=\"0\",dp_rank=\"1\"} 2.0\n\
             sglang:num_queue_reqs{priority=\"\",tp_rank=\"0\"} 5\n\
             sglang:num_queue_reqs{priority=\"3\",tp_rank=\"0\"} 4\n\
             sglang:token_usage{tp_rank=\"0\"} NaN\n",
        );
        assert_eq!((read.running, read.waiting), (Some(9.0), Some(5.0)));
        assert_eq!(read.kv_cache_share, None);
    }

    #[test]
    fn what_is_no_exposition_gives_nothing() {
        for text in
            ["", "<html>\n", "vllm:num_requests_running\n", "vllm:num_requests_running{a=\"1\" 3"]
        {
            assert_eq!(gauges(text), ServerGauges::default(), "{text}");
        }
        assert_eq!(
            ServerGauges::parse(b"\xff\xfe 1\nllamacpp:requests_deferred 2").waiting,
            Some(2.0)
        );
    }
}
