# Made from jobs/nova-agent.nomad.hcl by tests/terraform/generate: change it there.

variable "agent" {
  description = "The job nova-agent: see the inputs of modules/nova-agent-job, whose defaults hold for what is not said. Its version is called version here."
  type = object({
    version            = string
    artifact           = string
    archive_path       = optional(string)
    driver             = optional(string)
    user               = optional(string)
    config             = optional(string)
    region             = optional(string)
    datacenters        = optional(list(string))
    node_pool          = optional(string)
    constraints        = optional(list(object({ attribute = string, operator = string, value = string })))
    host_volume        = optional(string)
    instances          = optional(number)
    distinct_hosts     = optional(bool)
    cpu                = optional(number)
    memory             = optional(number)
    drain_seconds      = optional(number)
    consul_address     = optional(string)
    consul_lines       = optional(string)
    nomad_address      = optional(string)
    service            = optional(string)
    has_vault_identity = optional(bool)
  })
}

module "agent" {
  source = "../modules/nova-agent-job"

  nova_version       = var.agent.version
  artifact           = var.agent.artifact
  archive_path       = var.agent.archive_path
  driver             = var.agent.driver
  user               = var.agent.user
  config             = var.agent.config
  viewer_policies    = try([module.nomad.policy_names.viewer], null)
  operator_policies  = try([module.nomad.policy_names.deployer], null)
  region             = var.agent.region
  namespace          = module.nomad.namespace
  datacenters        = var.agent.datacenters
  node_pool          = var.agent.node_pool
  constraints        = var.agent.constraints
  namespaces         = [module.nomad.namespace]
  host_volume        = var.agent.host_volume
  instances          = var.agent.instances
  distinct_hosts     = var.agent.distinct_hosts
  cpu                = var.agent.cpu
  memory             = var.agent.memory
  drain_seconds      = var.agent.drain_seconds
  consul_address     = var.agent.consul_address
  consul_prefix      = var.consul_prefix
  consul_auth_method = one(module.consul[*].auth_method_name)
  consul_lines       = var.agent.consul_lines
  nomad_address      = var.agent.nomad_address
  service            = var.agent.service
  has_vault_identity = var.agent.has_vault_identity

  depends_on = [module.consul, module.vault]
}
