# What nova-agent may do as a service of its own: follow deployments, and promote, fail and revert them. Nomad asks for submit-job
# for each of these, so that this is a right to run any job of this namespace. Granted ahead: the agent of this version is a command.
namespace "default" {
  capabilities = ["list-jobs", "read-job", "submit-job"]
}
