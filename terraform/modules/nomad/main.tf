# What `nova-agent setup nomad` brings to Nomad, from the same files: policies, that of the agent bound to its task, and the
# namespace of the jobs.

locals {
  folder = "${path.module}/../../../jobs/policies/nomad"

  # Whose each policy is, by the name of its file.
  whose = {
    deployer           = "people and pipelines who bring versions out"
    viewer             = "people who look at the jobs"
    keys-administrator = "people who give out API keys"
    agent              = "nova-agent as a service"
  }

  marked = {
    for name, _ in local.whose : name => replace(replace(
      file("${local.folder}/${name}.hcl"),
      "namespace \"default\"", "namespace \"@namespace@\""),
    "\"nomad/jobs/nova-proxy\"", "\"nomad/jobs/@job@\"")
  }
  rules = {
    for name, text in local.marked : name => replace(replace(text, "@namespace@", var.namespace), "@job@", var.proxy_job)
  }
}

# The namespace default is there from the beginning, and Terraform could not take it away.
resource "nomad_namespace" "this" {
  count = var.create_namespace && var.namespace != "default" ? 1 : 0

  name        = var.namespace
  description = "nova-proxy (kept by Terraform)"
}

resource "nomad_acl_policy" "this" {
  for_each = var.has_acl ? local.rules : {}

  name        = "${var.names}-${each.key}"
  description = "${local.whose[each.key]} (kept by Terraform)"
  rules_hcl   = each.value

  # People have tokens; a task has its identity.
  dynamic "job_acl" {
    for_each = each.key == "agent" ? [true] : []
    content {
      namespace = var.namespace
      job_id    = var.agent_job
      group     = "agent"
      task      = "nova-agent"
    }
  }

  depends_on = [nomad_namespace.this]
}
