bedrock { region = "us-east-1" }
auth { keys_file = "/etc/nova/keys.json" }
tls {
  cert_file   = ""
  min_version = "1.1"
}
