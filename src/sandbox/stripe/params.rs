//! Which parameters an endpoint takes, written as one line of text, and the check against it.
//!
//! ```text
//! name          a string            items[]{id price}  an array of hashes
//! count:int     an integer          mode=a|b           one of
//! on:bool       a boolean           trial_end:int=now  an integer or a word
//! metadata:map  strings by key      created:range      a number or gt, gte, lt, lte
//! options:any   accepted, unread    share:dec          a decimal
//! field!        required            field?             may be emptied ("")
//! ```
//! Empty strings become `null` ("unset this"). The messages are Stripe's.

use serde_json::{Map, Value};

use super::error::ApiError;
use super::form::Node;
use super::schedules;

/// The parameters of one endpoint.
#[derive(Debug)]
pub(crate) struct Spec(Vec<Field>);

#[derive(Debug)]
struct Field {
    name: String,
    shape: Shape,
    required: bool,
    clearable: bool,
}

#[derive(Debug)]
enum Shape {
    Text,
    Int,
    Bool,
    Decimal,
    Map,
    Any,
    Range,
    OneOf(Vec<String>),
    IntOr(Vec<String>),
    Hash(Vec<Field>),
    Array(Box<Shape>),
}

impl Spec {
    /// Reads the notation above. `expand[]` is part of every endpoint; `@list` stands for the
    /// paging parameters, `@phases` for those of a subscription schedule.
    pub(crate) fn parse(text: &str) -> Self {
        let text =
            text.replace("@list", "limit:int starting_after ending_before").replace("@phases", schedules::PHASES);
        let mut rest = text.as_str();
        let mut fields = fields(&mut rest);
        if !fields.iter().any(|field| field.name == "expand") {
            fields.push(Field {
                name: "expand".into(),
                shape: Shape::Array(Box::new(Shape::Text)),
                required: false,
                clearable: false,
            });
        }
        debug_assert!(rest.is_empty(), "parameters not understood: {rest}");
        Self(fields)
    }

    /// Turns the tree into JSON with the right types, or says what is wrong with it.
    pub(crate) fn check(&self, tree: &[(String, Node)]) -> Result<Value, ApiError> {
        hash(&self.0, tree, "")
    }
}

fn fields(rest: &mut &str) -> Vec<Field> {
    let mut fields = Vec::new();
    loop {
        *rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with('}') {
            return fields;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        if end == 0 {
            return fields;
        }
        let name = rest[..end].to_owned();
        *rest = &rest[end..];
        let required = eat(rest, "!");
        let clearable = eat(rest, "?");
        let shape = shape(rest);
        fields.push(Field { name, shape, required, clearable });
    }
}

fn shape(rest: &mut &str) -> Shape {
    if eat(rest, "[]") {
        return Shape::Array(Box::new(shape(rest)));
    }
    if eat(rest, "{") {
        let inner = fields(rest);
        eat(rest, "}");
        return Shape::Hash(inner);
    }
    if eat(rest, ":int=") {
        return Shape::IntOr(words(rest));
    }
    if eat(rest, "=") {
        return Shape::OneOf(words(rest));
    }
    if !eat(rest, ":") {
        return Shape::Text;
    }
    match words(rest).first().map(String::as_str) {
        Some("int") => Shape::Int,
        Some("bool") => Shape::Bool,
        Some("dec") => Shape::Decimal,
        Some("map") => Shape::Map,
        Some("range") => Shape::Range,
        _ => Shape::Any,
    }
}

fn eat(rest: &mut &str, token: &str) -> bool {
    match rest.strip_prefix(token) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

fn words(rest: &mut &str) -> Vec<String> {
    let end = rest.find(|c: char| c.is_whitespace() || c == '}').unwrap_or(rest.len());
    let words = rest[..end].split('|').map(str::to_owned).collect();
    *rest = &rest[end..];
    words
}

fn hash(fields: &[Field], tree: &[(String, Node)], prefix: &str) -> Result<Value, ApiError> {
    let mut checked = Map::new();
    for (name, node) in tree {
        let param = nested(prefix, name);
        let field = fields.iter().find(|field| field.name == *name).ok_or_else(|| ApiError::unknown_param(&param))?;
        checked.insert(name.clone(), field.value(node, &param)?);
    }
    for field in fields.iter().filter(|field| field.required) {
        if !checked.contains_key(&field.name) {
            return Err(ApiError::missing_param(&nested(prefix, &field.name)));
        }
    }
    Ok(Value::Object(checked))
}

fn nested(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}[{name}]") }
}

impl Field {
    fn value(&self, node: &Node, param: &str) -> Result<Value, ApiError> {
        if matches!(node, Node::Leaf(text) if text.is_empty()) {
            return self.emptied(param);
        }
        self.shape.value(node, param)
    }

    fn emptied(&self, param: &str) -> Result<Value, ApiError> {
        let unset = self.clearable
            || (!self.required
                && matches!(self.shape, Shape::Text | Shape::Map | Shape::Any | Shape::Hash(_) | Shape::Array(_)));
        if unset {
            return Ok(Value::Null);
        }
        Err(ApiError::invalid(format!(
            "You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty value."
        ))
        .code("parameter_invalid_empty")
        .param(param))
    }
}

impl Shape {
    fn value(&self, node: &Node, param: &str) -> Result<Value, ApiError> {
        match (self, node) {
            (Self::Any, _) => Ok(loose(node)),
            (Self::Hash(fields), Node::Branch(children)) => hash(fields, children, param),
            (Self::Array(shape), Node::Branch(children)) => array(shape, children, param),
            (Self::Map, Node::Branch(children)) => map(children, param),
            (Self::Range, Node::Branch(children)) => range(children, param),
            (Self::Array(_), Node::Leaf(_)) => Err(wrong(param, "Invalid array")),
            (Self::Hash(_) | Self::Map, Node::Leaf(_)) => Err(wrong(param, "Invalid object")),
            (_, Node::Branch(_)) => Err(wrong(param, "Invalid string")),
            (_, Node::Leaf(text)) => self.scalar(text, param),
        }
    }

    fn scalar(&self, text: &str, param: &str) -> Result<Value, ApiError> {
        match self {
            Self::IntOr(words) if words.iter().any(|word| word == text) => Ok(text.into()),
            Self::Int | Self::Range | Self::IntOr(_) => integer(text, param),
            Self::Bool => match text {
                "true" => Ok(true.into()),
                "false" => Ok(false.into()),
                _ => Err(wrong(param, &format!("Invalid boolean: {text}"))),
            },
            Self::Decimal if text.parse::<f64>().is_ok_and(f64::is_finite) => Ok(text.into()),
            Self::Decimal => Err(wrong(param, &format!("Invalid decimal: {text}"))),
            Self::OneOf(words) if !words.iter().any(|word| word == text) => {
                Err(ApiError::invalid(format!("Invalid {param}: must be one of {}", sentence(words))).param(param))
            }
            _ => Ok(text.into()),
        }
    }
}

fn wrong(param: &str, message: &str) -> ApiError {
    ApiError::invalid(message).param(param)
}

fn integer(text: &str, param: &str) -> Result<Value, ApiError> {
    text.parse::<i64>()
        .map(Value::from)
        .map_err(|_| wrong(param, &format!("Invalid integer: {text}")).code("parameter_invalid_integer"))
}

fn sentence(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first, second] => format!("{first} or {second}"),
        [start @ .., last] => format!("{}, or {last}", start.join(", ")),
    }
}

fn array(shape: &Shape, children: &[(String, Node)], param: &str) -> Result<Value, ApiError> {
    let mut numbered = Vec::with_capacity(children.len());
    for (name, node) in children {
        let index: usize = name.parse().map_err(|_| wrong(param, "Invalid array"))?;
        numbered.push((index, node));
    }
    numbered.sort_by_key(|(index, _)| *index);
    numbered.into_iter().map(|(index, node)| shape.value(node, &nested(param, &index.to_string()))).collect()
}

fn map(children: &[(String, Node)], param: &str) -> Result<Value, ApiError> {
    let mut values = Map::new();
    for (name, node) in children {
        let Node::Leaf(text) = node else {
            return Err(wrong(&nested(param, name), "Invalid string"));
        };
        if name.len() > 40 {
            return Err(wrong(param, "Metadata keys can have up to 40 characters. Please use a shorter key."));
        }
        if text.len() > 500 {
            return Err(wrong(&nested(param, name), "Metadata values can have up to 500 characters."));
        }
        let value = if text.is_empty() { Value::Null } else { text.as_str().into() };
        values.insert(name.clone(), value);
    }
    Ok(Value::Object(values))
}

fn range(children: &[(String, Node)], param: &str) -> Result<Value, ApiError> {
    let bounds = ["gt", "gte", "lt", "lte"].map(|name| Field {
        name: name.into(),
        shape: Shape::Int,
        required: false,
        clearable: false,
    });
    hash(&bounds, children, param)
}

fn loose(node: &Node) -> Value {
    match node {
        Node::Leaf(text) => text.as_str().into(),
        Node::Branch(children) => {
            children.iter().map(|(name, node)| (name.clone(), loose(node))).collect::<Map<_, _>>().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::form;
    use serde_json::json;

    const SPEC: &str = "mode!=payment|setup|subscription items[]{price! quantity:int} on:bool \
                        cancel_at?:int=now metadata:map created:range options:any @list";

    fn check(body: &str) -> Result<Value, String> {
        Spec::parse(SPEC).check(&form::parse(body.as_bytes())).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn values_get_their_types() {
        assert_eq!(
            check(
                "mode=payment&items[1][price]=b&items[0][price]=a&items[0][quantity]=2&on=true&cancel_at=&metadata[k]=&created[gte]=5&options[x][y]=1&limit=3&expand[]=customer"
            ),
            Ok(json!({
                "mode": "payment", "items": [{"price": "a", "quantity": 2}, {"price": "b"}], "on": true,
                "cancel_at": null, "metadata": {"k": null}, "created": {"gte": 5},
                "options": {"x": {"y": "1"}}, "limit": 3, "expand": ["customer"]
            }))
        );
        assert_eq!(check("mode=setup&cancel_at=now").map(|v| v["cancel_at"].clone()), Ok(json!("now")));
    }

    #[test]
    fn what_is_wrong_is_said_in_stripes_words() {
        let said = |body| check(body).expect_err("an error");
        assert_eq!(said(""), "Missing required param: mode.");
        assert_eq!(said("mode=x"), "Invalid mode: must be one of payment, setup, or subscription");
        assert_eq!(said("mode=setup&nope=1"), "Received unknown parameter: nope");
        assert_eq!(said("mode=setup&items[0][nope]=1"), "Received unknown parameter: items[0][nope]");
        assert_eq!(said("mode=setup&items[0][quantity]=1"), "Missing required param: items[0][price].");
        assert_eq!(said("mode=setup&limit=ten"), "Invalid integer: ten");
        assert_eq!(said("mode=setup&on=yes"), "Invalid boolean: yes");
        assert_eq!(said("mode=setup&items=1"), "Invalid array");
        assert_eq!(said("mode=setup&metadata=1"), "Invalid object");
        assert!(said("mode=").starts_with("You passed an empty string for 'mode'."));
    }
}
