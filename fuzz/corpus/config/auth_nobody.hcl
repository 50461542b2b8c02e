bedrock { region = "us-east-1" }
auth { none = false }
