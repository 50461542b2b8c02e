bedrock { region = "us-east-1" }
auth { keys_file = "/etc/nova/keys.json" }
tls {
  cert_file = "/etc/nova/tls/cert.pem"
  key_file  = "/etc/nova/tls/key.pem"
  metrics   = true
}
