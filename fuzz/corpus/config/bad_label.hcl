bedrock { region = "us-east-1" }
auth { none = true }
model "gpt 4o" { target = "nova-pro" }
