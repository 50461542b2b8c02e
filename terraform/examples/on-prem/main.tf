# Machines of one's own, with Consul, Vault and Nomad on them. AWS credentials come from Vault, since there is no instance profile.

locals {
  endpoint = var.bedrock_endpoint == "" ? "" : "endpoint = \"${var.bedrock_endpoint}\"\n"
}

module "nova" {
  source = "../../nova"

  nomad_jwks_url = var.nomad_jwks_url

  vault = {
    existing_mounts           = var.existing_vault_mounts
    role_arns                 = [var.bedrock_role_arn]
    allow_destruction_of_keys = var.is_trial
  }

  proxy = {
    version        = var.nova_version
    artifact       = var.artifact
    driver         = var.driver
    user           = var.user
    uid            = var.uid
    instances      = var.instances
    memory         = var.memory
    consul_address = var.consul_address
    vault_address  = var.vault_address
    config         = <<-HCL
      bedrock {
        ${local.endpoint}vault_credentials {
          role = "nova-bedrock"
        }
      }
    HCL
  }

  agent = {
    version        = coalesce(var.agent_version, var.nova_version)
    artifact       = coalesce(var.agent_artifact, var.artifact)
    driver         = var.driver
    user           = var.user
    consul_address = var.consul_address
  }

  rollout_policies = {
    default = {
      nova-proxy = <<-HCL
        bake_time           = "${var.bake_time}"
        post_promotion_bake = "${var.bake_time}"
      HCL
    }
  }
}
