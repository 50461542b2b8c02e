bedrock "main" { region = "us-east-1" }
auth { none = true }
model { target = "nova-pro" }
