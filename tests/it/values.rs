//! Defines values of every kind, and strategies that generate them.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Every type of serde's data model, and variants that serde's attributes create.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Value {
    Unit,
    Bool(bool),
    Char(char),
    U8(u8),
    U64(u64),
    I64(i64),
    I128(i128),
    U128(u128),
    F32(Bits32),
    F64(Bits64),
    Text(String),
    Bytes(Vec<u8>),
    Option(Option<Box<Value>>),
    OptionOfOption(Option<Option<u32>>),
    OptionOfUnit(Option<()>),
    Tuple(u8, Option<char>, ()),
    Seq(Vec<Value>),
    Numbers(Vec<f32>),
    Integers(Vec<i16>),
    TupleKeys(BTreeMap<(u32, char), Value>),
    OptionKeys(BTreeMap<Option<i8>, bool>),
    Hash(HashMap<String, i64>),
    Set(HashSet<u16>),
    Struct { a: Box<Value>, b: Option<Vec<Option<i32>>> },
    Newtype(Meters),
    Empty(Empty),
    Nothing(Nothing),
    Flat(Flat),
    Untagged(Untagged),
    Internal(Internal),
    Adjacent(Adjacent),
    Json(serde_json::Value),
    Result(Result<u8, String>),
}

/// Floats that are equal if their bits are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Bits32(pub f32);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Bits64(pub f64);

impl PartialEq for Bits32 {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl PartialEq for Bits64 {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meters(pub f64);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Empty {}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Nothing;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flat {
    pub id: u32,
    #[serde(flatten)]
    pub inner: Inner,
    #[serde(flatten)]
    pub rest: BTreeMap<String, Untagged>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inner {
    pub x: f64,
    pub y: Option<Option<i8>>,
    pub address: std::net::IpAddr,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Flag(bool),
    Number(i64),
    Real(f64),
    Letter(char),
    Pair(u8, String),
    List(Vec<Option<i32>>),
    Struct { left: f32, right: () },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Internal {
    Plain,
    Point { x: f64, y: Option<i32> },
    Named(Inner),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
pub(crate) enum Adjacent {
    Plain,
    One(Option<()>),
    Two(char, i128),
    Many { values: Vec<u8>, other: Option<Option<()>> },
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()), Just(-0.0)]
}

fn inner() -> impl Strategy<Value = Inner> {
    (finite(), any::<Option<Option<i8>>>(), any::<std::net::IpAddr>()).prop_map(|(x, y, address)| Inner {
        x,
        y,
        address,
    })
}

fn untagged() -> impl Strategy<Value = Untagged> {
    prop_oneof![
        any::<bool>().prop_map(Untagged::Flag),
        any::<i64>().prop_map(Untagged::Number),
        finite().prop_map(Untagged::Real),
        any::<char>().prop_map(Untagged::Letter),
        (any::<u8>(), ".*").prop_map(|(a, b)| Untagged::Pair(a, b)),
        prop::collection::vec(any::<Option<i32>>(), 0..4).prop_map(Untagged::List),
        any::<i16>().prop_map(|left| Untagged::Struct { left: left.into(), right: () }),
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        ".*".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Unit),
        any::<bool>().prop_map(Value::Bool),
        any::<char>().prop_map(Value::Char),
        any::<u8>().prop_map(Value::U8),
        any::<u64>().prop_map(Value::U64),
        any::<i64>().prop_map(Value::I64),
        any::<i128>().prop_map(Value::I128),
        any::<u128>().prop_map(Value::U128),
        // All bit patterns, including NaN payloads.
        any::<u32>().prop_map(|bits| Value::F32(Bits32(f32::from_bits(bits)))),
        any::<u64>().prop_map(|bits| Value::F64(Bits64(f64::from_bits(bits)))),
        (0..1_u64 << 51).prop_map(|bits| Value::F64(Bits64(f64::from_bits(0x7ff0_0000_0000_0001 | bits)))),
        Just(Value::F64(Bits64(-0.0))),
        ".*".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Value::Bytes),
        any::<Option<Option<u32>>>().prop_map(Value::OptionOfOption),
        any::<Option<()>>().prop_map(Value::OptionOfUnit),
        (any::<u8>(), any::<Option<char>>()).prop_map(|(a, b)| Value::Tuple(a, b, ())),
        prop::collection::vec(any::<i16>().prop_map(f32::from), 0..40).prop_map(Value::Numbers),
        prop::collection::vec(any::<i16>(), 0..40).prop_map(Value::Integers),
        prop::collection::btree_map(any::<Option<i8>>(), any::<bool>(), 0..4).prop_map(Value::OptionKeys),
        prop::collection::hash_map(".{0,8}", any::<i64>(), 0..8).prop_map(Value::Hash),
        prop::collection::hash_set(any::<u16>(), 0..20).prop_map(Value::Set),
        finite().prop_map(|x| Value::Newtype(Meters(x))),
        Just(Value::Empty(Empty {})),
        Just(Value::Nothing(Nothing)),
        (any::<u32>(), inner(), prop::collection::btree_map("[a-h]{2,3}", untagged(), 0..4))
            .prop_map(|(id, inner, rest)| Value::Flat(Flat { id, inner, rest })),
        untagged().prop_map(Value::Untagged),
        Just(Value::Internal(Internal::Plain)),
        (finite(), any::<Option<i32>>()).prop_map(|(x, y)| Value::Internal(Internal::Point { x, y })),
        inner().prop_map(|inner| Value::Internal(Internal::Named(inner))),
        Just(Value::Adjacent(Adjacent::Plain)),
        any::<Option<()>>().prop_map(|one| Value::Adjacent(Adjacent::One(one))),
        (any::<char>(), any::<i128>()).prop_map(|(a, b)| Value::Adjacent(Adjacent::Two(a, b))),
        (prop::collection::vec(any::<u8>(), 0..9), any::<Option<Option<()>>>())
            .prop_map(|(values, other)| Value::Adjacent(Adjacent::Many { values, other })),
        json().prop_map(Value::Json),
        prop_oneof![any::<u8>().prop_map(Ok), ".*".prop_map(Err)].prop_map(Value::Result),
    ]
}

/// Generates any value, nested up to five levels deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 32, 5, |inner| {
        prop_oneof![
            prop::option::of(inner.clone().prop_map(Box::new)).prop_map(Value::Option),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Seq),
            prop::collection::btree_map((any::<u32>(), any::<char>()), inner.clone(), 0..4).prop_map(Value::TupleKeys),
            (inner, any::<Option<Vec<Option<i32>>>>()).prop_map(|(a, b)| Value::Struct { a: Box::new(a), b }),
        ]
    })
}
