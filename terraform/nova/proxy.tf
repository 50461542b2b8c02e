# Made from jobs/nova-proxy.nomad.hcl by tests/terraform/generate: change it there.

variable "proxy" {
  description = "The job nova-proxy: see the inputs of modules/nova-proxy-job, whose defaults hold for what is not said. Its version is called version here."
  type = object({
    version                = string
    artifact               = string
    archive_path           = optional(string)
    driver                 = optional(string)
    user                   = optional(string)
    uid                    = optional(number)
    config                 = optional(string)
    env                    = optional(map(string))
    keys                   = optional(string)
    server_lines           = optional(string)
    ring                   = optional(string)
    bedrock_region         = optional(string)
    region                 = optional(string)
    datacenters            = optional(list(string))
    node_pool              = optional(string)
    spread_attribute       = optional(string)
    spread_percent         = optional(map(number))
    constraints            = optional(list(object({ attribute = string, operator = string, value = string })))
    distinct_hosts         = optional(bool)
    host_volume            = optional(string)
    cpu                    = optional(number)
    memory                 = optional(number)
    instances              = optional(number)
    strategy               = optional(string)
    canaries               = optional(number)
    max_parallel           = optional(number)
    min_healthy_seconds    = optional(number)
    shutdown_delay_seconds = optional(number)
    drain_seconds          = optional(number)
    consul_address         = optional(string)
    consul_lines           = optional(string)
    vault_address          = optional(string)
    vault_lines            = optional(string)
  })
}

module "proxy" {
  source = "../modules/nova-proxy-job"

  nova_version           = var.proxy.version
  artifact               = var.proxy.artifact
  archive_path           = var.proxy.archive_path
  driver                 = var.proxy.driver
  user                   = var.proxy.user
  uid                    = var.proxy.uid
  config                 = var.proxy.config
  env                    = var.proxy.env
  keys                   = var.proxy.keys
  server_lines           = var.proxy.server_lines
  ring                   = var.proxy.ring
  bedrock_region         = var.proxy.bedrock_region
  region                 = var.proxy.region
  namespace              = module.nomad.namespace
  datacenters            = var.proxy.datacenters
  node_pool              = var.proxy.node_pool
  spread_attribute       = var.proxy.spread_attribute
  spread_percent         = var.proxy.spread_percent
  constraints            = var.proxy.constraints
  distinct_hosts         = var.proxy.distinct_hosts
  host_volume            = var.proxy.host_volume
  cpu                    = var.proxy.cpu
  memory                 = var.proxy.memory
  instances              = var.proxy.instances
  strategy               = var.proxy.strategy
  canaries               = var.proxy.canaries
  max_parallel           = var.proxy.max_parallel
  min_healthy_seconds    = var.proxy.min_healthy_seconds
  shutdown_delay_seconds = var.proxy.shutdown_delay_seconds
  drain_seconds          = var.proxy.drain_seconds
  consul_address         = var.proxy.consul_address
  consul_prefix          = var.consul_prefix
  consul_auth_method     = one(module.consul[*].auth_method_name)
  consul_lines           = var.proxy.consul_lines
  vault_address          = var.proxy.vault_address
  vault_mount            = try(module.vault[0].jwt_auth_path, null)
  vault_role             = try(module.vault[0].role_names.proxy, null)
  vault_lines            = var.proxy.vault_lines

  depends_on = [module.consul, module.vault]
}
