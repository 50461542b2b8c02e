//! Checks a JSON body against the shapes of AWS's service model, and words the faults as AWS does.
//!
//! This is the first check a request meets: types, required members, lengths, ranges, patterns,
//! enumerations, unions. Rules that need the whole conversation or the model are in `validate`.
//!
//! AWS itself ignores members that it does not know; the simulator refuses them, because a client that sends
//! one has a defect that a test should show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::Value;

use crate::exception::Exception;
use crate::service_model::{ServiceModel, Shape};

/// Faults of constraints that are collected into one message; AWS lists all, the simulator stops here.
const REPORTED_FAULTS: usize = 16;

/// Checks `body` as the shape `name`.
///
/// # Errors
/// `SerializationException` for a wrong type, `ValidationException` for everything else.
pub(crate) fn check(model: &ServiceModel, name: &str, body: &Value) -> Result<(), Exception> {
    let mut checker = Checker { model, faults: Vec::new() };
    checker.value(name, body, &Place::default())?;
    if checker.faults.is_empty() {
        return Ok(());
    }
    let count = checker.faults.len();
    let noun = if count == 1 { "error" } else { "errors" };
    Err(Exception::validation(format!("{count} validation {noun} detected: {}", checker.faults.join("; "))))
}

/// Where in the body a value is, in the three notations that AWS uses.
#[derive(Debug, Default, Clone)]
struct Place {
    /// `messages.1.member.content`: constraint faults; members of lists count from one.
    member: String,
    /// `messages.0.content`: rules of the Converse API; counts from zero.
    dotted: String,
    /// `/messages/0/content`: the model's JSON schema faults.
    pointer: String,
}

impl Place {
    fn key(&self, name: &str) -> Self {
        let joined = |path: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        Self {
            member: joined(&self.member),
            dotted: joined(&self.dotted),
            pointer: format!("{}/{name}", self.pointer),
        }
    }

    fn index(&self, index: usize) -> Self {
        Self {
            member: format!("{}.{}.member", self.member, index + 1),
            dotted: format!("{}.{index}", self.dotted),
            pointer: format!("{}/{index}", self.pointer),
        }
    }
}

struct Checker<'a> {
    model: &'a ServiceModel,
    faults: Vec<String>,
}

impl Checker<'_> {
    fn value(&mut self, name: &str, value: &Value, place: &Place) -> Result<(), Exception> {
        let Some(shape) = self.model.shape(name) else { return Ok(()) };
        match shape.raw.kind.as_str() {
            "structure" if shape.raw.document => Ok(()),
            "structure" => self.structure(name, shape, value, place),
            "list" => self.list(shape, value, place),
            "map" => self.map(shape, value, place),
            "string" => self.string(shape, value, place),
            "blob" => self.blob(shape, value, place),
            "integer" | "long" => self.integer(shape, value, place),
            "float" | "double" => self.float(shape, value, place),
            "boolean" => match value {
                Value::Bool(_) => Ok(()),
                other => Err(wrong_type(other, "Boolean")),
            },
            _ => Ok(()),
        }
    }

    fn structure(
        &mut self,
        name: &str,
        shape: &Shape,
        value: &Value,
        place: &Place,
    ) -> Result<(), Exception> {
        let Value::Object(object) = value else { return Err(wrong_type(value, name)) };
        for (key, member) in object {
            match shape.raw.members.get(key).and_then(Value::as_str) {
                // AWS treats null as absent.
                Some(_) if member.is_null() => {}
                Some(target) => self.value(target, member, &place.key(key))?,
                None => return Err(Exception::extraneous(&format!("#{}", place.pointer), key)),
            }
        }
        for key in &shape.raw.required {
            if object.get(key).is_none_or(Value::is_null) {
                let missing = place.key(key);
                self.fault(&format!("Value null at '{}'", missing.member), "Member must not be null");
            }
        }
        if shape.raw.union && object.values().filter(|member| !member.is_null()).count() != 1 {
            let keys: Vec<&str> = shape.raw.members.keys().map(String::as_str).collect();
            return Err(Exception::validation(format!(
                "The {name} object at {} must set one of the following keys: {}.",
                place.dotted,
                keys.join(", ")
            )));
        }
        Ok(())
    }

    fn list(&mut self, shape: &Shape, value: &Value, place: &Place) -> Result<(), Exception> {
        let Value::Array(items) = value else { return Err(wrong_type(value, "List")) };
        self.length(shape, items.len(), &format!("Value at '{}'", place.member));
        let Some(member) = shape.raw.member.as_deref() else { return Ok(()) };
        items.iter().enumerate().try_for_each(|(index, item)| self.value(member, item, &place.index(index)))
    }

    fn map(&mut self, shape: &Shape, value: &Value, place: &Place) -> Result<(), Exception> {
        let Value::Object(entries) = value else { return Err(wrong_type(value, "Map")) };
        self.length(shape, entries.len(), &format!("Value at '{}'", place.member));
        for (key, entry) in entries {
            if let Some(shape) = shape.raw.key.as_deref() {
                self.value(shape, &Value::String(key.clone()), &place.key(key))?;
            }
            if let Some(shape) = shape.raw.value.as_deref() {
                self.value(shape, entry, &place.key(key))?;
            }
        }
        Ok(())
    }

    fn string(&mut self, shape: &Shape, value: &Value, place: &Place) -> Result<(), Exception> {
        let Value::String(text) = value else { return Err(wrong_type(value, "String")) };
        // AWS does not repeat what a conversation contains.
        let subject = if place.member.starts_with("messages") || place.member.starts_with("system") {
            format!("Value at '{}'", place.member)
        } else {
            format!("Value '{text}' at '{}'", place.member)
        };
        if let (Some(regex), Some(pattern)) = (&shape.pattern, &shape.raw.pattern)
            && !regex.is_match(text)
        {
            self.fault(&subject, &format!("Member must satisfy regular expression pattern: {pattern}"));
        }
        if let Some(allowed) = &shape.raw.allowed
            && !allowed.contains(text)
        {
            self.fault(&subject, &format!("Member must satisfy enum value set: [{}]", allowed.join(", ")));
        }
        self.length(shape, text.chars().count(), &subject);
        Ok(())
    }

    fn blob(&mut self, shape: &Shape, value: &Value, place: &Place) -> Result<(), Exception> {
        let Value::String(text) = value else { return Err(wrong_type(value, "Blob")) };
        let bytes = STANDARD.decode(text).map_err(|_| {
            Exception::front_end(
                "SerializationException",
                StatusCode::BAD_REQUEST,
                format!("The value at {} is not valid base64", place.dotted),
            )
        })?;
        self.length(shape, bytes.len(), &format!("Value at '{}'", place.member));
        Ok(())
    }

    fn integer(&mut self, shape: &Shape, value: &Value, place: &Place) -> Result<(), Exception> {
        let number = value.as_i64().ok_or_else(|| wrong_type(value, "Integer"))?;
        if i32::try_from(number).is_err() {
            return Err(wrong_type(value, "Integer"));
        }
        // An i32 is exact in f64.
        self.range(shape, number as f64, &number.to_string(), place);
        Ok(())
    }

    fn float(&mut self, shape: &Shape, value: &Value, place: &Place) -> Result<(), Exception> {
        let number = value.as_f64().ok_or_else(|| wrong_type(value, "Float"))?;
        self.range(shape, number, &number.to_string(), place);
        Ok(())
    }

    fn range(&mut self, shape: &Shape, number: f64, written: &str, place: &Place) {
        let subject = format!("Value '{written}' at '{}'", place.member);
        if let Some(min) = shape.raw.min.filter(|min| number < *min) {
            self.fault(&subject, &format!("Member must have value greater than or equal to {min}"));
        }
        if let Some(max) = shape.raw.max.filter(|max| number > *max) {
            self.fault(&subject, &format!("Member must have value less than or equal to {max}"));
        }
    }

    fn length(&mut self, shape: &Shape, length: usize, subject: &str) {
        if let Some(min) = shape.raw.min.filter(|min| (length as f64) < *min) {
            self.fault(subject, &format!("Member must have length greater than or equal to {min}"));
        }
        if let Some(max) = shape.raw.max.filter(|max| (length as f64) > *max) {
            self.fault(subject, &format!("Member must have length less than or equal to {max}"));
        }
    }

    fn fault(&mut self, subject: &str, constraint: &str) {
        if self.faults.len() < REPORTED_FAULTS {
            self.faults.push(format!("{subject} failed to satisfy constraint: {constraint}"));
        }
    }
}

fn wrong_type(value: &Value, wanted: &str) -> Exception {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "Start of list",
        Value::Object(_) => "Start of structure or map",
    };
    Exception::front_end(
        "SerializationException",
        StatusCode::BAD_REQUEST,
        format!("{found} can not be converted to a {wanted}"),
    )
}
