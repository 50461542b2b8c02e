# The same on each node; nova-node writes the rest into node.json beside it.

data_dir             = "/var/lib/nomad"
bind_addr            = "{{ GetPrivateIP }}"
disable_update_check = true

# A machine that is told to stop moves its tasks first.
leave_on_interrupt = true
leave_on_terminate = true

client {
  enabled = true

  # Streams may go on for as long as the proxy's drain_seconds.
  drain_on_shutdown {
    deadline           = "15m"
    force              = false
    ignore_system_jobs = true
  }

  # Tasks see what is here, and of the machine nothing else. /opt/nova has the releases of the image.
  chroot_env {
    "/bin"            = "/bin"
    "/etc/ld.so.conf" = "/etc/ld.so.conf"
    "/etc/passwd"     = "/etc/passwd"
    "/etc/ssl/certs"  = "/etc/ssl/certs"
    "/lib"            = "/lib"
    "/lib64"          = "/lib64"
    "/opt/nova"       = "/opt/nova"
    "/usr/lib"        = "/usr/lib"
  }

  # What an instance of the proxy keeps: the documents that were in force last.
  host_volume "nova-data" {
    path = "/var/lib/nova-proxy"
  }
}

plugin "raw_exec" {
  config {
    enabled = false
  }
}

acl {
  enabled = true
}

tls {
  http = true
  rpc  = true

  ca_file   = "/etc/nomad.d/ca.pem"
  cert_file = "/etc/nomad.d/cert.pem"
  key_file  = "/etc/nomad.d/key.pem"

  verify_server_hostname = true
  verify_https_client    = false
}

consul {
  address = "127.0.0.1:8500"
}

telemetry {
  prometheus_metrics         = true
  publish_allocation_metrics = true
  publish_node_metrics       = true
}
