//! Reading `datastore-queries.json`: keys, values and queries as data.

use interface_datastore::{
    Bytes, Key, Query,
    query::{Comparison, Filter, Order, OrderBy},
};
use serde_json::Value;

pub(crate) fn index(number: &Value) -> usize {
    usize::try_from(number.as_u64().unwrap()).unwrap()
}

pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} of {value}"))
}

pub(crate) fn key(value: &Value) -> Key {
    match value {
        Value::String(text) => Key::raw(text).unwrap(),
        other => Key::raw(hex(text(other, "x"))).unwrap(),
    }
}

pub(crate) fn hex(text: &str) -> Bytes {
    let digit = |place: usize| u8::from_str_radix(&text[place..place + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

pub(crate) fn query(vector: &Value) -> Query {
    let mut query = Query::prefix(vector["prefix"].as_str().unwrap_or_default());
    let list = |field: &str| vector[field].as_array().cloned().unwrap_or_default();
    query.filters = list("filters").iter().map(filter).collect();
    query.orders = list("orders").iter().map(order).collect();
    // JavaScript takes negative numbers as zero.
    let count = |field: &str| {
        vector[field]
            .as_i64()
            .map(|count| u64::try_from(count).unwrap_or(0))
    };
    query.offset = count("offset").unwrap_or(0);
    query.limit = count("limit");
    query
}

fn filter(vector: &Value) -> Filter {
    let (kind, arg) = vector.as_object().unwrap().iter().next().unwrap();
    let bytes = || Bytes::from(arg.as_str().unwrap().to_owned());
    match kind.as_str() {
        "all" => Filter::Always(arg.as_bool().unwrap()),
        "not" => filter(arg).negate(),
        "key_prefix" => Filter::KeyPrefix(bytes()),
        "key_suffix" => Filter::KeySuffix(bytes()),
        "key_contains" => Filter::KeyContains(bytes()),
        "key_equals" => Filter::key_equals(key(arg)),
        "key_depth" => Filter::KeyDepth(Comparison::Equal, index(arg)),
        "key_type" => Filter::KeyType(bytes()),
        "key_name" => Filter::KeyName(bytes()),
        "value_equals" => Filter::value_equals(hex(arg.as_str().unwrap())),
        "value_prefix" => Filter::ValuePrefix(hex(arg.as_str().unwrap())),
        "value_len_ge" => Filter::ValueLen(Comparison::GreaterOrEqual, arg.as_u64().unwrap()),
        other => panic!("no filter {other}"),
    }
}

fn order(vector: &Value) -> Order {
    let order = Order::new(match text(vector, "by") {
        "key" => OrderBy::Key,
        "key_less" => OrderBy::Namespaces,
        "key_depth" => OrderBy::KeyDepth,
        "value" => OrderBy::Value,
        "value_len" => OrderBy::ValueLen,
        other => panic!("no order by {other}"),
    });
    match text(vector, "dir") {
        "asc" => order,
        _ => order.descending(),
    }
}
