//! Stripe's request encoding: form fields whose names carry brackets, read into a tree.
//!
//! Only structure is decided here; whether a branch is an array, a hash or unknown is the business
//! of `params`.

use openidconnect::url::form_urlencoded;

/// Deeper names than any parameter of the API are taken as one segment.
const MAX_DEPTH: usize = 12;

/// A node of the parameter tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A value.
    Leaf(String),
    /// Named or numbered children, in the order they came.
    Branch(Vec<(String, Node)>),
}

/// Reads an encoded query or body into the root branch.
pub(crate) fn parse(encoded: &[u8]) -> Vec<(String, Node)> {
    let mut root = Vec::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        insert(&mut root, &path(&name), value.into_owned());
    }
    root
}

/// `a[b][]` as its segments; a name with unbalanced brackets is one segment.
fn path(name: &str) -> Vec<&str> {
    let Some((head, mut rest)) = name.split_once('[').map(|(head, _)| name.split_at(head.len())) else {
        return vec![name];
    };
    let mut segments = vec![head];
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((segment, after)) = inner.split_once(']') else {
            return vec![name];
        };
        segments.push(segment);
        rest = after;
    }
    if rest.is_empty() && segments.len() <= MAX_DEPTH { segments } else { vec![name] }
}

fn insert(branch: &mut Vec<(String, Node)>, path: &[&str], value: String) {
    let Some((segment, rest)) = path.split_first() else {
        return;
    };
    let key = if segment.is_empty() { branch.len().to_string() } else { (*segment).to_owned() };
    let at = branch.iter().position(|(name, _)| *name == key).unwrap_or_else(|| {
        branch.push((key, Node::Branch(Vec::new())));
        branch.len() - 1
    });
    let Some((_, node)) = branch.get_mut(at) else {
        return;
    };
    if rest.is_empty() {
        *node = Node::Leaf(value);
        return;
    }
    if matches!(node, Node::Leaf(_)) {
        *node = Node::Branch(Vec::new());
    }
    if let Node::Branch(children) = node {
        insert(children, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(text: &str) -> Node {
        Node::Leaf(text.to_owned())
    }

    fn branch<const N: usize>(children: [(&str, Node); N]) -> Node {
        Node::Branch(children.map(|(name, node)| (name.to_owned(), node)).into())
    }

    #[test]
    fn nested_hashes_and_arrays_become_a_tree() {
        let tree = parse(b"mode=subscription&line_items[0][price]=p&line_items[0][quantity]=2&metadata[a+b]=c%26d&expand[]=x&expand[]=y");
        assert_eq!(
            Node::Branch(tree),
            branch([
                ("mode", leaf("subscription")),
                ("line_items", branch([("0", branch([("price", leaf("p")), ("quantity", leaf("2"))]))])),
                ("metadata", branch([("a b", leaf("c&d"))])),
                ("expand", branch([("0", leaf("x")), ("1", leaf("y"))])),
            ])
        );
    }

    #[test]
    fn malformed_names_stay_whole_and_the_last_value_wins() {
        let tree = parse(b"a[b=1&a]b[=2&c=1&c=2&d=1&d[e]=2&[x]=3");
        assert_eq!(
            Node::Branch(tree),
            branch([
                ("a[b", leaf("1")),
                ("a]b[", leaf("2")),
                ("c", leaf("2")),
                ("d", branch([("e", leaf("2"))])),
                ("4", branch([("x", leaf("3"))])),
            ])
        );
    }

    #[test]
    fn odd_bytes_do_not_panic() {
        for input in [&b"%"[..], b"%zz=%", b"&&&", b"=", b"[[[]]]=1", b"\xff\xfe=1"] {
            parse(input);
        }
        let deep = format!("a{}=1", "[b]".repeat(50_000));
        assert_eq!(parse(deep.as_bytes()).len(), 1);
    }
}
