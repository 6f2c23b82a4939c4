//! Reads an SVG image back: what it says, and where its shapes lie.

use roxmltree::{Document, Node};

/// Left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds(pub f64, pub f64, pub f64, pub f64);

impl Bounds {
    const NOTHING: Bounds =
        Bounds(f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);

    fn add(&mut self, x: f64, y: f64) {
        *self = Bounds(self.0.min(x), self.1.min(y), self.2.max(x), self.3.max(y));
    }
}

/// A piece of text with its place.
#[derive(Debug, Clone)]
pub struct Words {
    pub text: String,
    pub bounds: Bounds,
    pub is_muted: bool,
}

/// Width and height of the view box.
pub fn size(svg: &Document) -> (f64, f64) {
    let numbers = numbers(svg.root_element().attribute("viewBox").unwrap());
    (numbers[2], numbers[3])
}

/// Everything that is drawn, definitions left out.
pub fn shapes<'a>(svg: &'a Document) -> impl Iterator<Item = Node<'a, 'a>> {
    let is_drawn = |node: &Node| {
        node.is_element()
            && !node.ancestors().any(|n| n.has_tag_name("defs") || n.has_tag_name("style"))
    };
    svg.descendants().filter(is_drawn)
}

/// Where a shape lies; nothing for groups and titles.
pub fn bounds(node: &Node) -> Option<Bounds> {
    match node.tag_name().name() {
        "path" => Some(path_bounds(node.attribute("d").unwrap())),
        "rect" => {
            let number = |name| node.attribute(name).map_or(0.0, |n| n.parse().unwrap());
            let (x, y): (f64, f64) = (number("x"), number("y"));
            Some(Bounds(x, y, x + number("width"), y + number("height")))
        }
        "text" => Some(words(node).bounds),
        _ => None,
    }
}

/// All pieces of text.
pub fn all_words(svg: &Document) -> Vec<Words> {
    shapes(svg).filter(|node| node.has_tag_name("text")).map(|node| words(&node)).collect()
}

fn words(node: &Node) -> Words {
    let number = |name| -> f64 { node.attribute(name).unwrap().parse().unwrap() };
    let text = node.text().unwrap_or_default().to_owned();
    let (x, y, size) = (number("x"), number("y"), number("font-size"));
    let width = text.chars().count() as f64 * size * 0.5;
    let left = match node.attribute("text-anchor") {
        Some("middle") => x - width / 2.0,
        Some("end") => x - width,
        _ => x,
    };
    let parent = node.parent().unwrap();
    let is_muted = parent.attribute("class") == Some("tp-muted");
    Words { text, bounds: Bounds(left, y - 0.8 * size, left + width, y + 0.2 * size), is_muted }
}

/// Numbers of a list in which a sign may stand for a space.
fn numbers(list: &str) -> Vec<f64> {
    let mut spaced = String::new();
    for character in list.chars() {
        match character {
            '-' => spaced.push_str(" -"),
            ',' => spaced.push(' '),
            c => spaced.push(c),
        }
    }
    spaced.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// Bounds of the ends of all strokes of a path.
fn path_bounds(path: &str) -> Bounds {
    let mut bounds = Bounds::NOTHING;
    let (mut x, mut y) = (0.0, 0.0);
    let starts: Vec<usize> = path.match_indices(char::is_alphabetic).map(|(at, _)| at).collect();
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(path.len());
        let of = numbers(&path[start + 1..end]);
        match &path[*start..start + 1] {
            "M" | "L" => (x, y) = (of[0], of[1]),
            "m" | "l" => (x, y) = (x + of[0], y + of[1]),
            "H" => x = of[0],
            "V" => y = of[0],
            "h" => x += of[0],
            "v" => y += of[0],
            "a" => {
                bounds.add(x, y - of[0]);
                bounds.add(x, y + of[0]);
                (x, y) = (x + of[5], y + of[6]);
            }
            "z" => continue,
            other => panic!("the path command {other} is unknown here"),
        }
        bounds.add(x, y);
    }
    bounds
}
