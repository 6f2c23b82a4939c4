//! Runs as files: how large they may be, and what they are called.

use tokmark_board::{read_run, run_file_name, write_run};
use tokmark_model::{Nanos, Repetition, Uuid};

#[test]
fn a_record_with_many_token_times_reads_back_equal() {
    let mut record = read_run(
        "x",
        "tokmark_run: 1\nmodel: M-1B\nhardware: h\nengine: e\nbackend: CPU\nsource: s\n\
         date: 2026-04\nrates_tps: {tg128: 80}\n",
    )
    .unwrap()
    .remove(0);
    let token_ns = |n: u64| (0..4096).map(|token| Nanos(8_000_000 + token * n)).collect();
    record.samples =
        (0..20).map(|n| Repetition { token_ns: token_ns(n), ..Repetition::default() }).collect();
    let yaml = write_run(&record);
    assert!(yaml.len() < tokmark_board::MAX_FILE_BYTES as usize);
    assert_eq!(read_run("x", &yaml).unwrap(), [record]);
}

#[test]
fn names_of_files_are_plain_whatever_the_record_says() {
    let mut record = read_run(
        "x",
        "tokmark_run: 1\nmodel: Org/SmolLM2-135M\nquantization: Q4_1\nhardware: h\nengine: e\n\
         backend: CPU\nsource: s\ndate: 2026-04\nrates_tps: {tg128 @ d512: 80}\n",
    )
    .unwrap()
    .remove(0);
    record.id = Uuid::from_u128(0x0198c0de << 96);
    assert_eq!(run_file_name(&record), "smollm2-135m-q4_1-tg128-d512-0198c0de.yaml");
    record.model.name = "../../etc/..\\\u{0}passwd.gguf".to_owned();
    assert_eq!(run_file_name(&record), "passwd-q4_1-tg128-d512-0198c0de.yaml");
    record.model.name = "..".to_owned();
    record.model.label = Some("/".to_owned());
    assert_eq!(run_file_name(&record), "tg128-d512-0198c0de.yaml");
}
