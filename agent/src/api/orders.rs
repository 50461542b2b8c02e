//! Orders: what only the leader carries out. Another instance sends the caller there.

use jiff::Timestamp;
use serde_json::{Value, json};
use slog::info;

use super::rollouts::{Order, RolloutsError};
use super::{Api, ApiError, Caller};
use crate::driver::TaskStatus;
use crate::leader::Leadership;
use crate::rollout::observation::{Command, CommandKind};
use crate::rollout::record::Target;

/// The scope of tasks that the leader alone runs, as their status has it.
const LEADERS: &str = "leader";

impl Api {
    /// Activates a task now. A task of the leader's is activated on the leader.
    pub(super) fn activate(&self, name: &str, path: &str, caller: &Caller) -> Result<TaskStatus, ApiError> {
        let no_task = || ApiError::NoTask { name: name.to_owned() };
        let statuses = self.driver.statuses();
        let status = statuses.iter().find(|status| status.name == name).ok_or_else(no_task)?;
        if status.scope == LEADERS {
            self.leading(path)?;
        }
        info!(self.log, "a task is activated by hand"; "task" => name, "by" => &caller.name);
        self.driver.activate(name).map_err(|_unknown| no_task())
    }

    /// Hands an order to the engine, and wakes it.
    pub(super) async fn order(
        &self,
        target: &Target,
        kind: CommandKind,
        order: Order,
        path: &str,
        caller: Caller,
    ) -> Result<Value, ApiError> {
        let leadership = self.leading(path)?;
        let Order { deployment_id, reason } = order;
        let command = Command::new(kind, &deployment_id, &caller.name, &reason, Timestamp::now());
        info!(self.log, "an order for a rollout"; "order" => kind.as_str(), "by" => &command.by,
            "namespace" => &target.namespace, "job" => &target.job, "deployment" => &command.deployment_id,
            "reason" => &command.reason);
        let told = json!({
            "namespace": target.namespace, "job": target.job, "deployment_id": command.deployment_id,
            "order": kind, "by": command.by, "reason": command.reason,
        });
        match self.rollouts.command(&leadership, target, command).await {
            Ok(record) => {
                self.events.record("order", told);
                // Nothing to wake where this agent has no such task: the record is there for whoever has it.
                drop(self.driver.activate(crate::tasks::ROLLOUTS));
                Ok(record)
            }
            Err(RolloutsError::NotLeading) => {
                leadership.doubt();
                Err(RolloutsError::NotLeading.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The leadership of this instance; where another one leads, the way to it.
    fn leading(&self, path: &str) -> Result<Leadership, ApiError> {
        if let Some(leadership) = self.acting() {
            return Ok(leadership);
        }
        let standing = self.standing.borrow().clone();
        let Some(holder) = standing.holder.filter(|holder| holder.instance != self.instance) else {
            let what = standing.fault.map_or_else(
                || "nobody leads at the moment".to_owned(),
                |fault| format!("who leads is not known: {fault}"),
            );
            return Err(ApiError::NoLeader { what });
        };
        match holder.api {
            Some(api) => {
                Err(ApiError::Elsewhere { location: format!("{}{path}", api.trim_end_matches('/')) })
            }
            None => Err(ApiError::NoLeader {
                what: format!(
                    "{} leads, and has no address that others reach: ask it by its Unix socket, or write listen and advertise in its configuration",
                    holder.instance
                ),
            }),
        }
    }
}
