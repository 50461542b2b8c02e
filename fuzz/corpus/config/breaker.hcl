bedrock {
  region = "us-east-1"
  breaker {
    failure_percent = 50
    open_for        = "10m"
    open_max        = "1m"
  }
}
auth { none = true }
