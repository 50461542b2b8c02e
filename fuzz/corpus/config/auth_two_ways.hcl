bedrock { region = "us-east-1" }
auth {
  keys_file = "/etc/nova/keys.json"
  none      = true
}
