# A provider for each region's servers. Tokens come from NOMAD_TOKEN, CONSUL_HTTP_TOKEN and VAULT_TOKEN; where those of the regions
# differ, give each its own root.
provider "nomad" {
  alias   = "us"
  address = var.regions.us.nomad_address
  region  = "us"
}

provider "nomad" {
  alias   = "eu"
  address = var.regions.eu.nomad_address
  region  = "eu"
}

provider "consul" {
  alias   = "us"
  address = var.regions.us.consul_address
}

provider "consul" {
  alias   = "eu"
  address = var.regions.eu.consul_address
}

provider "vault" {}
