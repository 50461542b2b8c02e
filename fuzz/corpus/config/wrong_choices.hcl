log {
  level  = "inf"
  format = "xml"
}
bedrock { region = "us-east-1" }
auth { none = true }
model "x" {
  target           = "nova-pro"
  reasoning_effort = "hihg"
  prompt_cache     = ["system", "tools"]
}
