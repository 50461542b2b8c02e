# Made from jobs/nova-agent.nomad.hcl by tests/terraform/generate: change it there.

locals {
  # Texts as they are; all else as an expression of HCL, which JSON is but for the signs that begin a template.
  vars = {
    version            = var.nova_version
    artifact           = var.artifact
    archive_path       = var.archive_path
    driver             = var.driver
    user               = var.user
    config             = var.config
    viewer_policies    = replace(jsonencode(var.viewer_policies), "/([$%])\\{/", "$1$1{")
    operator_policies  = replace(jsonencode(var.operator_policies), "/([$%])\\{/", "$1$1{")
    region             = var.region
    namespace          = var.namespace
    datacenters        = replace(jsonencode(var.datacenters), "/([$%])\\{/", "$1$1{")
    node_pool          = var.node_pool
    constraints        = replace(jsonencode(var.constraints), "/([$%])\\{/", "$1$1{")
    namespaces         = replace(jsonencode(var.namespaces), "/([$%])\\{/", "$1$1{")
    host_volume        = var.host_volume
    instances          = tostring(var.instances)
    distinct_hosts     = tostring(var.distinct_hosts)
    cpu                = tostring(var.cpu)
    memory             = tostring(var.memory)
    drain_seconds      = tostring(var.drain_seconds)
    consul_address     = var.consul_address
    consul_prefix      = var.consul_prefix
    consul_auth_method = var.consul_auth_method
    consul_lines       = var.consul_lines
    nomad_address      = var.nomad_address
    service            = var.service
    has_vault_identity = tostring(var.has_vault_identity)
  }
}
