bedrock {
  region           = "us-east-1"
  endpoint         = "https://vpce-1.example.com"
  failover_regions = ["us-east-1", "us-west-2"]
  endpoints        = { "eu-west-1" = "https://user@example.com", us-east-1 = "https://example.com" }
}
auth { none = true }
