# What a node is told at its first start, for images of packer/ in any cloud. No secret is in it: whoever may describe a machine can
# read this. The node fetches its secrets by its own identity, from where this says.

locals {
  node = {
    cloud                    = var.cloud
    datacenter               = var.datacenter
    consul_datacenter        = coalesce(var.consul_datacenter, var.datacenter)
    region                   = var.region
    retry_join               = var.retry_join
    node_pool                = var.node_pool
    meta                     = merge(var.meta, { cloud = var.cloud })
    secret                   = var.secret
    max_kill_timeout_seconds = var.max_kill_timeout_seconds
  }

  # YAML takes JSON as it is.
  cloud_config = {
    write_files = [{
      path        = "/etc/nova-node/node.json"
      owner       = "root:root"
      permissions = "0644"
      content     = jsonencode(local.node)
    }]
    runcmd = [["systemctl", "enable", "--now", "nova-node.service"]]
  }
}
