//! A job with its versions: what was asked of it, which is the same and which is not.

use serde_json::{Value, json};

/// Where a job is.
pub(super) type Place = (String, String);

/// A job in one of its lives.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) namespace: String,
    pub(super) id: String,
    pub(super) create_index: u64,
    /// The index of its last change of any kind.
    pub(super) modify_index: u64,
    pub(super) is_stopped: bool,
    /// The oldest first; never empty.
    versions: Vec<Version>,
}

/// One version of a job.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) number: u64,
    /// As it was registered.
    specification: Value,
    pub(super) is_stable: bool,
    pub(super) job_modify_index: u64,
    pub(super) tag: Option<(String, String)>,
}

/// What a group asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) count: usize,
    pub(super) canaries: usize,
    pub(super) max_parallel: usize,
    pub(super) auto_revert: bool,
    pub(super) auto_promote: bool,
    /// In nanoseconds.
    pub(super) progress_deadline: u64,
}

impl Version {
    pub(super) fn new(number: u64, specification: Value, job_modify_index: u64) -> Self {
        Self { number, specification, is_stable: false, job_modify_index, tag: None }
    }

    /// The same specification as another version of the job.
    pub(super) fn again(&self, number: u64, job_modify_index: u64) -> Self {
        Self::new(number, self.specification.clone(), job_modify_index)
    }

    /// What tells its program from another one, by the job's meta.
    pub(super) fn label(&self) -> String {
        self.specification["Meta"]["version"].as_str().unwrap_or("unnamed").to_owned()
    }

    /// What makes its allocations others than those of another version: without it a change is made in place.
    pub(super) fn tasks(&self) -> Value {
        let groups = self.specification["TaskGroups"].as_array().cloned().unwrap_or_default();
        let groups: Vec<Value> =
            groups.iter().map(|group| json!([group["Name"], group["Meta"], group["Tasks"]])).collect();
        json!([self.specification["Meta"], groups])
    }

    /// The name of a group's first task.
    pub(super) fn task(&self, group: &str) -> String {
        let groups = self.specification["TaskGroups"].as_array().into_iter().flatten();
        let own = groups.into_iter().find(|found| found["Name"] == group);
        own.and_then(|group| group["Tasks"][0]["Name"].as_str()).unwrap_or("task").to_owned()
    }

    /// The service of a group's instances; called as the job where it says none.
    pub(super) fn service(&self, group: &str) -> String {
        let groups = self.specification["TaskGroups"].as_array().into_iter().flatten();
        let own = groups.into_iter().find(|found| found["Name"] == group);
        let name = own.and_then(|group| group["Services"][0]["Name"].as_str());
        name.or_else(|| self.specification["ID"].as_str()).unwrap_or_default().to_owned()
    }

    /// Whether another version asks for the same in all.
    pub(super) fn is_same(&self, specification: &Value) -> bool {
        let part = |of: &Value| [&of["Meta"], &of["TaskGroups"], &of["Update"]].map(Clone::clone);
        part(&self.specification) == part(specification)
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        let groups = self.specification["TaskGroups"].as_array().cloned().unwrap_or_default();
        groups.iter().map(|group| self.group(group)).collect()
    }

    fn group(&self, group: &Value) -> Group {
        // The group's own update block wins over the job's.
        let update =
            |name: &str| [&group["Update"][name], &self.specification["Update"][name]].map(Clone::clone);
        let number =
            |name: &str| update(name).iter().find_map(Value::as_u64).and_then(|found| found.try_into().ok());
        let is = |name: &str| update(name).iter().find_map(Value::as_bool).unwrap_or_default();
        Group {
            name: group["Name"].as_str().unwrap_or_default().to_owned(),
            count: group["Count"].as_u64().and_then(|count| count.try_into().ok()).unwrap_or(1),
            canaries: number("Canary").unwrap_or_default(),
            max_parallel: number("MaxParallel").unwrap_or(1),
            auto_revert: is("AutoRevert"),
            auto_promote: is("AutoPromote"),
            progress_deadline: update("ProgressDeadline")
                .iter()
                .find_map(Value::as_u64)
                .unwrap_or(600_000_000_000),
        }
    }
}

impl Job {
    pub(super) fn new((namespace, id): Place, first: Version, index: u64) -> Self {
        Self {
            namespace,
            id,
            create_index: index,
            modify_index: index,
            is_stopped: false,
            versions: vec![first],
        }
    }

    /// The newest version.
    #[expect(clippy::expect_used, reason = "a job is made with a version, and none is ever removed")]
    pub(super) fn newest(&self) -> &Version {
        self.versions.last().expect("a job has a version")
    }

    pub(super) fn version(&self, number: u64) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    pub(super) fn version_mut(&mut self, number: u64) -> Option<&mut Version> {
        self.versions.iter_mut().find(|version| version.number == number)
    }

    /// The newest first.
    pub(super) fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().rev()
    }

    pub(super) fn push(&mut self, version: Version, index: u64) {
        self.versions.push(version);
        self.modify_index = index;
        self.is_stopped = false;
    }

    /// One version as the API writes it.
    pub(super) fn json(&self, version: &Version) -> Value {
        let mut json = version.specification.clone();
        let tag = version
            .tag
            .as_ref()
            .map(|(name, description)| json!({ "Name": name, "Description": description, "TaggedTime": 0 }));
        let facts = json!({
            "ID": self.id, "Name": self.id, "Namespace": self.namespace, "Version": version.number, "Stable": version.is_stable,
            "Stop": self.is_stopped, "Status": if self.is_stopped { "dead" } else { "running" }, "Type": "service",
            "CreateIndex": self.create_index, "ModifyIndex": self.modify_index, "JobModifyIndex": version.job_modify_index,
            "VersionTag": tag,
        });
        if let (Some(json), Some(facts)) = (json.as_object_mut(), facts.as_object()) {
            json.extend(facts.clone());
        }
        json
    }
}
