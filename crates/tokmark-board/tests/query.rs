//! A leaderboard's query: all of it in the URL, and nothing else taken from there.

use proptest::prelude::*;
use tokmark_board::{Column, Direction, Level, Query, QueryError, RowFilter};
use tokmark_model::{GradeLetter, RecordKind};

#[test]
fn hostile_queries_are_refused_with_what_is_allowed() {
    let refused = |query: &str| Query::parse(query).unwrap_err().to_string();
    let found = [
        "srot=rate",
        "sort=speed",
        "direction=up",
        "level=all",
        "concurrency=-1",
        "concurrency=4294967296",
        "concurrency=+4",
        "min_params=1e9",
        "grade_at_least=G",
        "kind=<script>alert(1)</script>",
        "is_serving=yes",
        "family=a&family=b",
        "limit=99999999999999999999",
        "%1b%5b31m=1",
    ]
    .map(refused)
    .join("\n");
    insta::assert_snapshot!(found);
    assert_eq!(Query::parse(&"a".repeat(9_000)), Err(QueryError::TooLong));
    let long = format!("family={}", "a".repeat(400));
    assert!(matches!(Query::parse(&long), Err(QueryError::Value { name: "family", .. })));
    let sql = Query::parse("family=%27%3B+DROP+TABLE+x%3B--").unwrap();
    assert_eq!(sql.filter.family.as_deref(), Some("'; DROP TABLE x;--"));
    assert_eq!(Query::parse("family=a&family=a").unwrap().to_query(), "family=a");
}

#[test]
fn the_default_needs_no_url() {
    assert_eq!(Query::default().to_query(), "");
    assert_eq!(Query::parse("").unwrap(), Query::default());
    assert_eq!(Query::parse("sort=rate&direction=desc&level=").unwrap(), Query::default());
    let slowest = Query { direction: Direction::Ascending, ..Query::default() };
    assert_eq!(slowest.to_query(), "direction=asc");
    let query = Query {
        filter: RowFilter { shape: Some("tg128 @ d512".into()), ..RowFilter::default() },
        level: Level::SameStack,
        ..Query::default()
    };
    assert_eq!(query.to_query(), "level=same_stack&shape=tg128+%40+d512");
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof!["[a-zA-Z0-9 .·&=+%#?/'\"<>-]{1,20}", "\\PC{1,12}"])
}

prop_compose! {
    fn filter()(
        texts in prop::collection::vec(text(), 9),
        concurrency in any::<Option<u32>>(),
        params in any::<(Option<u64>, Option<u64>)>(),
        grade in prop::option::of(prop::sample::select(vec![
            GradeLetter::A, GradeLetter::B, GradeLetter::C, GradeLetter::D, GradeLetter::E,
            GradeLetter::F,
        ])),
        kind in prop::option::of(prop::sample::select(vec![
            RecordKind::Measured, RecordKind::Imported, RecordKind::ImportedSummary,
            RecordKind::Published,
        ])),
        is_serving in any::<Option<bool>>(),
        limit in any::<Option<u64>>(),
    ) -> RowFilter {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().flatten();
        RowFilter {
            family: next(), model: next(), model_sha256: next(), hardware: next(),
            machine: next(), backend: next(), engine: next(), quantization: next(),
            shape: next(), concurrency, min_params: params.0, max_params: params.1,
            grade_at_least: grade, kind, is_serving, limit,
        }
    }
}

proptest! {
    #[test]
    fn everything_is_in_the_url(
        filter in filter(),
        column in prop::sample::select(Column::ALL.to_vec()),
        up in any::<bool>(),
        level in prop::sample::select(vec![
            Level::None, Level::WorkloadOnly, Level::SameStack, Level::SameHardwareAndStack,
        ]),
    ) {
        let direction = if up { Direction::Ascending } else { Direction::Descending };
        let query = Query { sort: column, direction, level, filter };
        let url = query.to_query();
        prop_assert!(url.is_ascii());
        prop_assert_eq!(Query::parse(&url), Ok(query));
    }

    #[test]
    fn no_query_makes_it_panic(query in "\\PC{0,80}") {
        let _ = Query::parse(&query);
    }
}
