listen = "0.0.0.0:8080"
bedrock { region = "us-east-1" }
auth { none = true }
