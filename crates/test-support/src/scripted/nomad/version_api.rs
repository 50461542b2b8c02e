//! What is said of a job's versions: that one is stable, and that one has a name.

use serde_json::json;

use super::super::http::{Asked, Said, decoded};
use super::cluster::Cluster;

impl Cluster {
    /// `POST /v1/job/…/stable`
    pub(super) fn set_stable(&mut self, asked: &Asked, id: &str) -> Said {
        let body = match asked.json() {
            Ok(body) if body["JobID"] == decoded(id).as_str() => body,
            Ok(_) => return Said::text(400, "Job ID does not match"),
            Err(said) => return said,
        };
        let (place, index) = (Self::place(asked, id), self.next_index());
        let number = body["JobVersion"].as_u64().unwrap_or_default();
        let Some(job) = self.jobs.get_mut(&place) else {
            return Said::text(500, &format!("job \"{}\" in namespace \"{}\" not found", place.1, place.0));
        };
        job.modify_index = index;
        let Some(version) = job.version_mut(number) else {
            let text =
                format!("job \"{}\" in namespace \"{}\" at version {number} not found", place.1, place.0);
            return Said::text(500, &text);
        };
        version.is_stable = body["Stable"] == true;
        self.jobs_index = index;
        self.acts.push(format!("stable {} {number}", place.1));
        Said::json(&json!({ "Index": index })).at(index)
    }

    /// `POST /v1/job/…/versions/…/tag`
    pub(super) fn tag_version(&mut self, asked: &Asked, id: &str, name: &str) -> Said {
        let body = match asked.json() {
            Ok(body) => body,
            Err(said) => return said,
        };
        let (place, index, name) = (Self::place(asked, id), self.next_index(), decoded(name));
        let Some(job) = self.jobs.get_mut(&place) else {
            return Said::text(404, "job not found");
        };
        let number = body["Version"].as_u64().unwrap_or_else(|| job.newest().number);
        let holder = job.versions().find(|version| version.tag.as_ref().is_some_and(|(tag, _)| *tag == name));
        if holder.is_some_and(|version| version.number != number) {
            let text = format!("tag \"{name}\" already exists on a different version of job \"{}\"", place.1);
            return Said::text(500, &text);
        }
        let Some(version) = job.version_mut(number) else {
            return Said::text(404, &format!("job \"{}\" version {number} not found", place.1));
        };
        let description = body["Description"].as_str().unwrap_or_default().to_owned();
        version.tag = Some((name.clone(), description.clone()));
        self.jobs_index = index;
        self.acts.push(format!("tag {} {number} {name}", place.1));
        Said::json(&json!({ "Name": name, "Description": description, "TaggedTime": 0, "Index": index }))
            .at(index)
    }

    /// `DELETE /v1/job/…/versions/…/tag`
    pub(super) fn remove_tag(&mut self, asked: &Asked, id: &str, name: &str) -> Said {
        let (place, index, name) = (Self::place(asked, id), self.next_index(), decoded(name));
        let Some(job) = self.jobs.get_mut(&place) else {
            return Said::text(404, "job not found");
        };
        let holder = job.versions().find(|version| version.tag.as_ref().is_some_and(|(tag, _)| *tag == name));
        let Some(number) = holder.map(|version| version.number) else {
            return Said::text(500, &format!("tag \"{name}\" not found on job \"{}\"", place.1));
        };
        if let Some(version) = job.version_mut(number) {
            version.tag = None;
        }
        self.jobs_index = index;
        Said::json(&json!({ "Name": "", "Description": "", "TaggedTime": 0, "Index": index })).at(index)
    }
}
