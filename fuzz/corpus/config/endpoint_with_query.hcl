bedrock {
  region   = "us-east-1"
  endpoint = "https://example.com/?a=b"
}
auth { none = true }
