//! Grouping, ranges, filters, order and ranks of a leaderboard.

use tokmark_board::{Column, Families, Family, Leaderboard, Line, NoRank, Query, leaderboard};
use tokmark_model::{BoardRow, Conditions, GradeLetter, RecordKind, TokensPerSecond, Uuid};

fn row(model: &str, shape: &str, rate: f64) -> BoardRow {
    let n = model
        .bytes()
        .chain(shape.bytes())
        .fold(rate.to_bits(), |n, byte| n.wrapping_mul(31).wrapping_add(u64::from(byte)));
    BoardRow {
        id: Uuid::from_u128(u128::from(n)),
        kind: RecordKind::Measured,
        created_at: "2026-11-20T10:00:00Z".parse().unwrap(),
        family: model.split('-').next().unwrap().to_owned(),
        model_name: model.to_owned(),
        variant: model.split_once('-').map_or(model, |(_, rest)| rest).to_owned(),
        model_sha256: Some(format!("{model}-hash")),
        quantization: Some("Q4_1".into()),
        n_params: Some(1_000),
        file_size_bytes: None,
        hardware: "Box".into(),
        machine_fingerprint: "m1".into(),
        power_cap_w: None,
        engine: "llama.cpp".into(),
        engine_version: "b7000".into(),
        backends: "CPU".into(),
        n_gpus: 0,
        settings: "t8".into(),
        label: shape.to_owned(),
        shape: shape.to_owned(),
        is_serving: false,
        concurrency: Some(1),
        rate_tps: Some(TokensPerSecond(rate)),
        rate_low_tps: Some(TokensPerSecond(rate * 0.99)),
        rate_high_tps: Some(TokensPerSecond(rate * 1.01)),
        is_range: false,
        ttft_p50_ms: None,
        grade: Some(GradeLetter::A),
        source: None,
        disputed: None,
        conditions: Conditions::default(),
    }
}

/// The row with the conditions that its other fields tell of.
fn told(row: &BoardRow) -> BoardRow {
    let name = |text: String| Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes());
    let machine = Some(&row.machine_fingerprint).filter(|own| !own.is_empty());
    let stack = row.model_sha256.as_ref().map(|hash| {
        let BoardRow { engine, engine_version, backends, settings, .. } = row;
        format!("{hash} {engine} {engine_version} {backends} {settings}")
    });
    let conditions = Conditions {
        workload: Some(name(format!("{:?} {}", row.kind, row.label))),
        stack: stack.map(name),
        hardware: machine.map(|machine| name(machine.clone())),
    };
    BoardRow { conditions, ..row.clone() }
}

fn chat(model: &str, concurrency: u32, rate: f64, ttft: f64) -> BoardRow {
    BoardRow {
        label: format!("chat x {concurrency}"),
        concurrency: Some(concurrency),
        is_serving: true,
        ttft_p50_ms: Some(ttft),
        settings: String::new(),
        ..row(model, "chat", rate)
    }
}

fn published(model: &str, low: f64, high: f64) -> BoardRow {
    BoardRow {
        kind: RecordKind::Published,
        rate_tps: None,
        rate_low_tps: Some(TokensPerSecond(low)),
        rate_high_tps: Some(TokensPerSecond(high)),
        is_range: true,
        grade: None,
        source: Some("a page".into()),
        model_sha256: None,
        machine_fingerprint: String::new(),
        ..row(model, "all workloads", low)
    }
}

fn board(rows: &[BoardRow], query: &str) -> Leaderboard {
    let rows: Vec<BoardRow> = rows.iter().map(told).collect();
    leaderboard(&rows, &Families::default(), &Query::parse(query).unwrap())
}

fn lines(rows: &[BoardRow], query: &str) -> Vec<Line> {
    board(rows, query).groups.into_iter().flat_map(|group| group.rows).collect()
}

fn names(rows: &[BoardRow], query: &str) -> Vec<String> {
    lines(rows, query).into_iter().map(|line| line.model_name).collect()
}

#[test]
fn families_are_grouped_latest_first_and_unknown_ones_last() {
    let family = |name: &str, released: &str| Family {
        family: name.into(),
        also: Vec::new(),
        released: Some(released.into()),
        source: None,
        n_source_runs: None,
        note: None,
    };
    let families = Families::new(vec![family("old", "2024-01"), family("NEW", "2026-02")]);
    let rows: Vec<_> = ["x-1B", "old-1B", "new-1B", "a-1B", "old-2B"]
        .map(|model| row(model, "tg128", 10.0))
        .into();
    let board = leaderboard(&rows, &families, &Query::default());
    let groups: Vec<_> = board
        .groups
        .iter()
        .map(|group| (group.family.as_str(), group.released.as_deref(), group.rows.len()))
        .collect();
    let expected =
        [("new", Some("2026-02"), 1), ("old", Some("2024-01"), 2), ("a", None, 1), ("x", None, 1)];
    assert_eq!(groups, expected);
    assert_eq!((board.n_rows, board.sentence.as_str()), (5, "5 rows, fastest first"));
}

#[test]
fn without_a_shape_the_rate_is_the_range_over_shapes_that_generate() {
    let rows = [
        row("m-1B", "tg128", 52.0),
        row("m-1B", "tg128 @ d4096", 40.5),
        row("m-1B", "pp512", 1263.0),
        chat("m-1B", 1, 49.0, 80.0),
    ];
    let found = lines(&rows, "");
    let texts: Vec<_> =
        found.iter().map(|line| (line.shape_text.as_str(), line.rate_text.as_str())).collect();
    assert_eq!(texts, [("chat", "49.00 (48.51–49.49)"), ("2 shapes", "40.50–52.00")]);
    assert!(found[1].is_range && !found[0].is_range);
    assert_eq!(found[1].rate_words, "40.50 to 52.00 tokens per second over the shapes");
    assert_eq!(found[0].rate_words, "49.00 tokens per second, interval 48.51 to 49.49");
    let found = board(&rows, "");
    assert_eq!((found.sentence.as_str(), found.n_prompt_rows), ("2 rows, fastest first", 1));
    let prompt = lines(&rows, "shape=pp512");
    assert_eq!(prompt[0].rate_text, "1263 (1250–1276)");
    assert_eq!(board(&rows, "shape=pp512").sentence, "1 row");
}

#[test]
fn what_differs_in_more_than_the_shape_is_another_line() {
    let base = row("m-1B", "tg128", 50.0);
    let mut rows = vec![base.clone()];
    let add = |rows: &mut Vec<BoardRow>, change: fn(&mut BoardRow)| {
        let mut other = BoardRow { shape: "tg256".into(), label: "tg256".into(), ..base.clone() };
        other.id = Uuid::from_u128(rows.len() as u128);
        change(&mut other);
        rows.push(other);
    };
    add(&mut rows, |row| row.model_sha256 = Some("other".into()));
    add(&mut rows, |row| row.quantization = None);
    add(&mut rows, |row| row.machine_fingerprint = "m2".into());
    add(&mut rows, |row| row.engine_version = "b7001".into());
    add(&mut rows, |row| row.backends = "CUDA".into());
    add(&mut rows, |row| row.settings = "t4".into());
    add(&mut rows, |row| row.concurrency = Some(4));
    add(&mut rows, |row| row.kind = RecordKind::Imported);
    add(&mut rows, |row| row.is_serving = true);
    add(&mut rows, |row| row.power_cap_w = Some(200.0));
    assert_eq!(lines(&rows, "").len(), rows.len());
    add(&mut rows, |_| {});
    assert_eq!(lines(&rows, "").len(), rows.len() - 1);
}

#[test]
fn of_two_rows_of_one_shape_the_newest_counts() {
    let old = row("m-1B", "tg128", 50.0);
    let mut new = row("m-1B", "tg128", 60.0);
    new.created_at = "2026-11-21T10:00:00Z".parse().unwrap();
    let found = lines(&[new.clone(), old], "");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].records, [new.id]);
    assert_eq!(found[0].date_text, "2026-11-21");
}

#[test]
fn open_loops_of_different_rates_are_different_lines() {
    let open = |rate: &str, id| BoardRow {
        id: Uuid::from_u128(id),
        label: format!("chat {rate}"),
        concurrency: None,
        ..chat("m-1B", 1, 30.0, 10.0)
    };
    let found = lines(&[open("2/s poisson", 1), open("4/s poisson", 2)], "");
    let texts: Vec<_> = found.iter().map(|line| line.concurrency_text.as_str()).collect();
    assert_eq!(texts, ["2/s poisson", "4/s poisson"]);
}

#[test]
fn filters_take_what_has_all_that_is_asked() {
    let mut rows = vec![
        row("a-1B", "tg128", 10.0),
        row("b-2B", "tg128", 20.0),
        chat("c-3B", 4, 30.0, 50.0),
        published("d-4B", 40.0, 44.0),
    ];
    rows[1].backends = "CUDA,BLAS".into();
    rows[1].grade = Some(GradeLetter::D);
    rows[1].n_params = Some(2_000);
    rows[1].hardware = "2 x RTX".into();
    rows[2].quantization = None;
    rows[2].n_params = None;
    for (query, expected) in [
        ("", vec!["a-1B", "b-2B", "c-3B", "d-4B"]),
        ("family=a", vec!["a-1B"]),
        ("model=b-2B", vec!["b-2B"]),
        ("model_sha256=c-3B-hash", vec!["c-3B"]),
        ("hardware=2+x+RTX", vec!["b-2B"]),
        ("hardware=2%20x", vec![]),
        ("machine=m1", vec!["a-1B", "b-2B", "c-3B"]),
        ("backend=cuda", vec!["b-2B"]),
        ("backend=CUDA&family=a", vec![]),
        ("engine=llama.cpp", vec!["a-1B", "b-2B", "c-3B", "d-4B"]),
        ("quantization=Q4_1", vec!["a-1B", "b-2B", "d-4B"]),
        ("shape=chat", vec!["c-3B"]),
        ("concurrency=4", vec!["c-3B"]),
        ("min_params=1500", vec!["b-2B"]),
        ("min_params=0.0015M", vec!["b-2B"]),
        ("min_params=3b", vec![]),
        ("max_params=1500", vec!["a-1B", "d-4B"]),
        ("grade_at_least=A", vec!["a-1B", "c-3B"]),
        ("grade_at_least=D", vec!["a-1B", "b-2B", "c-3B"]),
        ("kind=published", vec!["d-4B"]),
        ("is_serving=true", vec!["c-3B"]),
        ("is_serving=false", vec!["a-1B", "b-2B", "d-4B"]),
        ("limit=2", vec!["c-3B", "d-4B"]),
        ("limit=0", vec![]),
        ("family=&model=", vec!["a-1B", "b-2B", "c-3B", "d-4B"]),
    ] {
        let mut found = names(&rows, query);
        found.sort();
        assert_eq!(found, expected, "{query}");
    }
}

#[test]
fn every_column_sorts_in_both_directions_and_the_unknown_comes_last() {
    let mut rows = vec![
        row("m-2.6B", "tg128", 30.0),
        row("m-27B", "tg128", 10.0),
        chat("m-8B", 4, 20.0, 70.0),
        chat("m-9B", 16, 25.0, 50.0),
    ];
    rows[0].quantization = None;
    rows[0].hardware = "GPU 10".into();
    rows[1].quantization = Some("Q8_0".into());
    rows[1].hardware = "GPU 9".into();
    rows[1].grade = None;
    rows[2].engine_version = "b10000".into();
    rows[3].grade = Some(GradeLetter::C);
    rows[3].created_at = "2026-01-01T00:00:00Z".parse().unwrap();
    let of = |query: &str| names(&rows, query);
    for (query, first) in [
        ("sort=variant", "m-2.6B"),
        ("sort=variant&direction=desc", "m-27B"),
        ("sort=quantization", "m-8B"),
        ("sort=quantization&direction=desc", "m-27B"),
        ("sort=hardware&family=m", "m-8B"),
        ("sort=engine&direction=desc", "m-8B"),
        ("sort=concurrency&direction=desc", "m-9B"),
        ("sort=rate", "m-2.6B"),
        ("sort=rate&direction=asc", "m-27B"),
        ("sort=ttft", "m-9B"),
        ("sort=ttft&direction=desc", "m-8B"),
        ("sort=grade&direction=desc", "m-9B"),
        ("sort=date&direction=asc", "m-9B"),
    ] {
        assert_eq!(of(query)[0], first, "{query}");
    }
    assert_eq!(of("sort=variant"), ["m-2.6B", "m-8B", "m-9B", "m-27B"]);
    for direction in ["asc", "desc"] {
        assert_eq!(of(&format!("sort=quantization&direction={direction}"))[3], "m-2.6B");
        assert_eq!(of(&format!("sort=grade&direction={direction}"))[3], "m-27B");
    }
    for column in Column::ALL {
        let query = Query::default().sorted_by(column);
        let up = leaderboard(&rows, &Families::default(), &query);
        assert!(up.sentence.starts_with("4 rows, "), "{}", up.sentence);
        assert!(!column.definition().is_empty() && !column.title().is_empty());
        assert_ne!(query.aria_sort(column), "none");
        assert_ne!(query.sorted_by(column).direction, query.direction);
    }
    assert_eq!(Query::default().aria_sort(Column::Rate), "descending");
    assert_eq!(Query::default().aria_sort(Column::Grade), "none");
}

#[test]
fn the_order_does_not_depend_on_that_of_the_rows() {
    let rows: Vec<_> =
        (0..20).map(|n| row(&format!("m-{n}B"), "tg128", 10.0 + f64::from(n % 3))).collect();
    let mut turned = rows.clone();
    turned.reverse();
    assert_eq!(board(&rows, ""), board(&turned, ""));
}

fn ranks(rows: &[BoardRow], query: &str) -> Vec<(String, String, Option<NoRank>)> {
    let lines = lines(rows, query).into_iter();
    lines.map(|line| (line.model_name, line.rank_text, line.no_rank)).collect()
}

fn ranked(name: &str, rank: &str) -> (String, String, Option<NoRank>) {
    (name.to_owned(), rank.to_owned(), None)
}

fn unranked(name: &str, why: NoRank) -> (String, String, Option<NoRank>) {
    (name.to_owned(), "–".to_owned(), Some(why))
}

#[test]
fn lines_are_ranked_where_their_intervals_part_and_tied_otherwise() {
    let rows = [
        row("m-1B", "tg128", 100.0),
        row("m-2B", "tg128", 99.0),
        row("m-3B", "tg128", 97.5),
        row("m-4B", "tg128", 50.0),
        row("m-5B", "tg128", 200.0),
    ];
    let expected = [
        ranked("m-5B", "1"),
        ranked("m-1B", "tied 2–4"),
        ranked("m-2B", "tied 2–4"),
        ranked("m-3B", "tied 2–4"),
        ranked("m-4B", "5"),
    ];
    assert_eq!(ranks(&rows, "shape=tg128"), expected);
    // One shape for all is as good as a chosen one.
    assert_eq!(ranks(&rows, ""), expected);
}

#[test]
fn kinds_works_and_ranges_are_never_ranked_together() {
    let mut imported = row("m-6B", "tg128", 300.0);
    imported.kind = RecordKind::Imported;
    let mut summary = row("m-7B", "tg128", 301.0);
    summary.kind = RecordKind::ImportedSummary;
    let mut no_interval = row("m-8B", "tg128", 302.0);
    no_interval.rate_low_tps = None;
    let mut parallel = row("m-9B", "tg128", 303.0);
    parallel.label = "tg128 x 4".into();
    parallel.concurrency = Some(4);
    let rows = [
        row("m-1B", "tg128", 100.0),
        row("m-2B", "tg128", 90.0),
        row("m-3B", "tg256", 304.0),
        chat("m-4B", 1, 305.0, 1.0),
        published("m-5B", 500.0, 510.0),
        imported,
        summary,
        no_interval,
        parallel,
        row("m-10B", "tg128", 306.0),
        row("m-10B", "tg512", 307.0),
    ];
    let expected = [
        unranked("m-5B", NoRank::Kind),
        unranked("m-10B", NoRank::Range),
        unranked("m-4B", NoRank::Alone),
        unranked("m-3B", NoRank::Alone),
        unranked("m-9B", NoRank::Alone),
        unranked("m-8B", NoRank::NoInterval),
        unranked("m-7B", NoRank::Kind),
        unranked("m-6B", NoRank::Alone),
        ranked("m-1B", "1"),
        ranked("m-2B", "2"),
    ];
    assert_eq!(ranks(&rows, ""), expected);
    for line in lines(&rows, "") {
        assert_eq!(line.rank.is_none(), line.no_rank.is_some());
        assert!(line.no_rank.is_none_or(|why| !why.reason().is_empty()));
    }
}

#[test]
fn levels_of_comparability_have_rankings_of_their_own() {
    let on = |model: &str, machine: &str, rate| BoardRow {
        machine_fingerprint: machine.into(),
        hardware: format!("Box {machine}"),
        ..row(model, "tg128", rate)
    };
    let mut unhashed = on("m-3B", "m1", 10.0);
    unhashed.model_sha256 = None;
    let rows = [on("m-1B", "m1", 100.0), on("m-1B", "m2", 80.0), on("m-2B", "m1", 90.0), unhashed];
    let of = |level: &str| -> Vec<_> {
        ranks(&rows, &format!("level={level}")).into_iter().map(|(_, rank, _)| rank).collect()
    };
    assert_eq!(of("workload_only"), ["1", "2", "3", "4"]);
    assert_eq!(of("same_stack"), ["1", "–", "2", "–"]);
    assert_eq!(of("same_hardware_and_stack"), ["–"; 4]);
    assert_eq!(of("none"), ["–"; 4]);
    let why: Vec<_> = ranks(&rows, "level=same_stack").into_iter().map(|line| line.2).collect();
    assert_eq!(why, [None, Some(NoRank::Alone), None, Some(NoRank::Unknown)]);
}

#[test]
fn what_no_column_shows_keeps_lines_apart() {
    let mut rows = [told(&row("m-1B", "tg128", 100.0)), told(&row("m-1B", "tg128", 80.0))];
    rows[1].conditions.stack = Some(Uuid::from_u128(7));
    let query = Query::parse("level=same_stack").unwrap();
    let shown = leaderboard(&rows, &Families::default(), &query);
    let why: Vec<_> = shown.groups[0].rows.iter().map(|line| line.no_rank).collect();
    assert_eq!(why, [Some(NoRank::Alone); 2]);
    rows[1] = told(&row("m-2B", "tg128", 80.0));
    rows[1].conditions.workload = Some(Uuid::from_u128(8));
    let query = Query::parse("level=workload_only").unwrap();
    let shown = leaderboard(&rows, &Families::default(), &query);
    assert!(shown.groups[0].rows.iter().all(|line| line.no_rank == Some(NoRank::Alone)));
}

#[test]
fn texts_of_a_line_are_finished() {
    let mut line = chat("m-1B", 4, 412.34, 51.26);
    line.n_gpus = 2;
    line.hardware = "2 x RTX 3090".into();
    line.power_cap_w = Some(200.0);
    line.quantization = None;
    line.grade = Some(GradeLetter::B);
    let line = &lines(&[line], "")[0];
    assert_eq!(line.gpus_text.as_deref(), Some("2 GPUs"));
    assert_eq!(line.power_cap_text.as_deref(), Some("capped at 200 W"));
    assert_eq!(line.engine_text, "llama.cpp b7000 (CPU)");
    assert_eq!(line.quantization_text, "unknown");
    assert_eq!(line.rate_text, "412.3 (408.2–416.5)");
    assert_eq!(line.ttft_text.as_deref(), Some("51.26"));
    assert_eq!((line.kind_text, line.concurrency_text.as_str()), ("measured", "4"));
    let published = &lines(&[published("m-1B", 181.1, 195.1)], "")[0];
    assert_eq!(published.rate_text, "181.1–195.1");
    assert_eq!((published.settings.as_str(), published.kind_text), ("", "published"));
}

#[test]
fn a_leaderboard_is_json_for_other_generators() {
    let value = serde_json::to_value(board(&[row("m-1B", "tg128", 50.0)], "")).unwrap();
    assert_eq!(value["groups"][0]["rows"][0]["rate_text"], "50.00 (49.50–50.50)");
    assert_eq!(value["groups"][0]["rows"][0]["kind"], "measured");
    assert_eq!(value["n_rows"], 1);
}
