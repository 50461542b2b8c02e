requires = "< 0.0.1"
bedrock { region = "us-east-1" }
auth { none = true }
