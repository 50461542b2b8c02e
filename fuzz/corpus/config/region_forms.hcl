bedrock {
  region    = "us-east-1"
  regions   = ["us-west-2", "us-west-2", "Oregon"]
  residency = "europe"
  endpoints = { "Oregon" = "https://example.com", "us-west-2" = 8080, "us-east-2" = "example.com" }
}
auth { none = true }
