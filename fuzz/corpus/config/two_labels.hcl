bedrock { region = "us-east-1" }
auth { none = true }
model "x" "y" { target = "nova-pro" }
