//! What is read of a server: addresses of each sort of page, found by asking it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::client::{Client, escaped};
use super::generator::World;
use super::server::Server;

/// Addresses of a sort at most; they are asked in turn.
const OF_A_SORT: usize = 40;
/// Series whose history is asked for, of machines that measure oftener than most: of the first
/// tenth by number.
const SERIES: u64 = 20;
/// Rows of a page of the list.
const ROWS: usize = 50;
/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Pages of one sort.
pub(super) struct Sort {
    pub(super) name: &'static str,
    pub(super) addresses: Vec<String>,
}

#[derive(Deserialize)]
struct Model {
    facts: Facts,
    family: String,
}

#[derive(Deserialize)]
struct Facts {
    name: String,
    label: Option<String>,
}

#[derive(Deserialize)]
struct Models {
    rows: Vec<Model>,
}

#[derive(Deserialize)]
struct Page {
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    model_name: String,
}

/// Every sort, and last a mix of all with the same share of each.
///
/// # Errors
/// When the server does not answer, or holds nothing of a sort.
pub(super) fn find(server: &Server, world: &World) -> Result<Vec<Sort>> {
    let client = Client::new(&server.url, TIMEOUT);
    let Models { rows: models } = client.json("/api/models?limit=1000")?;
    let mut sorts = vec![
        Sort { name: "leaderboard", addresses: vec!["/leaderboard".to_owned()] },
        Sort { name: "leaderboard, filtered", addresses: filtered(&models) },
        Sort { name: "model page", addresses: pages(&models) },
        Sort { name: "history of a series", addresses: histories(&client, world)? },
        Sort { name: "API list, two pages", addresses: lists(&client, &models)? },
    ];
    for sort in &sorts {
        let name = sort.name;
        ensure!(!sort.addresses.is_empty(), "nothing to ask for: {name}; seed more records");
    }
    let addresses = mixed(&sorts);
    sorts.push(Sort { name: "all in turn", addresses });
    Ok(sorts)
}

/// Each family with each of its quantizations.
fn filtered(models: &[Model]) -> Vec<String> {
    let both = |model: &Model| {
        let label = model.facts.label.as_deref()?;
        Some((model.family.clone(), label.to_owned()))
    };
    let address = |(family, label): (String, String)| {
        format!("/leaderboard?family={}&quantization={}", escaped(&family), escaped(&label))
    };
    let different: BTreeSet<(String, String)> = models.iter().filter_map(both).collect();
    different.into_iter().map(address).take(OF_A_SORT).collect()
}

fn pages(models: &[Model]) -> Vec<String> {
    let names = models.iter().map(|model| escaped(&model.facts.name));
    names.map(|name| format!("/models/{name}")).take(OF_A_SORT).collect()
}

/// One series of each of some machines.
fn histories(client: &Client, world: &World) -> Result<Vec<String>> {
    let n_often = (world.n_machines / 10).max(1);
    let machines: BTreeSet<u64> = (0..SERIES).map(|at| at * n_often / SERIES).collect();
    let mut addresses = Vec::new();
    for machine in machines {
        let machine = world.fingerprint(machine);
        let of_machine = format!("machine={machine}&test=tg128");
        let page: Page = client.json(&format!("/api/benchmarks?{of_machine}&limit=1"))?;
        if let Some(row) = page.rows.first() {
            let model = escaped(&row.model_name);
            addresses.push(format!("/history?model={model}&{of_machine}"));
        }
    }
    Ok(addresses)
}

/// Of each model the first page of its records and the next.
fn lists(client: &Client, models: &[Model]) -> Result<Vec<String>> {
    let mut addresses = Vec::new();
    for model in models.iter().take(OF_A_SORT / 2) {
        let first = format!("/api/benchmarks?model={}&limit={ROWS}", escaped(&model.facts.name));
        let page: Page = client.json(&first)?;
        let next = page.next.map(|cursor| format!("{first}&cursor={}", escaped(&cursor)));
        addresses.push(first);
        addresses.extend(next);
    }
    Ok(addresses)
}

fn mixed(sorts: &[Sort]) -> Vec<String> {
    let turn =
        |at: usize| sorts.iter().map(move |sort| sort.addresses[at % sort.addresses.len()].clone());
    (0..OF_A_SORT).flat_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_has_as_many_of_each_sort() {
        let sort = |name, n: usize| {
            let addresses = (0..n).map(|at| format!("{name}{at}")).collect();
            Sort { name, addresses }
        };
        let mixed = mixed(&[sort("a", 1), sort("b", 3)]);
        assert_eq!(mixed[..6], ["a0", "b0", "a0", "b1", "a0", "b2"]);
        assert_eq!(mixed.len(), 2 * OF_A_SORT);
    }
}
