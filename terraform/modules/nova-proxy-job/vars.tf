# Made from jobs/nova-proxy.nomad.hcl by tests/terraform/generate: change it there.

locals {
  # Texts as they are; all else as an expression of HCL, which JSON is but for the signs that begin a template.
  vars = {
    version                = var.nova_version
    artifact               = var.artifact
    archive_path           = var.archive_path
    driver                 = var.driver
    user                   = var.user
    uid                    = tostring(var.uid)
    config                 = var.config
    env                    = replace(jsonencode(var.env), "/([$%])\\{/", "$1$1{")
    keys                   = var.keys
    server_lines           = var.server_lines
    ring                   = var.ring
    bedrock_region         = var.bedrock_region
    region                 = var.region
    namespace              = var.namespace
    datacenters            = replace(jsonencode(var.datacenters), "/([$%])\\{/", "$1$1{")
    node_pool              = var.node_pool
    spread_attribute       = var.spread_attribute
    spread_percent         = replace(jsonencode(var.spread_percent), "/([$%])\\{/", "$1$1{")
    constraints            = replace(jsonencode(var.constraints), "/([$%])\\{/", "$1$1{")
    distinct_hosts         = tostring(var.distinct_hosts)
    host_volume            = var.host_volume
    cpu                    = tostring(var.cpu)
    memory                 = tostring(var.memory)
    instances              = tostring(var.instances)
    strategy               = var.strategy
    canaries               = tostring(var.canaries)
    max_parallel           = tostring(var.max_parallel)
    min_healthy_seconds    = tostring(var.min_healthy_seconds)
    shutdown_delay_seconds = tostring(var.shutdown_delay_seconds)
    drain_seconds          = tostring(var.drain_seconds)
    consul_address         = var.consul_address
    consul_prefix          = var.consul_prefix
    consul_auth_method     = var.consul_auth_method
    consul_lines           = var.consul_lines
    vault_address          = var.vault_address
    vault_mount            = var.vault_mount
    vault_role             = var.vault_role
    vault_lines            = var.vault_lines
  }
}
