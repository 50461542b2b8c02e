# The proxies and the agent, on the nodes of ../platform.

module "nova" {
  source = "../../../nova"

  nomad_jwks_url = var.nomad_jwks_url

  vault = {
    role_arns = [var.bedrock_role_arn]
  }

  proxy = {
    version        = var.nova_version
    artifact       = var.artifact
    datacenters    = [var.datacenter]
    bedrock_region = var.region
    vault_address  = var.vault_address
    drain_seconds  = 600
    distinct_hosts = false
    config         = <<-HCL
      bedrock {
        vault_credentials {
          role = "nova-bedrock"
        }
      }
      model "assistant" {
        target = "us.amazon.nova-lite-v1:0"
      }
    HCL
  }

  agent = {
    version        = var.nova_version
    artifact       = var.artifact
    datacenters    = [var.datacenter]
    distinct_hosts = true
  }

  rollout_policies = {
    default = {
      nova-proxy = "bake_time = \"10m\"\n"
    }
  }
}
