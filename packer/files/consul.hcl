# The same on each node; nova-node writes the rest into node.json beside it.

data_dir    = "/var/lib/consul"
client_addr = "127.0.0.1"
server      = false

# The interface of the machine, whatever the cloud calls it.
bind_addr = "{{ GetPrivateIP }}"

ports {
  # The agent speaks HTTP to its own machine alone.
  http     = 8500
  https    = -1
  grpc     = -1
  grpc_tls = -1
  dns      = 8600
}

acl {
  enabled                  = true
  default_policy           = "deny"
  down_policy              = "extend-cache"
  enable_token_persistence = true
}

tls {
  defaults {
    ca_file         = "/etc/consul.d/ca.pem"
    verify_incoming = true
    verify_outgoing = true
  }
  internal_rpc {
    verify_server_hostname = true
  }
}

# Its certificate comes from the servers, and is renewed by them.
auto_encrypt {
  tls = true
}

leave_on_terminate         = true
disable_update_check       = true
enable_script_checks       = false
enable_local_script_checks = false
