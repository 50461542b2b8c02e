# One job over both halves: most instances near Bedrock, some near the applications, and each half able to go on alone.

module "nova" {
  source = "../../../nova"

  nomad_jwks_url = var.nomad_jwks_url

  vault = {
    role_arns = [var.bedrock_role_arn]
  }

  proxy = {
    version       = var.nova_version
    artifact      = var.artifact
    instances     = 6
    canaries      = 2 # One in each half.
    vault_address = var.vault_address
    datacenters   = [var.own_datacenter, var.cloud_datacenter]
    constraints   = [{ attribute = "meta.egress", operator = "=", value = "bedrock" }]
    spread_percent = {
      (var.cloud_datacenter) = var.percent_in_cloud
      (var.own_datacenter)   = 100 - var.percent_in_cloud
    }
    config = <<-HCL
      bedrock {
        vault_credentials {
          role = "nova-bedrock"
        }
      }
    HCL
  }

  agent = {
    version     = var.nova_version
    artifact    = var.artifact
    datacenters = [var.own_datacenter, var.cloud_datacenter]
  }

  rollout_policies = {
    default = {
      nova-proxy = "bake_time = \"15m\"\n"
    }
  }
}
