bedrock {
  region = "us-east-1"
  assume_role {
    arn          = "arn:aws:iam::1:user/nova"
    external_id  = "a b"
    session_name = "x"
    session_tags = { "te,am" = "a", team = 1 }
  }
}
auth { none = true }
