//! The projects of one domain, and the counter of all their changes.
//! It must never count back, and must know no number twice, not even for a change that was taken back.

use std::collections::HashMap;

use super::project::Project;
use super::topic::Topic;

/// How far the counter goes on with each start: numbers that were told and not kept before a crash are never met again.
/// Far fewer changes wait for the store at one time.
const RESTART_STEP: u64 = 100_000;
/// The most sets of labels that are remembered after their last record is gone.
const EMPTY_SETS_MAX: usize = 1_000;

/// One domain.
#[derive(Debug, Default)]
pub(crate) struct Domain {
    /// Number of the last change.
    pub(crate) revision: u64,
    /// Of changes before this one it is not remembered what they were of.
    floor: u64,
    projects: HashMap<String, Project>,
}

impl Domain {
    pub(crate) fn count(&self) -> usize {
        self.projects.values().map(Project::count).sum()
    }

    pub(crate) fn set_count(&self) -> usize {
        self.projects.values().map(Project::set_count).sum()
    }

    pub(crate) fn project(&self, name: &str) -> Option<&Project> {
        self.projects.get(name)
    }

    /// The project of this name, made where there is none.
    pub(crate) fn project_mut(&mut self, name: &str) -> &mut Project {
        if !self.projects.contains_key(name) {
            self.projects.insert(name.to_owned(), Project::default());
        }
        self.projects.get_mut(name).expect("it is there by now")
    }

    pub(crate) fn projects(&self) -> impl Iterator<Item = &Project> {
        self.projects.values()
    }

    /// Counts a change. Its number was never that of another.
    pub(crate) fn count_up(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// Number of the last change of a topic, or of a later one where that is not remembered.
    pub(crate) fn changed(&self, project: &str, topic: &Topic) -> u64 {
        let changed = self.projects.get(project).map_or(0, |project| project.changed(topic));
        changed.max(self.floor)
    }

    /// As [`Self::changed`], of a number that was found otherwise.
    pub(crate) fn at_least(&self, changed: u64) -> u64 {
        changed.max(self.floor)
    }

    /// Forgets labels without records, once there are many. What is forgotten counts as changed.
    pub(crate) fn sweep(&mut self) {
        if self.set_count() <= self.count() + EMPTY_SETS_MAX {
            return;
        }
        self.projects.values_mut().for_each(Project::sweep);
        self.projects.retain(|_, project| project.set_count() > 0);
        self.floor = self.revision;
    }

    pub(crate) fn begin_life(&mut self) {
        if self.revision > 0 {
            self.revision += RESTART_STEP;
        }
        self.floor = self.revision;
        for project in self.projects.values_mut() {
            let known: std::collections::HashSet<_> =
                project.records().map(|record| record.id.clone()).collect();
            project.older.retain(|id, _| known.contains(id));
        }
    }
}
