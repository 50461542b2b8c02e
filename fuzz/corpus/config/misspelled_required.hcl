auth { none = true }
bedrock { region = "us-east-1" }
model "x" { targt = "nova-pro" }
