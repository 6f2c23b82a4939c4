//! Paths through foreign YAML: `runs[].model.name`.

use crate::foreign::items;
use crate::node::Node;

/// One step of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The value under a key.
    Key(String),
    /// One item of a list.
    Item(usize),
    /// Every item of a list.
    Each,
}

/// A path through a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Route {
    steps: Vec<Step>,
}

impl Route {
    /// Reads `runs[].results[0]."a.b"`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (inside, after) = after.split_once(']').ok_or("a [ has no ]")?;
                steps.push(match inside {
                    "" => Step::Each,
                    digits => {
                        Step::Item(digits.parse().map_err(|_| "[] holds a number or nothing")?)
                    }
                });
                rest = after;
                let goes_on = rest.is_empty() || rest.starts_with(['.', '[']);
                if !goes_on {
                    return Err("after ] comes a dot");
                }
                rest = match rest.strip_prefix('.') {
                    Some("") => return Err("it ends in a dot"),
                    Some(after) => after,
                    None => rest,
                };
                continue;
            }
            let (key, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
                None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
            };
            if key.is_empty() {
                return Err("a key is empty");
            }
            steps.push(Step::Key(key.to_owned()));
            rest = match after.strip_prefix('.') {
                Some("") => return Err("it ends in a dot"),
                Some(after) => after,
                None if after.is_empty() || after.starts_with('[') => after,
                None => return Err("after a quoted key comes a dot"),
            };
        }
        match steps.is_empty() {
            true => Err("it is empty"),
            false => Ok(Route { steps }),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The part up to the last `[]`; empty where there is none.
    pub(super) fn up_to_last_list(&self) -> Route {
        let n = self.steps.iter().rposition(|step| *step == Step::Each).map_or(0, |at| at + 1);
        Route { steps: self.steps[..n].to_vec() }
    }

    pub(super) fn begins_with(&self, other: &Route) -> bool {
        self.steps.starts_with(&other.steps)
    }

    /// The positions in the lists of every row that this route leads to, in order; at most
    /// `most`. One empty position where it goes through no list.
    pub(super) fn positions(&self, node: &Node, most: usize) -> Vec<Vec<usize>> {
        let mut found = Vec::new();
        self.collect(&self.steps, node, &mut Vec::new(), most, &mut found);
        found
    }

    fn collect(
        &self,
        steps: &[Step],
        node: &Node,
        position: &mut Vec<usize>,
        most: usize,
        found: &mut Vec<Vec<usize>>,
    ) {
        let Some((step, rest)) = steps.split_first() else {
            found.push(position.clone());
            return;
        };
        if let Step::Each = step {
            for n in 0..items(node) {
                if found.len() >= most {
                    return;
                }
                if let Some(child) = node.child(&n.to_string()) {
                    position.push(n);
                    self.collect(rest, child, position, most, found);
                    position.pop();
                }
            }
        } else if let Some(child) = step.of(node) {
            self.collect(rest, child, position, most, found);
        }
    }

    /// What this route leads to, `position` saying which item of each list.
    pub(super) fn follow<'a>(&self, node: &'a Node, position: &[usize]) -> Option<&'a Node> {
        let mut position = position.iter();
        self.steps.iter().try_fold(node, |node, step| match step {
            Step::Each => node.child(&position.next()?.to_string()).filter(|_| items(node) > 0),
            _ => step.of(node),
        })
    }
}

impl Step {
    /// What a step that takes one way leads to.
    fn of<'a>(&self, node: &'a Node) -> Option<&'a Node> {
        match self {
            Step::Key(key) => node.entry(key).map(|entry| &entry.value),
            Step::Item(n) => node.child(&n.to_string()).filter(|_| items(node) > 0),
            Step::Each => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, yaml: &str) -> Vec<serde_json::Value> {
        let node = Node::parse("f", yaml).unwrap();
        let route = Route::parse(path).unwrap();
        let spine = route.up_to_last_list();
        let positions = spine.positions(&node, 100);
        positions.iter().filter_map(|at| route.follow(&node, at)).map(Node::value).collect()
    }

    #[test]
    fn routes_go_through_keys_lists_and_lists_in_lists() {
        let yaml = "runs:\n- {m: a, r: [{t: 1}, {t: 2}]}\n- {m: b, r: []}\n- {m: c, r: [{t: 3}]}\n";
        assert_eq!(found("runs[].m", yaml), ["a", "b", "c"]);
        assert_eq!(found("runs[].r[].t", yaml), [1, 2, 3]);
        assert_eq!(found("runs[2].m", yaml), ["c"]);
        assert_eq!(found("[].x", "- {x: 1}\n- {y: 2}\n"), [1]);
        assert_eq!(found("\"a.b\".c[0]", "{a.b: {c: [7]}}"), [7]);
        assert!(found("nothing[].x", yaml).is_empty());
    }

    #[test]
    fn what_is_no_path_says_why() {
        for path in ["", "a..b", "a.", "a[", "a[x]", "a[]b", "\"a", "\"a\"b", ".a"] {
            assert!(Route::parse(path).is_err(), "{path}");
        }
    }
}
