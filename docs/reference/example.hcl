# Every field of Bedrock Nova Proxy's configuration with its default.
#
# Lines that begin with "#" and no space are fields without a default: take the "#" away to use them.
# "bootstrap" fields are fixed when the process starts; "runtime" fields follow a reload.

# The versions that can read this document. bootstrap
#requires = ">= 0.1"

# The address that serves the OpenAI API. bootstrap
listen = "127.0.0.1:8080"

# The address that serves metrics and health. Without it there is no such listener. bootstrap
#metrics = "127.0.0.1:8082"

# Where operators reach this instance: a loopback address, or the path of a Unix socket. bootstrap
#admin = "127.0.0.1:8081"

# The directory in which this instance keeps what must outlive it, such as the last documents of Consul that were in force. It
# must exist, and belong to one instance alone. bootstrap
#data_dir = "/var/lib/nova-proxy"

# The name of this instance; by default the Nomad allocation's id, else the host's name with the port of listen. bootstrap
#instance = "nova-1"

# Written by the document config of Consul alone: the documents below config.d/ without which it is refused. runtime
# fragments = ["limits", "models"]

# Whether a parameter that Nova cannot honor is refused with 400, or left out and named in a header. runtime
strict = false

# Whether well-known OpenAI names and Nova's own are served without a model block. Turn it off where every request must go
# through a block, for its guardrail say. runtime
well_known_models = true

# Pairs that every call carries into Bedrock's invocation log, at most 16. In a value {key_id}, {key_name}, {team} and {model}
# stand for the caller's key, its team and the served name. runtime
#request_metadata = { cost_center = "4711", team = "{team}", key = "{key_id}" }

# The rollout ring, a label on every metric. bootstrap
ring = "stable"

log {
  level  = "info" # error, warn, info or debug. runtime
  format = "json" # json or text. bootstrap
}

# All bootstrap.
server {
  max_connections = 10000
  header_timeout  = "10s"
  idle_timeout    = "75s"
  write_timeout   = "60s"
  drain_min_delay = "0s"
  drain_timeout   = "30s"

  trusted_proxies  = []                # load balancers whose word on a client's address is believed, such as "10.0.0.0/8"
  proxy_protocol   = false             # whether their connections begin with a PROXY protocol header
  forwarded_header = "x-forwarded-for" # or "forwarded": the one that they set themselves
}

# TLS on the API listener. The files are read again when they change, and on SIGHUP. All bootstrap.
#tls {
  #cert_file = "/etc/nova/tls/cert.pem" # the certificate and its chain
  #key_file  = "/etc/nova/tls/key.pem"

  # In place of files: Vault signs, the key is made and stays in memory, and both are new when a third of the life is left.
  #vault_certificate {
    #mount       = "pki"              # where the engine is
    #role        = "nova-proxy"       # required; it has to take EC keys
    #common_name = "nova.example.com" # required; the role has to allow it, and all names below
    #alt_names   = ["nova-proxy.service.consul"]
    #ip_sans     = ["10.0.0.7"]
    #uri_sans    = ["spiffe://example.com/nova-proxy"]
    #ttl         = "72h" # as the role says where it is not written
  #}

  # With it, clients need a certificate of one of these authorities.
  #client_ca_file = "/etc/nova/tls/client-ca.pem"

  #min_version = "1.2" # or "1.3"
  #metrics     = false # whether the metrics listener speaks TLS too
#}

bedrock {
  region = "us-east-1" # required; or AWS_REGION, AWS_DEFAULT_REGION. bootstrap

  # Or AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_ENDPOINT_URL; AWS's own where none is set. bootstrap
  #endpoint = "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"

  # Other regions that may be asked when region cannot answer; and where they are, if not at AWS's own. bootstrap
  regions = []
  #endpoints = { "us-west-2" = "https://vpce-2.bedrock-runtime.us-west-2.vpce.amazonaws.com" }

  # The geography that requests never leave: us, us-gov, ca, eu, apac, jp or au. bootstrap
  #residency = "us"

  # Certificates that are trusted in place of the machine's own; or AWS_CA_BUNDLE. bootstrap
  #ca_file = "/etc/ssl/certs/company.pem"

  # Which of AWS's own endpoints are called. bootstrap
  use_fips       = false # FIPS 140 validated ones
  use_dual_stack = false # those that answer on IPv6 too

  # The IAM role that calls are made as, assumed with the machine's own credentials. bootstrap
  #assume_role {
    #arn          = "arn:aws:iam::123456789012:role/nova"
    #external_id  = "nova-proxy-7f3a"
    #session_name = "nova-proxy"
    #session_tags = { team = "platform" }
  #}

  # AWS credentials that Vault's AWS engine gives, in place of the machine's own; a role above is assumed with them. It needs the block
  # vault. bootstrap
  #vault_credentials {
    #mount        = "aws"
    #role         = "nova-bedrock"
    #role_arn     = "arn:aws:iam::123456789012:role/nova" # where the engine's role allows several
    #session_name = "nova-proxy" # the name of the instance where it is not written
    #ttl          = "1h" # as the engine's role says where it is not written
  #}

  # All runtime from here.

  # Which of regions are asked, in this order. All of them where it is not written.
  #failover_regions  = ["us-west-2"]
  spill_on_throttle = false # whether a throttled call goes on to the next region

  connect_timeout     = "3s"
  first_byte_timeout  = "60m" # an answer that is not streamed comes whole, and may take an hour
  stream_idle_timeout = "10m"

  # A stream whose first event does not come within this time goes on to the next region, where one stands ready.
  stream_failover_after = "20s"

  retry {
    max_attempts = 3
    base_delay   = "100ms"
    max_delay    = "5s"
  }

  # For each model in each region: when it counts as failed, and how it is tried again.
  breaker {
    consecutive_failures = 5
    failure_percent      = 50 # of at least min_calls within half a minute
    min_calls            = 20
    open_for             = "5s" # the first time; twice as long each time that it opens again soon
    open_max             = "2m"
    probes               = 3
  }
}

# Vault: AWS credentials, by bedrock.vault_credentials. Without this block there is no Vault, whatever the environment says. All bootstrap.
#vault {
  # Where a server, an agent or a proxy of Vault listens: http://, https:// or unix:// with the path of a socket. Or VAULT_ADDR;
  # https://127.0.0.1:8200 where none is set.
  #address   = "https://vault.example.com:8200"
  #namespace = "platform" # or VAULT_NAMESPACE

  # For an https address; or VAULT_CACERT, VAULT_CLIENT_CERT, VAULT_CLIENT_KEY, VAULT_TLS_SERVER_NAME.
  #ca_file     = "/etc/nova/vault/ca.pem"
  #cert_file   = "/etc/nova/vault/cert.pem"
  #key_file    = "/etc/nova/vault/key.pem"
  #server_name = "vault.service.consul"

  # One of these, or VAULT_TOKEN: a login with the identity that Nomad gives to a task, one with a role id and a secret id, or a token that
  # something else keeps in a file.
  #jwt {
    #mount    = "jwt-nomad"
    #role     = "nova-proxy"
    #jwt_file = "/secrets/nomad_vault_default.jwt" # read again at each login; this one below NOMAD_SECRETS_DIR where it is not written
  #}

  #approle {
    #mount            = "approle"
    #role_id          = "1b7e3a52-5e1c-4d0c-9f0f-2d6c5a3f8e11"
    #secret_id_file   = "/etc/nova/vault/secret-id"
    #wrapped_for_role = "nova-proxy" # the file holds a wrapping token around the secret id of this role, and is used once
  #}

  #token_file = "/run/vault/token"
#}

# Consul: the documents config and config.d/<name> below kv_prefix are laid over the files, and the instance registers itself.
# Without this block there is no Consul, whatever the environment says; with it, data_dir is needed. All bootstrap.
#consul {
  # Where the local agent listens: http://, https:// or unix:// with the path of a socket. Or CONSUL_HTTP_ADDR with
  # CONSUL_HTTP_SSL; http://127.0.0.1:8500 where none is set.
  #address   = "https://127.0.0.1:8501"
  #kv_prefix = "nova/default"

  # The ACL token is in this file (or CONSUL_HTTP_TOKEN_FILE), or it is CONSUL_HTTP_TOKEN, or there is a login.
  #token_file = "/etc/nova/consul.token"

  #login {
    #auth_method = "nomad-workloads"
    #jwt_file    = "/secrets/nomad_consul_default.jwt" # read again at each login
  #}

  #datacenter = "dc1"      # that of the agent where it is not written
  #namespace  = "platform" # enterprise edition; or CONSUL_NAMESPACE
  #partition  = "default"  # enterprise edition; or CONSUL_PARTITION

  # For an https address; or CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME.
  #ca_file     = "/etc/nova/consul/ca.pem"
  #cert_file   = "/etc/nova/consul/cert.pem"
  #key_file    = "/etc/nova/consul/key.pem"
  #server_name = "server.dc1.consul"

  # In place of cert_file and key_file: Vault signs what Consul is shown. It has the fields of tls.vault_certificate.
  #vault_client_certificate {
    #mount       = "pki"
    #role        = "nova-proxy"
    #common_name = "nova-proxy.service.consul"
    #alt_names   = ["nova-proxy.internal"]
    #ip_sans     = ["10.0.0.5"]
    #uri_sans    = ["spiffe://example.com/nova-proxy"]
    #ttl         = "24h"
  #}

  #max_stale = "10s" # how old the answer of a server without its leader may be before the state is called stale

  #service {
    #register = true
    #name     = "nova-proxy"
    #address  = "10.0.0.5" # that of listen where it is not written, the node's where listen is on all addresses
    #tags     = ["primary"]

    #check_interval            = "10s" # how often the agent asks whether the instance is ready
    #deregister_critical_after = "30m" # then the agent takes it out of the catalog
  #}
#}

limits {
  body_memory = "1GiB" # of all bodies that are being read. bootstrap

  # All runtime from here.
  body_bytes          = "25MiB"
  body_timeout        = "4m"
  concurrency         = 256
  queue               = 1024
  queue_timeout       = "10s"
  n                   = 8
  keep_alive_interval = "15s"
}

# Either keys_file, or none = true on a loopback address. bootstrap
auth {
  keys_file = "/etc/nova/keys.json"
  #pepper_file = "/etc/nova/keys.json.pepper" # by default beside keys_file
  #pepper_secret = "pepper" # in place of a file, a secret that is declared below
  none = false
}

# Secrets by the names that other fields know them under: where each is, never what it is. bootstrap
#secret "pepper" {
  #vault = "kv/nova/proxy#pepper" # mount, path and field, as vault kv get takes them
#}
#secret "of-aws" {
  #aws_secrets_manager = "nova/proxy#pepper" # name or ARN, and the key where it is JSON; by the credentials that call Bedrock
#}
#secret "of-a-file" {
  #file = "/run/secrets/pepper"
#}
#secret "of-the-environment" {
  #env = "NOVA_PEPPER"
#}

# The last known pepper, AWS credentials of Vault and certificate of Vault, kept sealed in data_dir for a start without Vault or AWS.
# Without this block none is kept. All bootstrap.
#secret_cache {
  #key_file = "/run/credentials/nova/secret-cache.key" # openssl rand -base64 32, on another volume than data_dir, mode 0400
  #max_age  = "24h"
#}

image_fetch {
  allow_hosts            = []      # host names, or "*.example.com"; none: no image is fetched. bootstrap
  max_bytes              = "20MiB" # runtime
  timeout                = "10s"   # runtime
  allow_private_networks = false   # bootstrap
}

# Any number of these, all runtime. The label is the name that callers use.
#model "gpt-4o" {
  # A Bedrock model id, inference profile id or ARN, or a short name such as nova-pro. Required.
  #target = "us.amazon.nova-pro-v1:0"

  # The Nova model behind a target that does not tell it, such as an application inference profile.
  #base_model = "nova-pro"

  # Serve the model past its end of life, because AWS has agreed to answer this account.
  #extended_access = false

  # Where the request does not say.
  #max_tokens       = 4096
  #reasoning_effort = "low" # none, minimal, low, medium or high

  #service_tier       = "default" # default, flex, priority or reserved
  #prompt_cache       = []        # of "system" and "messages"
  #strict             = false     # as at the top, for this model
  #first_byte_timeout = "60m"     # as in bedrock, for this model

  #stream_failover_after = "20s"               # as in bedrock, for this model
  #request_metadata      = { product = "chat" } # as at the top, for this model

  #guardrail {
    #id      = "gr-1234567890ab"
    #version = "1" # or "DRAFT"
    #trace   = "disabled" # disabled, enabled or enabled_full
  #}

  # remove = true, alone in the block, takes out a name that an earlier file or the well-known names gave.
  #remove = false
#}
