//! The probe: answers whatever a type asks for, and notes the question.

use std::collections::BTreeMap;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::{Anatomy, Shape};

type Structs = BTreeMap<&'static str, Vec<(&'static str, Shape)>>;

/// The anatomy of this type. What of it cannot be probed stays [`Shape::Any`].
pub(super) fn read<T: DeserializeOwned>() -> Anatomy {
    let mut structs = Structs::new();
    let mut shape = Shape::Any;
    let _ = T::deserialize(Probe { structs: &mut structs, shape: &mut shape, depth: 0 });
    let root = if let Shape::Struct(name) = shape { name } else { "" };
    Anatomy { root, structs }
}

/// Something to read that notes in `shape` what it is asked for.
struct Probe<'a> {
    structs: &'a mut Structs,
    shape: &'a mut Shape,
    /// How many structs deep: a type may hold itself.
    depth: usize,
}

macro_rules! plain {
    ($($asked:ident $visit:ident $given:expr, $shape:expr;)+) => {$(
        fn $asked<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            self.note($shape);
            visitor.$visit($given)
        }
    )+};
}

impl Probe<'_> {
    /// A name given before (to a time, a quantity) says more than what it is made of.
    fn note(&mut self, shape: Shape) {
        if !matches!(self.shape, Shape::Named(_)) {
            *self.shape = shape;
        }
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    plain! {
        deserialize_any visit_str "1", Shape::Any;
        deserialize_bool visit_bool false, Shape::Bool;
        deserialize_i8 visit_i8 0, Shape::Whole("int8");
        deserialize_i16 visit_i16 0, Shape::Whole("int16");
        deserialize_i32 visit_i32 0, Shape::Whole("int32");
        deserialize_i64 visit_i64 0, Shape::Whole("int64");
        deserialize_u8 visit_u8 0, Shape::Whole("uint8");
        deserialize_u16 visit_u16 0, Shape::Whole("uint16");
        deserialize_u32 visit_u32 0, Shape::Whole("uint32");
        deserialize_u64 visit_u64 0, Shape::Whole("uint64");
        deserialize_f32 visit_f32 0.0, Shape::Number;
        deserialize_f64 visit_f64 0.0, Shape::Number;
        deserialize_string visit_str "", Shape::Text;
        deserialize_char visit_char 'a', Shape::Text;
        deserialize_identifier visit_str "", Shape::Text;
        deserialize_bytes visit_bytes b"", Shape::Text;
        deserialize_byte_buf visit_bytes b"", Shape::Text;
    }

    /// A time where it has that name; where it has none, bytes in base64.
    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let time = matches!(self.shape, Shape::Named(_));
        self.note(Shape::Named("ByteString"));
        visitor.visit_str(if time { "1970-01-01T00:00:00Z" } else { "" })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(mut self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.note(Shape::Named(name));
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(Shape::Struct(name));
        let known = self.structs.contains_key(name);
        if !known {
            self.structs.insert(name, fields.iter().map(|field| (*field, Shape::Text)).collect());
        }
        // Of what is known (or being learned) nothing more is asked. An object's own version and kind would be checked.
        let object = fields.starts_with(&["apiVersion", "kind"]) && fields.contains(&"metadata");
        let rest = if known || self.depth > 40 {
            &[]
        } else if object {
            &fields[2..]
        } else {
            fields
        };
        visitor.visit_map(Fields { name, rest, structs: self.structs, depth: self.depth + 1 })
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut item = Shape::Any;
        let answer = visitor.visit_seq(One { structs: &mut *self.structs, item: &mut item, depth: self.depth, left: true });
        self.note(Shape::List(Box::new(item)));
        answer
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut item = Shape::Any;
        let answer = visitor.visit_map(One { structs: &mut *self.structs, item: &mut item, depth: self.depth, left: true });
        self.note(Shape::Map(Box::new(item)));
        answer
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        visitor.visit_enum(variants.first().copied().unwrap_or_default().into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// A struct's fields, one after the other.
struct Fields<'a> {
    name: &'static str,
    rest: &'static [&'static str],
    structs: &'a mut Structs,
    depth: usize,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.rest.first() else { return Ok(None) };
        let field: StrDeserializer<'_, Error> = (*field).into_deserializer();
        seed.deserialize(field).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some((field, rest)) = self.rest.split_first() else { return Err(serde::de::Error::custom("no field left")) };
        self.rest = rest;
        let mut shape = Shape::Any;
        let answer = seed.deserialize(Probe { structs: &mut *self.structs, shape: &mut shape, depth: self.depth });
        if let Some(known) = self.structs.get_mut(self.name).and_then(|fields| fields.iter_mut().find(|(f, _)| f == field)) {
            known.1 = shape;
        }
        answer
    }
}

/// A list or a map of one.
struct One<'a> {
    structs: &'a mut Structs,
    item: &'a mut Shape,
    depth: usize,
    left: bool,
}

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if !std::mem::take(&mut self.left) {
            return Ok(None);
        }
        seed.deserialize(Probe { structs: &mut *self.structs, shape: &mut *self.item, depth: self.depth }).map(Some)
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !std::mem::take(&mut self.left) {
            return Ok(None);
        }
        let key: StrDeserializer<'_, Error> = "key".into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(Probe { structs: &mut *self.structs, shape: &mut *self.item, depth: self.depth })
    }
}
