bedrock { region = "us-east-1" }
auth { keys_file = "/etc/nova/keys.json" }
server {
  trusted_proxies  = ["0.0.0.0/0", "10.0.0.0/33", "10.0.0.1"]
  forwarded_header = "x-forwarded-for"
}
