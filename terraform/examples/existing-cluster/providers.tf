# Where the servers are, and with what rights, is said by the usual variables of the environment: NOMAD_ADDR and NOMAD_TOKEN,
# CONSUL_HTTP_ADDR and CONSUL_HTTP_TOKEN, VAULT_ADDR and VAULT_TOKEN, and those for certificates. So no secret is in a file or a state.
provider "nomad" {}

provider "consul" {}

provider "vault" {}
