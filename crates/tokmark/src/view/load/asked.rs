//! What was asked of a server, and how the client that asked did itself.

use tokmark_model::{CacheMode, ClientCheck, LengthControl, Think, Workload};

use crate::view::words::{number, printable, thousands, time};

/// `chat x 4: 36 tokens in, 100 out`.
pub(in crate::view) fn sizes(workload: &Workload) -> String {
    let tokens = |n: Option<u32>| n.map_or_else(|| "?".to_owned(), |n| thousands(&n.to_string()));
    let mut parts = vec![format!(
        "{}: {} tokens in, {} out",
        printable(&workload.label()),
        tokens(workload.n_prompt),
        tokens(workload.n_output)
    )];
    if workload.turns > 1 {
        parts.push(format!("{} turns", workload.turns));
    }
    if workload.n_tools > 0 {
        parts.push(format!("{} tools", workload.n_tools));
    }
    let hash = workload.shape_sha256.as_deref().map(printable);
    parts.extend(hash.map(|hash| format!("sha256 {}", hash.get(..12).unwrap_or(&hash))));
    parts.join(", ")
}

/// `chat API, streamed, seed 42, unique prompts, lengths held by ignore_eos`.
pub(in crate::view) fn manners(workload: &Workload) -> String {
    let api = serde_json::to_value(workload.api).ok();
    let api = api.as_ref().and_then(|api| api.as_str()).unwrap_or_default().replace('_', " ");
    let mut parts = vec![
        format!("{api} API"),
        if workload.stream { "streamed" } else { "in one piece" }.to_owned(),
        match workload.nonce {
            Some(nonce) => format!("seed {}, nonce {nonce}", workload.seed),
            None => format!("seed {}", workload.seed),
        },
        match workload.cache {
            CacheMode::Bust => "unique prompts".to_owned(),
            CacheMode::Share { share } => {
                format!("{} % of each prompt shared", number(share * 100.0))
            }
            CacheMode::Own => "prompts of this point alone".to_owned(),
            CacheMode::Keep => "prompts may repeat".to_owned(),
        },
        match workload.length_control {
            LengthControl::IgnoreEos => "lengths held by ignore_eos",
            LengthControl::MinTokens => "lengths held by min_tokens",
            LengthControl::LimitOnly => "lengths not held",
        }
        .to_owned(),
    ];
    parts.extend(workload.temperature.map(|value| format!("temperature {value}")));
    match workload.think {
        Think::Auto => {}
        Think::On => parts.push("reasoning on".to_owned()),
        Think::Off => parts.push("reasoning off".to_owned()),
    }
    if !workload.reuse_connections {
        parts.push("a connection for each request".to_owned());
    }
    if workload.n_retries > 0 {
        parts.push(format!("up to {} retries", workload.n_retries));
    }
    parts.join(", ")
}

/// Whether the client could have made the figures; empty where nothing is known of it.
pub(in crate::view) fn client(check: &ClientCheck) -> String {
    let mut parts = Vec::new();
    if let Some(late) = check.wakeup_p99_ns {
        let most = check.wakeup_max_ns.map(|most| format!(", at most {}", time(most)));
        parts.push(format!("woke up {} late (p99{})", time(late), most.unwrap_or_default()));
    }
    if let Some(cores) = check.cpu_cores {
        let threads = if check.n_threads == 1 { "thread" } else { "threads" };
        parts.push(format!("{cores:.2} cores on {} {threads}", check.n_threads));
    }
    parts.extend(check.peak_bytes.map(|peak| format!("{peak} at most")));
    match check.calibration_p99_ns {
        Some(added) => parts.push(format!("adds {} to a known TTFT (p99)", time(added))),
        None if check.n_threads > 0 => {
            parts.push("not checked against a server of known times".to_owned());
        }
        None => {}
    }
    if check.kernel_stamps {
        parts.push("times from the kernel".to_owned());
    }
    if check.could_distort {
        let why = check.reason.as_deref().map_or_else(|| "it was too busy".to_owned(), printable);
        parts.push(format!("could have made the figures: {why}"));
    }
    parts.join(", ")
}
