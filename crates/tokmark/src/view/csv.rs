//! Comma-separated values (RFC 4180 with line feeds), for programs.

use tokmark_store::RecordRow;

/// One line with its end.
pub(super) fn line<'a>(fields: impl Iterator<Item = &'a str>) -> String {
    fields.map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// A row a record for `tokmark history`.
pub(crate) fn history(rows: &[RecordRow]) -> String {
    let mut text = "id,run_id,created_at,status,model_name,model_sha256,quantization,test,engine,\
                    backends,machine_fingerprint,rate_tps,rate_low_tps,rate_high_tps,grade,tags,notes,kind,settings\n"
        .to_owned();
    for row in rows {
        let rate = |rate: Option<tokmark_model::TokensPerSecond>| {
            rate.map_or_else(String::new, |rate| rate.get().to_string())
        };
        let notes: Vec<String> = row.notes.iter().map(super::words::note).collect();
        let kind = serde_json::to_value(row.kind).ok();
        let status = serde_json::to_value(row.status).ok();
        let fields = [
            row.id.to_string(),
            row.run_id.to_string(),
            row.created_at.to_string(),
            status.and_then(|s| s.as_str().map(str::to_owned)).unwrap_or_default(),
            row.model_name.clone(),
            row.model_sha256.clone().unwrap_or_default(),
            row.quantization.clone().unwrap_or_default(),
            row.label.clone(),
            row.engine.clone(),
            row.backends.clone(),
            row.machine_fingerprint.clone(),
            rate(row.rate_tps),
            rate(row.rate_low_tps),
            rate(row.rate_high_tps),
            row.grade.map(|grade| format!("{grade:?}")).unwrap_or_default(),
            row.tags.join(" "),
            notes.join("; "),
            kind.and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default(),
            row.settings.clone(),
        ];
        text += &line(fields.iter().map(String::as_str));
    }
    text
}
