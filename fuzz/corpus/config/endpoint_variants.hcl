bedrock {
  region    = "us-east-1"
  use_fips  = true
  endpoints = { us-east-1 = "https://vpce-1.example.com" }
  assume_role {
    arn          = "arn:aws:iam::123456789012:role/nova"
    session_tags = { team = "platform" }
  }
}
auth { none = true }
