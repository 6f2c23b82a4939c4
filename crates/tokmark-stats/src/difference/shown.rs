//! Values of records as text.

use tokmark_model::{
    Api, Bytes, CacheMode, DeviceKind, FlashAttention, KvType, LazyMode, LengthControl, Load,
    LoadMode, Nanos, Numa, PowerSource, RecordKind, Repetitions, SplitMode, Status, Test, Think,
    TokenKind,
};

/// A value as text.
pub(super) trait Shown {
    /// For people; `None` where it is unknown.
    fn shown(&self) -> Option<String>;

    /// Different for different values. Two values are equal when these texts are.
    fn exact(&self) -> Option<String> {
        self.shown()
    }
}

impl Shown for str {
    /// No name is an empty one.
    fn shown(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.to_owned())
    }
}

impl Shown for String {
    fn shown(&self) -> Option<String> {
        self.as_str().shown()
    }
}

impl Shown for bool {
    fn shown(&self) -> Option<String> {
        Some(if *self { "yes" } else { "no" }.to_owned())
    }
}

macro_rules! by_display {
    ($($type:ty),+) => {
        $(impl Shown for $type {
            fn shown(&self) -> Option<String> {
                Some(self.to_string())
            }
        })+
    };
}

by_display!(
    u32,
    u64,
    i32,
    f32,
    f64,
    KvType,
    SplitMode,
    LoadMode,
    LazyMode,
    FlashAttention,
    Numa,
    tokmark_model::Timestamp
);

impl Shown for Bytes {
    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn exact(&self) -> Option<String> {
        Some(format!("{} bytes", self.0))
    }
}

impl Shown for Nanos {
    fn shown(&self) -> Option<String> {
        let (value, unit) = match self.0 {
            0..1_000_000 => (self.0 as f64 * 1e-3, "µs"),
            1_000_000..1_000_000_000 => (self.0 as f64 * 1e-6, "ms"),
            _ => (self.as_secs_f64(), "s"),
        };
        let text = format!("{value:.2}");
        Some(format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.')))
    }

    fn exact(&self) -> Option<String> {
        Some(format!("{} ns", self.0))
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(Shown::shown)
    }

    fn exact(&self) -> Option<String> {
        self.as_ref().and_then(Shown::exact)
    }
}

/// A value whose absence says something.
pub(super) struct Or<'a, T>(pub(super) &'a Option<T>, pub(super) &'static str);

impl<T: Shown> Shown for Or<'_, T> {
    fn shown(&self) -> Option<String> {
        self.0.as_ref().map_or_else(|| Some(self.1.to_owned()), Shown::shown)
    }

    fn exact(&self) -> Option<String> {
        self.0.as_ref().map_or_else(|| Some(self.1.to_owned()), Shown::exact)
    }
}

/// A list that is known also when it is empty.
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T: Shown> List<T> {
    fn joined(&self, text: impl Fn(&T) -> Option<String>) -> Option<String> {
        if self.0.is_empty() {
            return Some("none".to_owned());
        }
        let texts = self.0.iter().map(|item| text(item).unwrap_or_else(|| "unknown".to_owned()));
        Some(texts.collect::<Vec<_>>().join(", "))
    }
}

impl<T: Shown> Shown for List<T> {
    fn shown(&self) -> Option<String> {
        self.joined(Shown::shown)
    }

    fn exact(&self) -> Option<String> {
        self.joined(Shown::exact)
    }
}

/// A list of the texts of `items`.
pub(super) fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> List<String> {
    List(items.iter().map(text).collect())
}

/// A count that is unknown where it is 0.
pub(super) fn known(n: u32) -> Option<u32> {
    (n > 0).then_some(n)
}

/// A size that is unknown where it is 0.
pub(super) fn known_size(size: Bytes) -> Option<Bytes> {
    (size.0 > 0).then_some(size)
}

/// Texts joined by blanks, absent ones left out.
pub(super) fn words(parts: &[Option<String>]) -> String {
    parts.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

impl Shown for Test {
    fn shown(&self) -> Option<String> {
        Some(self.label())
    }

    fn exact(&self) -> Option<String> {
        let Test { n_prompt, n_gen, n_depth, n_parallel } = self;
        Some(format!("pp{n_prompt}+tg{n_gen} @ d{n_depth} x {n_parallel}"))
    }
}

impl Shown for Load {
    fn shown(&self) -> Option<String> {
        Some(self.label())
    }
}

impl Shown for Repetitions {
    fn shown(&self) -> Option<String> {
        Some(match self {
            Repetitions::Fixed { n } => format!("exactly {n}"),
            Repetitions::Adaptive { half_width, budget_ns, at_least } => {
                let budget = budget_ns.shown().unwrap_or_default();
                format!("until ±{} % or {budget}, at least {at_least}", half_width * 100.0)
            }
        })
    }

    fn exact(&self) -> Option<String> {
        match self {
            Repetitions::Fixed { .. } => self.shown(),
            Repetitions::Adaptive { half_width, budget_ns, at_least } => {
                Some(format!("until ±{half_width} or {} ns, at least {at_least}", budget_ns.0))
            }
        }
    }
}

impl Shown for CacheMode {
    fn shown(&self) -> Option<String> {
        Some(match self {
            CacheMode::Bust => "bust".to_owned(),
            CacheMode::Share { share } => format!("share {share}"),
            CacheMode::Keep => "keep".to_owned(),
            CacheMode::Own => "own".to_owned(),
        })
    }
}

/// The words of the record's JSON.
macro_rules! by_word {
    ($($type:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {
        $(impl Shown for $type {
            fn shown(&self) -> Option<String> {
                Some(match self { $($type::$variant => $word),+ }.to_owned())
            }
        })+
    };
}

by_word! {
    RecordKind {
        Measured = "measured", Imported = "imported", ImportedSummary = "imported_summary",
        Published = "published",
    }
    Status {
        Ok = "ok", Failed = "failed", Crashed = "crashed", TimedOut = "timed_out",
        OutOfMemory = "out_of_memory", Interrupted = "interrupted", Skipped = "skipped",
        Unsupported = "unsupported",
    }
    TokenKind { Random = "random", Text = "text" }
    PowerSource { Mains = "mains", Battery = "battery" }
    DeviceKind {
        Cpu = "cpu", Gpu = "gpu", IntegratedGpu = "integrated_gpu", Accelerator = "accelerator",
        Other = "other",
    }
    Think { Auto = "auto", On = "on", Off = "off" }
    LengthControl {
        IgnoreEos = "ignore_eos", MinTokens = "min_tokens", LimitOnly = "limit_only",
    }
    Api {
        Chat = "chat", Completions = "completions", OllamaChat = "ollama_chat",
        OllamaGenerate = "ollama_generate",
    }
}
