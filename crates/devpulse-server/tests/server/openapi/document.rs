//! The file, read, and what it says of a route.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use devpulse_server::PublicRoute;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The media type of errors.
pub(super) const PROBLEM: &str = "application/problem+json";

/// `docs/openapi.yaml` as JSON.
pub(super) struct Document(Value);

impl Document {
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string(folder().join("openapi.yaml")).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        let [document] = documents.as_slice() else { panic!("the file is one document") };
        Self(to_json(document))
    }

    /// Every method and path.
    pub(super) fn operations(&self) -> BTreeSet<(String, String)> {
        let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
        let mut operations = BTreeSet::new();
        for (path, item) in object(&self.0["paths"]) {
            for method in object(item).keys().filter(|key| methods.contains(&key.as_str())) {
                operations.insert((method.to_uppercase(), path.clone()));
            }
        }
        operations
    }

    pub(super) fn paths(&self) -> Vec<String> {
        object(&self.0["paths"]).keys().cloned().collect()
    }

    /// What a route may answer: each status with its response.
    pub(super) fn responses(&self, route: PublicRoute) -> Vec<(u16, &Value)> {
        object(&self.operation(route)["responses"])
            .iter()
            .filter(|(status, _)| *status != "default")
            .map(|(status, response)| (status.parse().unwrap(), self.resolve(response)))
            .collect()
    }

    pub(super) fn response(&self, route: PublicRoute, status: u16) -> &Value {
        let responses = self.responses(route);
        let found = responses.iter().find(|(documented, _)| *documented == status);
        found.unwrap_or_else(|| panic!("{route:?} may not answer {status}")).1
    }

    /// The codes that a documented problem may bear.
    pub(super) fn codes(&self, response: &Value) -> Vec<String> {
        let schema = &response["content"][PROBLEM]["schema"];
        words(&schema["allOf"][1]["properties"]["code"])
    }

    pub(super) fn requires_header(&self, route: PublicRoute, name: &str) -> bool {
        self.header(route, name).is_some_and(|parameter| parameter["required"] == true)
    }

    /// The values that a header of the request may have.
    pub(super) fn header_words(&self, route: PublicRoute, name: &str) -> Vec<String> {
        words(&self.header(route, name).unwrap()["schema"])
    }

    pub(super) fn requires_token(&self, route: PublicRoute) -> bool {
        let operation = self.operation(route);
        let security = operation.get("security").unwrap_or(&self.0["security"]);
        !security.as_array().unwrap().is_empty()
    }

    pub(super) fn request_media_types(&self, route: PublicRoute) -> Vec<String> {
        object(&self.operation(route)["requestBody"]["content"]).keys().cloned().collect()
    }

    /// The schema of a JSON request.
    pub(super) fn request_schema(&self, route: PublicRoute) -> &Value {
        &self.operation(route)["requestBody"]["content"]["application/json"]["schema"]
    }

    /// A part of `components`.
    pub(super) fn component(&self, section: &str, name: &str) -> Value {
        assert!(self.0["components"][section].get(name).is_some(), "there is no {name}");
        json!({"$ref": format!("#/components/{section}/{name}")})
    }

    /// Every schema with a file that is to fit it.
    pub(super) fn examples(&self) -> Vec<(&Value, PathBuf)> {
        let mut found = Vec::new();
        collect_examples(&self.0, &mut found);
        found
    }

    /// What a `$ref` stands for.
    pub(super) fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            None => node,
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap();
                let target = self.0.pointer(pointer);
                self.resolve(target.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
        }
    }

    /// Checks that `instance` fits `schema`.
    #[track_caller]
    pub(super) fn holds(&self, schema: &Value, instance: &Value, what: &str) {
        let faults = self.faults(schema, instance);
        assert!(faults.is_empty(), "{what}: {faults:?} in {instance}");
    }

    /// Where `instance` does not fit `schema`.
    pub(super) fn faults(&self, schema: &Value, instance: &Value) -> Vec<String> {
        let root = json!({"allOf": [schema], "components": self.0["components"]});
        let validator = jsonschema::options().should_validate_formats(true).build(&root).unwrap();
        validator
            .iter_errors(instance)
            .map(|fault| format!("{fault} at {}", fault.instance_path()))
            .collect()
    }

    fn operation(&self, route: PublicRoute) -> &Value {
        let method = route.method().as_str().to_lowercase();
        let operation = &self.0["paths"][route.path()][method];
        assert!(operation.is_object(), "{route:?} is not documented");
        operation
    }

    fn header(&self, route: PublicRoute, name: &str) -> Option<&Value> {
        let lists =
            [&self.0["paths"][route.path()]["parameters"], &self.operation(route)["parameters"]];
        lists
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .map(|parameter| self.resolve(parameter))
            .find(|parameter| {
                parameter["in"] == "header"
                    && parameter["name"].as_str().unwrap().eq_ignore_ascii_case(name)
            })
    }
}

/// The folder of the file.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The members of an object of the file.
#[track_caller]
pub(super) fn object(node: &Value) -> &Map<String, Value> {
    node.as_object().unwrap_or_else(|| panic!("{node} is no object"))
}

/// The words of an `enum`.
#[track_caller]
pub(super) fn words(schema: &Value) -> Vec<String> {
    let words = schema["enum"].as_array().unwrap_or_else(|| panic!("no enum in {schema}"));
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn collect_examples<'a>(node: &'a Value, found: &mut Vec<(&'a Value, PathBuf)>) {
    match node {
        Value::Object(members) => {
            if let (Some(schema), Some(examples)) = (members.get("schema"), members.get("examples"))
            {
                for example in object(examples).values() {
                    let relative = example["externalValue"].as_str().unwrap();
                    found.push((schema, folder().join(relative)));
                }
            }
            members.values().for_each(|member| collect_examples(member, found));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| collect_examples(entry, found)),
        _ => {}
    }
}

fn to_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(truth)) => json!(truth),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(entries) => entries.iter().map(to_json).collect(),
        Yaml::Mapping(members) => members
            .iter()
            .map(|(name, member)| {
                (name.as_str().expect("names are text").to_owned(), to_json(member))
            })
            .collect(),
        other => panic!("the file may not use {other:?}"),
    }
}
