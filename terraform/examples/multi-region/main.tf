# Two regions of Nomad with a Consul each, and one Vault. Each has its own agent, prefix and roles: nothing of one depends on the other,
# and data of the one stays in its geography.

module "us" {
  source = "../../nova"

  providers = {
    nomad  = nomad.us
    consul = consul.us
    vault  = vault
  }

  names          = "nova-us"
  nomad_jwks_url = var.regions.us.jwks_url
  consul_prefix  = "nova/us"

  vault = {
    existing_mounts = ["aws", "pki", "kv", "transit"]
    aws_role        = "nova-bedrock-us"
    pki_role        = "nova-proxy-us"
    kv_path         = "nova/us"
    jwt_auth_path   = "jwt-nomad-us"
    role_arns       = [var.bedrock_role_arns.us]
  }

  proxy = {
    version        = var.nova_versions.us
    artifact       = var.artifacts.us
    region         = "us"
    bedrock_region = "us-east-1"
    vault_address  = var.vault_address
    config         = <<-HCL
      bedrock {
        failover_regions = ["us-west-2"]
        vault_credentials {
          role = "nova-bedrock-us"
        }
      }
    HCL
  }

  agent = {
    version  = var.nova_versions.us
    artifact = var.artifacts.us
    region   = "us"
  }

  rollout_policies = {
    default = {
      nova-proxy = "bake_time = \"10m\"\n"
    }
  }
}

module "eu" {
  source = "../../nova"

  providers = {
    nomad  = nomad.eu
    consul = consul.eu
    vault  = vault
  }

  names          = "nova-eu"
  nomad_jwks_url = var.regions.eu.jwks_url
  consul_prefix  = "nova/eu"

  vault = {
    existing_mounts = ["aws", "pki", "kv", "transit"]
    aws_role        = "nova-bedrock-eu"
    pki_role        = "nova-proxy-eu"
    kv_path         = "nova/eu"
    jwt_auth_path   = "jwt-nomad-eu"
    role_arns       = [var.bedrock_role_arns.eu]
  }

  proxy = {
    version        = var.nova_versions.eu
    artifact       = var.artifacts.eu
    region         = "eu"
    bedrock_region = "eu-central-1"
    vault_address  = var.vault_address
    config         = <<-HCL
      bedrock {
        residency        = "eu"
        failover_regions = ["eu-west-1"]
        vault_credentials {
          role = "nova-bedrock-eu"
        }
      }
    HCL
  }

  agent = {
    version  = var.nova_versions.eu
    artifact = var.artifacts.eu
    region   = "eu"
  }

  rollout_policies = {
    default = {
      nova-proxy = "bake_time = \"30m\"\n"
    }
  }
}
