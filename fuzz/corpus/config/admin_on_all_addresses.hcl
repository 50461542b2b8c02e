admin = "0.0.0.0:8081"
bedrock { region = "us-east-1" }
auth { keys_file = "/etc/nova/keys.json" }
