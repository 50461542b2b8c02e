server {
  max_connections = 0
  header_timeout  = "1h"
}
bedrock {
  region          = "us-east-1"
  connect_timeout = "1ms"
  retry { max_attempts = -1 }
}
limits { body_bytes = "10GiB" }
auth { none = true }
