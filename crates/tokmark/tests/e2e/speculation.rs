//! A real server that drafts: the same one without and with speculative decoding, on the same
//! prompts.

use tokmark_model::Record;

use crate::support::{Home, real_model, servers};

const SHIPPED: &str = include_str!("../../../../recipes/xllamacpp.yaml");

/// The model drafts for itself: every draft is accepted, and nothing is gained.
const DRAFTING: [&str; 4] = [
    "kind = xllamacpp.common_speculative_type",
    "params.speculative.types = [kind.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]",
    "params.speculative.draft.mparams.path = sys.argv[1]",
    "server = xllamacpp.Server(params)",
];

/// The shipped recipe twice, once with a draft.
fn recipes() -> String {
    let entry = |name: &str, server: &[&str]| {
        let own = SHIPPED
            .replace("name: xllamacpp\n", &format!("name: {name}\n"))
            .replace(DRAFTING[3], &server.join("\n    "));
        let lines = own.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| format!("    {line}\n")).collect::<String>().replacen("    ", "  - ", 1)
    };
    let plain = entry("without", &DRAFTING[3..]);
    format!("recipes:\n{plain}{}", entry("with-draft", &DRAFTING))
}

#[test]
fn drafted_and_accepted_tokens_of_a_real_server_are_told_with_the_speed_up() {
    let home = Home::new();
    let file = home.write("both.yaml", recipes().as_bytes()).to_string_lossy().into_owned();
    let model = real_model().to_string_lossy().into_owned();
    let args = ["load", "--recipe", &file, "--recipe-model", &model, "--calibrate", "off"];
    let asked = ["-c", "1", "-n", "6", "--prompt-tokens", "48", "--max-tokens", "16"];
    let run = |format: &str| {
        let more = ["--temperature", "0", "-o", format];
        let mut command = home.command(&[&args[..], &asked, &more].concat());
        let output = command.env("PYTHONPATH", servers().join("xllamacpp")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    let records: Vec<Record> = serde_json::from_str(&run("json")[0]).unwrap();
    assert_eq!(records.len(), 2);
    assert!(records[0].speculation.as_ref().is_none_or(|found| found.n_drafted == 0));
    let drafting = records[1].speculation.as_ref().expect("the second server drafts");
    assert!(drafting.n_accepted > 0 && drafting.n_accepted <= drafting.n_drafted, "{drafting:?}");
    let said = run("table").concat();
    assert!(said.contains("speculation makes with-draft"), "{said}");
}
