//! Pages: whole without a script, harmless whatever stands in records.

use crate::support::{Running, SUBMIT, sound};
use serde_json::Value;

crate::on_both_databases! {
    every_page_is_written_with_and_without_records
    what_records_say_is_text_and_never_markup
    a_chart_comes_with_the_figures_of_its_table_as_data
    names_in_the_data_of_a_chart_end_no_element
    the_script_of_charts_asks_no_other_host_and_carries_its_licences
    no_page_loads_anything_from_another_host_or_runs_what_stands_in_it
    the_wizard_writes_a_job_and_says_what_is_wrong_with_one
    the_wizard_estimates_the_duration_from_what_the_machine_measured
    a_model_has_all_of_its_quantizations_on_one_page
    workloads_keep_back_ends_apart
}

/// Every page that has an address of its own.
const PAGES: [&str; 14] = [
    "/leaderboard",
    "/benchmarks",
    "/workloads",
    "/latency",
    "/engines",
    "/models",
    "/hardware",
    "/history",
    "/compare",
    "/wizard",
    "/jobs",
    "/quality",
    "/definitions",
    "/login",
];

fn every_page_is_written_with_and_without_records() {
    let server = Running::start();
    for _ in 0..2 {
        for path in PAGES.iter().chain(&["/api"]) {
            let (status, body) = server.get(path);
            assert_eq!(status, 200, "{path}: {body}");
            assert!(body.contains("<h1>") && body.contains("</html>"), "{path}");
        }
        server.send(&[sound(1, 9), sound(2, 9)]);
    }
    let record = sound(1, 9);
    for path in [
        format!("/benchmarks/{}", record.id),
        format!("/compare?ids={},{}", record.id, sound(2, 9).id),
        "/models/SmolLM2-135M-Instruct.Q4_1".to_owned(),
        "/hardware/f00d".to_owned(),
    ] {
        let (status, body) = server.get(&path);
        assert_eq!(status, 200, "{path}: {body}");
    }
    assert_eq!(server.get("/models/unknown").0, 404);
    assert_eq!(server.get("/nowhere").0, 404);
}

fn what_records_say_is_text_and_never_markup() {
    let server = Running::start();
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let mut record = sound(1, 9);
    record.model.name = evil.to_owned();
    record.engine.name = evil.to_owned();
    record.engine.backends = evil.to_owned();
    record.machine.cpu.model = Some(evil.to_owned());
    record.machine.fingerprint = evil.to_owned();
    record.notes = vec![tokmark_model::Note { at: record.created_at, text: evil.to_owned() }];
    record.tags = vec![evil.to_owned()];
    let (status, answer) = server.send(std::slice::from_ref(&record));
    assert_eq!(status, 200, "{answer}");
    let own = format!("/benchmarks/{}", record.id);
    let of_model = "/models/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%3E%3Cimg%20src%3Dx%20onerror%3Dalert(2)%3E";
    let with_filter = "/leaderboard?family=%3Cscript%3Ealert(1)%3C/script%3E";
    for path in PAGES.iter().copied().chain([own.as_str(), of_model, with_filter]) {
        let (status, body) = server.get(path);
        assert_eq!(status, 200, "{path}");
        assert!(!body.contains("<script>alert"), "{path}");
        assert!(!body.contains("<img src=x"), "{path}");
    }
}

/// What stands between `from` and `to`, the first time.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to} after {from}")).0
}

/// The first chart of a page as data.
fn chart(page: &str) -> Value {
    let data = between(page, "class=\"chart-data\">", "</script>");
    assert!(!data.contains('<'), "{data}");
    serde_json::from_str(data).unwrap()
}

fn a_chart_comes_with_the_figures_of_its_table_as_data() {
    let server = Running::start();
    let record = sound(1, 9);
    server.send(std::slice::from_ref(&record));
    let (_, page) = server.get(&format!("/benchmarks/{}", record.id));
    assert!(page.contains("<script src=\"/assets/charts.js\" defer>"), "{page}");
    let data = chart(&page);
    let points = data["drawing"]["series"][0]["lines"][0].as_array().unwrap();
    let table = between(&page, "<tbody>\n<tr><th scope=\"row\" dir=\"auto\">", "</tbody>");
    let rows: Vec<&str> = table.split("<tr>").collect();
    assert_eq!((points.len(), rows.len()), (9, 9), "{table}");
    for (point, row) in points.iter().zip(rows) {
        let rate = tokmark_plot::number(point[1].as_f64().unwrap());
        assert_eq!(between(row, "<td dir=\"auto\">", "</td>"), rate);
    }
    assert_eq!(data["drawing"]["y"]["title"], "Rate (tok/s)");
    let (_, page) = server.get("/definitions");
    assert!(!page.contains("charts.js"), "{page}");
}

fn names_in_the_data_of_a_chart_end_no_element() {
    let server = Running::start();
    let evil = "</script><script>alert(1)</script><!--";
    let mut record = sound(1, 9);
    record.machine.cpu.model = Some(evil.to_owned());
    record.engine.backends = evil.to_owned();
    server.send(std::slice::from_ref(&record));
    let (_, page) = server.get("/models/SmolLM2-135M-Instruct.Q4_1");
    let data = chart(&page);
    let label = data["drawing"]["groups"][0]["label"].as_str().unwrap();
    assert!(label.contains(evil), "{label}");
}

fn the_script_of_charts_asks_no_other_host_and_carries_its_licences() {
    let server = Running::start();
    let (status, script) = server.get("/assets/charts.js");
    assert_eq!(status, 200);
    assert!(script.contains("Apache-2.0") && !script.contains("new Function"));
    for part in script.split(['"', '\'', '`']).filter(|part| part.starts_with("http")) {
        let is_address = part.starts_with("http://") || part.starts_with("https://");
        assert!(!is_address || part.starts_with("http://www.w3.org/"), "{part}");
    }
    let (status, licences) = server.get("/assets/charts.LICENSE.txt");
    assert_eq!(status, 200);
    assert!(licences.contains("Apache License") && licences.contains("Redistributions in binary"));
}

fn no_page_loads_anything_from_another_host_or_runs_what_stands_in_it() {
    let server = Running::start();
    server.send(&[sound(1, 9)]);
    for path in PAGES {
        let (_, body) = server.get(path);
        for part in body.split(['"', '\'']) {
            let is_foreign = part.starts_with("http://")
                || part.starts_with("https://")
                || part.starts_with("//");
            assert!(!is_foreign || part.starts_with("http://www.w3.org/"), "{path}: {part}");
        }
        assert!(!body.contains("onclick=") && !body.contains(" style=\""), "{path}");
        assert!(!body.contains("<style"), "{path}");
    }
}

fn the_wizard_writes_a_job_and_says_what_is_wrong_with_one() {
    let server = Running::start();
    let hello = serde_json::json!({
        "machine": { "fingerprint": "f00d", "cpu": { "model": "A processor" } },
        "models": [{ "name": "a.Q4_1" }, { "name": "b.Q8_0" }],
        "tool": { "name": "tokmark", "version": "0" },
    });
    let agent = "/api/agents/01930000-0000-7000-8000-00000000000a/claim";
    assert_eq!(server.post(agent, SUBMIT, hello.to_string().as_bytes()).0, 204);
    let (_, page) = server.get("/wizard");
    assert!(page.contains("a.Q4_1") && page.contains("b.Q8_0"), "{page}");
    let headers = [
        ("authorization", "Bearer tkm_submit"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let form = "model=a.Q4_1&kind=compare&context=512&generation=64&repetitions=";
    let (status, page) = server.post_with("/wizard", form.as_bytes(), &headers);
    assert_eq!(status, 400);
    let form_of_a_short_one =
        "model=a.Q4_1&model=b.Q8_0&kind=compare&context=100&generation=64&repetitions=";
    let refused = server.post_with("/wizard", form_of_a_short_one.as_bytes(), &headers).1;
    assert!(refused.contains("Context is 256 to 4096"), "by the form's own name: {refused}");
    assert!(page.contains("takes 2 to 4 models") && page.contains("role=\"alert\""), "{page}");
    let form = "model=a.Q4_1&model=b.Q8_0&kind=compare&context=512&generation=64&repetitions=";
    let (status, _) = server.post_with("/wizard", form.as_bytes(), &headers);
    assert_eq!(status, 303);
    let jobs = server.json("/api/jobs");
    assert_eq!(jobs["rows"][0]["spec"]["models"], serde_json::json!(["a.Q4_1", "b.Q8_0"]));
    let (_, page) = server.get(&format!("/jobs/{}", jobs["rows"][0]["id"].as_str().unwrap()));
    assert!(page.contains("<progress"), "{page}");
    assert_eq!(server.post_with("/wizard", form.as_bytes(), &headers[1..]).0, 401);
}

fn the_wizard_estimates_the_duration_from_what_the_machine_measured() {
    let server = Running::start();
    let hello = serde_json::json!({
        "machine": { "fingerprint": "f00d", "cpu": { "model": "A processor" } },
        "models": [
            { "name": "SmolLM2-135M-Instruct.Q4_1", "file_size_bytes": 1_000 },
            { "name": "b.Q8_0", "file_size_bytes": 2_000 },
        ],
        "tool": { "name": "tokmark", "version": "0" },
    });
    let agent = "/api/agents/01930000-0000-7000-8000-00000000000a/claim";
    assert_eq!(server.post(agent, SUBMIT, hello.to_string().as_bytes()).0, 204);
    let seen = |query: &str| {
        let (status, page) = server.get(&format!("/wizard?step=estimate&{query}"));
        assert_eq!(status, 200, "{page}");
        let said = ["<p role=\"status\" id=\"seen\">", "class=\"refused\">"];
        let said = said.into_iter().find(|begin| page.contains(begin)).unwrap_or("nothing is said");
        between(&page, said, "</p>").to_owned()
    };
    let both =
        "kind=compare&model=SmolLM2-135M-Instruct.Q4_1&model=b.Q8_0&context=256&generation=32";
    assert!(seen(both).starts_with("Nothing comparable was measured"), "{}", seen(both));

    // 128 tokens in some 0.312 s, 512 of a prompt in as long: 2.44 ms and 0.609 ms a token.
    let test = tokmark_model::Test::pp(512);
    let prompt = tokmark_model::Record { test, summary: None, grade: None, ..sound(2, 9) };
    let prompt = tokmark_stats::recomputed(&prompt, |_| None).unwrap();
    assert_eq!(server.send(&[sound(1, 9), prompt]).0, 200);
    // A visit: 4 x (256 x 0.609 + 32 x 2.44) + 256 x 0.609 = 1.09 s, of the larger one twice that.
    // Twice there and back are 4 rounds, 13.1 s.
    let fixed = seen(&format!("{both}&repetitions=2"));
    assert!(fixed.starts_with("Estimated duration: 14 s. b.Q8_0 was not measured"), "{fixed}");
    // At most 40 rounds fit; a verdict takes 7.
    let adaptive = seen(both);
    assert!(adaptive.starts_with("Estimated duration: 23 s, at most about 3 min."), "{adaptive}");
    // 20 repetitions and 3 to warm up, of 0.312 s each, in two tests.
    let quick = seen("kind=quick&model=SmolLM2-135M-Instruct.Q4_1");
    assert!(quick.starts_with("Estimated duration: 15 s, at most about 3 min."), "{quick}");
    assert!(quick.ends_with("of these models before."), "{quick}");
    let suite = "kind=suite&model=SmolLM2-135M-Instruct.Q4_1&n_gen=128&n_parallel=1,2";
    let suite = seen(&format!("{suite}&repetitions=10"));
    assert!(suite.starts_with("Estimated duration: 9 s."), "{suite}");

    assert!(seen("kind=compare&model=b.Q8_0&context=256&generation=32").contains("2 to 4 models"));
    assert!(seen(&format!("{both}&machine=other")).starts_with("No connected machine"));
    assert_eq!(server.json("/api/jobs")["rows"], serde_json::json!([]));
}

fn a_model_has_all_of_its_quantizations_on_one_page() {
    let server = Running::start();
    let mut large = sound(2, 9);
    large.model.name = "SmolLM2-135M-Instruct.Q8_0".to_owned();
    large.model.quantization = Some("Q8_0".to_owned());
    large.model.sha256 = Some("cd34".to_owned());
    large.model.file_size_bytes = tokmark_model::Bytes(145_000_000);
    let mut small = sound(1, 9);
    small.model.file_size_bytes = tokmark_model::Bytes(98_000_000);
    let mut other = sound(3, 9);
    other.model.name = "SmolLM2-360M-Instruct.Q8_0".to_owned();
    other.model.sha256 = Some("ef56".to_owned());
    assert_eq!(server.send(&[small, large, other]).0, 200);
    let (_, page) = server.get("/models/SmolLM2-135M-Instruct.Q4_1");
    assert!(page.contains("SmolLM2-135M-Instruct.Q8_0"), "{page}");
    assert!(!page.contains("SmolLM2-360M"), "another size is another model: {page}");
    assert!(page.contains("Rate of tg128 over file size"), "{page}");
    let table = between(&page, "Newest figures of each, fastest first</caption>", "</table>");
    let rates: Vec<f64> = (table.split("<td class=\"number\">").skip(1))
        .filter_map(|cell| cell.split("</td>").next()?.parse().ok())
        .filter(|number| *number > 2.0)
        .collect();
    assert_eq!(rates.len(), 2, "{table}");
    assert!(rates[0] >= rates[1], "{rates:?}");
}

fn workloads_keep_back_ends_apart() {
    let server = Running::start();
    let recorded = include_str!("../../../tokmark/tests/browser/records.json");
    let recorded: Vec<tokmark_model::Record> = serde_json::from_str(recorded).unwrap();
    let point = recorded.into_iter().find(|record| record.serving.is_some()).unwrap();
    let with = |n: u128, backends: &str| {
        let mut record = point.clone();
        record.id = tokmark_model::Uuid::from_u128(point.id.as_u128() + n);
        record.engine.backends = backends.to_owned();
        record
    };
    let (status, answer) = server.send(&[with(1, "CUDA"), with(2, "Vulkan")]);
    assert_eq!(status, 200, "{answer}");
    let (_, page) = server.get("/workloads");
    assert!(page.contains("2 configurations, fastest first"), "{page}");
    assert!(page.contains("CUDA") && page.contains("Vulkan"), "{page}");
    let (_, page) = server.get("/latency");
    assert!(page.contains("2 load points, shortest time first"), "{page}");
    let (_, page) = server.get("/latency?limit=1");
    assert!(page.contains("shortest time first; 1 slower ones are not shown"), "{page}");
}
