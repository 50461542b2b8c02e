# What `nova-agent setup consul` brings to Consul, from the same files: policies, and the role that the tasks of each job get for
# their identity.

locals {
  folder = "${path.module}/../../../jobs/policies/consul"

  # Whose each policy is, by the name of its file.
  whose = {
    proxy                  = "instances of nova-proxy"
    operator               = "people who configure the proxies"
    security-administrator = "people who decide who may call what"
    agent                  = "nova-agent as a service"
  }

  # The names of the guide give way to marks before the names of this installation take the place of those, so that what was put in
  # is not looked at again.
  marked = {
    for name, _ in local.whose : name => replace(replace(
      file("${local.folder}/${name}.hcl"),
      "\"nova/default", "\"@prefix@"),
    "service \"nova-proxy\"", "service \"@service@\"")
  }
  rules = {
    for name, text in local.marked : name => replace(replace(text, "@prefix@", var.prefix), "@service@", var.service)
  }

  auth_method = jsondecode(file("${local.folder}/auth-method.json"))

  # The jobs whose tasks log in, by the name of their policy.
  jobs = {
    proxy = { job = var.proxy_job, whose = "instances of nova-proxy" }
    agent = { job = var.agent_job, whose = "instances of nova-agent" }
  }
}

resource "consul_acl_policy" "this" {
  for_each = local.rules

  name        = "${var.names}-${each.key}"
  description = "${local.whose[each.key]} (kept by Terraform)"
  rules       = each.value
}

# The proxy and the agent log in by themselves, and anew before their tokens end: unlike Nomad, which expects its tokens to last as
# long as the allocation. So there may be, and is, a longest life.
resource "consul_acl_auth_method" "this" {
  name           = var.auth_method_name
  type           = "jwt"
  description    = "tasks of Nomad (kept by Terraform)"
  max_token_ttl  = "3600s"
  token_locality = "local"

  config_json = jsonencode(merge(
    local.auth_method,
    { JWKSURL = var.nomad_jwks_url },
    var.nomad_jwks_ca_pem == null ? {} : { JWKSCACert = var.nomad_jwks_ca_pem },
  ))
}

resource "consul_acl_role" "this" {
  for_each = local.jobs

  name        = "${var.names}-${each.key}"
  description = "${each.value.whose} (kept by Terraform)"
  policies    = [consul_acl_policy.this[each.key].id]
}

resource "consul_acl_binding_rule" "this" {
  for_each = local.jobs

  auth_method = consul_acl_auth_method.this.name
  description = "${each.value.whose} (kept by Terraform)"
  selector    = "value.nomad_namespace == \"${var.nomad_namespace}\" and value.nomad_job_id == \"${each.value.job}\""
  bind_type   = "role"
  bind_name   = consul_acl_role.this[each.key].name
}
