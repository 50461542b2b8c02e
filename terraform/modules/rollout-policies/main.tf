# By what the agent judges new versions. The agent reads these keys, and nothing but this writes them.

resource "consul_keys" "this" {
  for_each = merge([
    for namespace, policies in var.policies : { for job, text in policies : "${namespace}/${job}" => text }
  ]...)

  key {
    path   = "${var.prefix}/policies/${each.key}"
    value  = each.value
    delete = true
  }
}
