# Into a cluster that others use too: with a namespace of its own, and with the engines that Vault has already.

module "nova" {
  source = "../../nova"

  nomad_jwks_url  = var.nomad_jwks_url
  nomad_namespace = var.nomad_namespace
  consul_prefix   = "nova/prod"

  vault = {
    existing_mounts = ["aws", "kv", "transit"]
    role_arns       = [var.bedrock_role_arn]
    # An authority of its own: nobody else's certificates come from it.
    pki_mount = "pki-nova"
  }

  proxy = {
    version       = var.nova_version
    artifact      = var.artifact
    vault_address = var.vault_address
    config        = <<-HCL
      bedrock {
        vault_credentials {
          role = "nova-bedrock"
        }
      }
    HCL
  }

  agent = {
    version  = var.nova_version
    artifact = var.artifact
  }

  rollout_policies = {
    (var.nomad_namespace) = {
      nova-proxy = "bake_time = \"10m\"\n"
    }
  }
}
