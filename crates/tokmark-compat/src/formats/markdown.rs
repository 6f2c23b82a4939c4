use tokmark_model::Record;

use super::row::{Kind, Row, Value, kind_of};
use super::write::plain;
use crate::Matrix;

/// A column of the md table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    /// Field of the row, or one of `model`, `size`, `params`, `backend`, `test`, `t/s`.
    field: &'static str,
    title: &'static str,
    width: usize,
    is_left: bool,
}

impl Column {
    /// Title, width and side as llama-bench has them.
    fn of(field: &'static str) -> Column {
        let title = match field {
            "n_gpu_layers" => "ngl",
            "split_mode" => "sm",
            "n_threads" => "threads",
            "no_kv_offload" => "nkvo",
            "flash_attn" => "fa",
            "load_mode" => "lm",
            "embeddings" => "embd",
            "no_op_offload" => "nopo",
            "no_host" => "noh",
            "repack" => "rpk",
            "devices" => "dev",
            "tensor_split" => "ts",
            "tensor_buft_overrides" => "ot",
            "fit_target" => "fitt",
            "fit_min_ctx" => "fitc",
            _ => field,
        };
        let (width, is_left) = match field {
            "model" => (30, true),
            "t/s" => (20, false),
            "size" | "params" | "load_mode" => (10, false),
            "n_gpu_layers" | "flash_attn" | "repack" => (3, false),
            "n_threads" | "n_batch" => (7, false),
            "n_ubatch" => (8, false),
            "type_k" | "type_v" | "split_mode" => (6, false),
            "devices" => (12, true),
            "test" => (15, false),
            "no_op_offload" | "no_host" => (4, false),
            _ => (field.len().max(10), kind_of(field) == Kind::Text),
        };
        Column { field, title, width, is_left }
    }

    /// `text` in this column. Bytes are counted, as C's `printf` does; the sign in the
    /// rate has two of them.
    fn pad(&self, text: &str) -> String {
        let width =
            if self.field == "t/s" && text.contains('±') { self.width + 1 } else { self.width };
        let gap = " ".repeat(width.saturating_sub(text.len()));
        if self.is_left { format!(" {text}{gap} |") } else { format!(" {gap}{text} |") }
    }

    fn rule(&self) -> String {
        let dashes = "-".repeat(self.width - 1);
        format!(" {dashes}{} |", if self.is_left { '-' } else { ':' })
    }
}

/// The columns for a run: what always stands there, and every parameter that was changed.
pub(super) fn columns(matrix: &Matrix, defaults: &Matrix, backends: &str) -> Vec<Column> {
    let is_cpu = ["CPU", "BLAS", "ZenDNN"].iter().any(|name| backends.contains(name));
    let mut fields = vec!["model", "size", "params", "backend"];
    if !is_cpu {
        fields.push("n_gpu_layers");
    }
    macro_rules! changed {
        ($($list:ident),+) => {
            [$((stringify!($list), matrix.$list != defaults.$list)),+]
        };
    }
    let parameters = changed!(
        n_cpu_moe,
        n_threads,
        cpu_mask,
        cpu_strict,
        poll,
        n_batch,
        n_ubatch,
        type_k,
        type_v,
        main_gpu,
        split_mode,
        no_kv_offload,
        flash_attn,
        devices,
        tensor_split,
        tensor_buft_overrides,
        load_mode,
        lazy_mode,
        embeddings,
        no_op_offload,
        no_host,
        repack,
        fit_target,
        fit_min_ctx
    );
    for (field, is_changed) in parameters {
        if is_changed || (field == "n_threads" && is_cpu) {
            fields.push(field);
        }
    }
    fields.extend(["test", "t/s"]);
    fields.into_iter().map(Column::of).collect()
}

pub(super) fn header(columns: &[Column]) -> String {
    let titles: String = columns.iter().map(|column| column.pad(column.title)).collect();
    let rules: String = columns.iter().map(Column::rule).collect();
    format!("|{titles}\n|{rules}\n")
}

pub(super) fn row(columns: &[Column], row: &Row, record: &Record) -> String {
    let cells: String =
        columns.iter().map(|column| column.pad(&cell(column.field, row, record))).collect();
    format!("|{cells}\n")
}

fn cell(field: &str, row: &Row, record: &Record) -> String {
    let value = |field| row.value(field).and_then(plain).unwrap_or_default();
    match field {
        "model" => value("model_type"),
        "size" => whole(row, "model_size").map_or_else(String::new, size),
        "params" => whole(row, "model_n_params").map_or_else(String::new, params),
        "backend" => value("backends"),
        "test" => record.test.label(),
        "t/s" => row.figures.as_ref().map_or_else(String::new, |figures| {
            format!("{:.2} ± {:.2}", figures.avg_ts, figures.stddev_ts)
        }),
        _ => value(field),
    }
}

fn whole(row: &Row, field: &str) -> Option<f64> {
    match row.value(field) {
        Some(Value::Int(number)) => Some(*number as f64),
        _ => None,
    }
}

fn size(bytes: f64) -> String {
    let mib = bytes / 1024.0 / 1024.0;
    if mib < 1024.0 { format!("{mib:.2} MiB") } else { format!("{:.2} GiB", mib / 1024.0) }
}

fn params(n: f64) -> String {
    if n < 1e9 { format!("{:.2} M", n / 1e6) } else { format!("{:.2} B", n / 1e9) }
}
