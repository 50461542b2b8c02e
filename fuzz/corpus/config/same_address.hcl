listen  = "127.0.0.1:8080"
metrics = "127.0.0.1:8080"
bedrock {
  region = "us-east-1"
  retry {
    base_delay = "10s"
    max_delay  = "5s"
  }
}
auth { none = true }
